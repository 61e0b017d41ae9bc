//! A JWE taken apart (RFC 7516 §3, §7): compact, flattened or general. Nothing is decrypted here.

use std::fmt;

use super::error::{ParseError, Part};
use super::header::{Header, Source};
use crate::jwa::Mode;
use crate::members::{self, Members, decode, decode_at, text};

/// A message is read up to this many recipients: each could be a private operation.
const RECIPIENTS: usize = 16;

/// A message whose shape is sound. What it says is a claim by whoever sent it.
pub struct Encrypted {
    pub(super) recipients: Vec<Recipient>,
    /// What the tag covers beside the ciphertext: the protected header as written, and the additional data.
    pub(super) aad: Vec<u8>,
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

pub(super) struct Recipient {
    pub(super) header: Header,
    pub(super) encrypted_key: Vec<u8>,
}

impl Encrypted {
    /// Takes a message of at most `limit` bytes apart: compact, or JSON if it begins with a brace.
    ///
    /// # Errors
    /// Anything about its shape. Algorithms that cannot be used are not among them.
    pub fn parse(message: &[u8], limit: usize) -> Result<Self, ParseError> {
        if message.is_empty() {
            return Err(ParseError::Empty);
        }
        if message.len() > limit {
            return Err(ParseError::TooLarge { len: message.len(), limit });
        }
        let json = message.trim_ascii_start().starts_with(b"{");
        let parsed = if json { Self::json(message)? } else { Self::compact(message)? };
        parsed.check()?;
        Ok(parsed)
    }

    /// The protected header as it stands in the message, for showing it and for records; empty where there is none.
    pub fn header_json(&self) -> String {
        let protected = self.aad.split(|byte| *byte == b'.').next().unwrap_or_default();
        // It was decoded and read as JSON before: neither fails now.
        crate::b64::decode(protected).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The headers, one per recipient.
    pub fn headers(&self) -> impl Iterator<Item = &Header> {
        self.recipients.iter().map(|recipient| &recipient.header)
    }

    fn compact(token: &[u8]) -> Result<Self, ParseError> {
        let dots: Vec<usize> = memchr::memchr_iter(b'.', token).take(6).collect();
        let [a, b, c, d] = dots[..] else {
            let parts = memchr::memchr_iter(b'.', token).count() + 1;
            return Err(if parts == 3 { ParseError::Signed } else { ParseError::Parts(parts) });
        };
        let decode = |part, from, to| -> Result<Vec<u8>, ParseError> { decode_at(token, part, from, to) };
        if a == 0 {
            return Err(ParseError::EmptyPart(Part::Header));
        }
        let header = text(decode(Part::Header, 0, a)?, Part::Header)?;
        let header = Header::read(&[Source { text: &header, part: Part::Header }])?;
        Ok(Self {
            recipients: vec![Recipient { header, encrypted_key: decode(Part::EncryptedKey, a + 1, b)? }],
            aad: token[..a].to_vec(),
            iv: decode(Part::Iv, b + 1, c)?,
            ciphertext: decode(Part::Ciphertext, c + 1, d)?,
            tag: decode(Part::Tag, d + 1, token.len())?,
        })
    }

    fn json(message: &[u8]) -> Result<Self, ParseError> {
        let members = Members::<ParseError>::scan(members::str(message, Part::Message)?)?;
        let protected = members.string("protected")?;
        if protected.as_deref() == Some("") {
            return Err(ParseError::EmptyPart(Part::Header));
        }
        let protected_text = match &protected {
            Some(encoded) => Some(text(decode(encoded, Part::Header)?, Part::Header)?),
            None => None,
        };
        let mut shared = Vec::new();
        if let Some(text) = &protected_text {
            shared.push(Source { text, part: Part::Header });
        }
        if let Some(text) = members.object("unprotected")? {
            shared.push(Source { text, part: Part::Unprotected });
        }
        let flat = ["header", "encrypted_key"].iter().any(|name| members.has(name));
        if flat && members.has("recipients") {
            return Err(ParseError::Mixed);
        }
        let too_many = |found| ParseError::TooManyRecipients { found, limit: RECIPIENTS };
        let recipients = match members.list("recipients", RECIPIENTS, too_many)? {
            None => vec![members.recipient(&shared)?],
            Some(list) => list.iter().map(|one| one.recipient(&shared)).collect::<Result<_, _>>()?,
        };
        let mut aad = protected.unwrap_or_default().into_owned().into_bytes();
        if let Some(more) = members.string("aad")? {
            // Only what is base64url can be what the sender's library encoded.
            decode::<ParseError>(&more, Part::Aad)?;
            aad.push(b'.');
            aad.extend(more.as_bytes());
        }
        let bytes =
            |name, part| -> Result<_, ParseError> { Ok(members.bytes(name, part)?.unwrap_or_default()) };
        if !members.has("ciphertext") {
            return Err(ParseError::Member { name: "ciphertext", expected: "a string", found: None });
        }
        Ok(Self {
            recipients,
            aad,
            iv: bytes("iv", Part::Iv)?,
            ciphertext: bytes("ciphertext", Part::Ciphertext)?,
            tag: bytes("tag", Part::Tag)?,
        })
    }

    /// What the algorithms fix about the parts, where they are known.
    fn check(&self) -> Result<(), ParseError> {
        for recipient in &self.recipients {
            let header = &recipient.header;
            if let Ok(enc) = header.enc() {
                for (part, expected, found) in
                    [(Part::Iv, enc.iv_len(), self.iv.len()), (Part::Tag, enc.tag_len(), self.tag.len())]
                {
                    if expected != found {
                        return Err(ParseError::Length { part, expected, found });
                    }
                }
                if header.enc() != self.recipients[0].header.enc() {
                    return Err(ParseError::Recipients("enc"));
                }
            }
            if let Ok(alg) = header.alg() {
                let none = matches!(alg.mode(), Mode::Direct | Mode::Agreement);
                let found = !recipient.encrypted_key.is_empty();
                if found == none {
                    return Err(ParseError::EncryptedKey { alg, found });
                }
                if none && self.recipients.len() > 1 {
                    return Err(ParseError::Recipients(alg.name()));
                }
            }
        }
        Ok(())
    }
}

impl Members<'_, ParseError> {
    /// One recipient, from `header` and `encrypted_key` here and what all share.
    fn recipient(&self, shared: &[Source<'_>]) -> Result<Recipient, ParseError> {
        let mut sources = shared.to_vec();
        if let Some(text) = self.object("header")? {
            sources.push(Source { text, part: Part::Unprotected });
        }
        let encrypted_key = self.bytes("encrypted_key", Part::EncryptedKey)?.unwrap_or_default();
        Ok(Recipient { header: Header::read(&sources)?, encrypted_key })
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted")
            .field("headers", &self.headers().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
