//! The JSON serialisations (RFC 7515 §7.2), detached payloads (appendix F) and unencoded ones (RFC 7797): one payload,
//! one or more signatures.
//!
//! Not for JWTs: those are compact, carry their payload and always encode it.

use std::borrow::Cow;
use std::fmt;

use super::error::{ParseError, Part};
use super::header::{Header, Source};
use crate::b64;
use crate::members::{self, Members, decode, decode_at, text};

/// A message is read up to this many signatures: each could be checked with each key.
const SIGNATURES: usize = 16;

/// How a message is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    limit: usize,
    unencoded: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { limit: 256 << 10, unencoded: false }
    }
}

impl Reading {
    /// Messages of at most 256 KiB with encoded payloads.
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages of at most so many bytes.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Understands `b64` `false` (RFC 7797): the payload is signed as it is. Never in a JWT.
    #[must_use]
    pub fn also_unencoded(mut self) -> Self {
        self.unencoded = true;
        self
    }
}

/// A message whose shape is sound, and of which nothing else is known.
pub struct Message {
    /// The payload, decoded.
    payload: Vec<u8>,
    /// The payload as it is signed: base64url, or as it is.
    signed: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature of a message.
pub struct Signature {
    header: Header,
    /// The protected header as written; empty where nothing is protected.
    protected: String,
    encoded: bool,
    bytes: Vec<u8>,
}

impl Signature {
    /// What its headers say together.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether `alg` and everything else in its header is outside of what is signed.
    pub fn is_unprotected(&self) -> bool {
        self.protected.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Message {
    /// Reads a flattened or general serialisation that carries its payload.
    ///
    /// # Errors
    /// Anything about its shape. An `alg` that cannot be used is not among them.
    pub fn parse(json: &[u8], reading: Reading) -> Result<Self, ParseError> {
        Self::read(json, None, reading)
    }

    /// Reads a serialisation without payload: flattened, general, or compact with nothing between its dots. The
    /// payload is what the caller has by other means.
    ///
    /// # Errors
    /// Anything about its shape; it carries a payload after all.
    pub fn parse_detached(message: &[u8], payload: &[u8], reading: Reading) -> Result<Self, ParseError> {
        if message.trim_ascii_start().starts_with(b"{") {
            return Self::read(message, Some(payload), reading);
        }
        bounded(message, reading)?;
        let dots: Vec<usize> = memchr::memchr_iter(b'.', message).take(3).collect();
        let [first, second] = dots[..] else {
            return Err(ParseError::Parts(memchr::memchr_iter(b'.', message).count() + 1));
        };
        if second != first + 1 {
            return Err(ParseError::PayloadTwice);
        }
        if first == 0 {
            return Err(ParseError::EmptyPart(Part::Header));
        }
        let header: Result<_, ParseError> = decode_at(message, Part::Header, 0, first);
        let bytes = decode_at(message, Part::Signature, second + 1, message.len())?;
        let text = text(header?, Part::Header)?;
        let (header, encoded) = Header::joint(&[Source { text: &text, protected: true }], reading.unencoded)?;
        // It decoded, so it is ASCII.
        let protected = String::from_utf8_lossy(&message[..first]).into_owned();
        Self::of(Payload::Detached(payload), vec![Signature { header, protected, encoded, bytes }])
    }

    fn read(message: &[u8], detached: Option<&[u8]>, reading: Reading) -> Result<Self, ParseError> {
        bounded(message, reading)?;
        let members = Members::<ParseError>::scan(members::str(message, Part::Message)?)?;
        let flat = ["signature", "protected", "header"].iter().any(|name| members.has(name));
        if flat && members.has("signatures") {
            return Err(ParseError::Mixed);
        }
        let too_many = |found| ParseError::TooManySignatures { found, limit: SIGNATURES };
        let signatures = match members.list("signatures", SIGNATURES, too_many)? {
            None => vec![members.signature(reading)?],
            Some(list) => list.iter().map(|one| one.signature(reading)).collect::<Result<_, _>>()?,
        };
        let payload = match (members.string("payload")?, detached) {
            (Some(text), None) => Payload::Attached(text),
            (None, Some(bytes)) => Payload::Detached(bytes),
            (None, None) => return Err(ParseError::PayloadMissing),
            (Some(_), Some(_)) => return Err(ParseError::PayloadTwice),
        };
        Self::of(payload, signatures)
    }

    fn of(payload: Payload<'_>, signatures: Vec<Signature>) -> Result<Self, ParseError> {
        // RFC 7797 §3: all or none.
        let encoded = signatures.iter().all(|signature| signature.encoded);
        if !encoded && signatures.iter().any(|signature| signature.encoded) {
            return Err(ParseError::UnencodedMalformed);
        }
        let (payload, signed) = match (payload, encoded) {
            (Payload::Attached(text), true) => {
                (decode::<ParseError>(&text, Part::Payload)?, text.into_owned().into_bytes())
            }
            (Payload::Attached(text), false) => (text.as_bytes().to_vec(), text.into_owned().into_bytes()),
            (Payload::Detached(bytes), true) => (bytes.to_vec(), b64::encode(bytes).into_bytes()),
            (Payload::Detached(bytes), false) => (bytes.to_vec(), bytes.to_vec()),
        };
        Ok(Self { payload, signed, signatures })
    }

    /// The signatures, in order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What has been signed, if the signatures count: a claim until then.
    pub fn claimed_payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// What this signature covers.
    pub fn signing_input(&self, signature: &Signature) -> Vec<u8> {
        [signature.protected.as_bytes(), b".", &self.signed].concat()
    }
}

enum Payload<'p> {
    Attached(Cow<'p, str>),
    Detached(&'p [u8]),
}

fn bounded(message: &[u8], reading: Reading) -> Result<(), ParseError> {
    match message.len() {
        0 => Err(ParseError::Empty),
        len if len > reading.limit => Err(ParseError::TooLarge { len, limit: reading.limit }),
        _ => Ok(()),
    }
}

impl Members<'_, ParseError> {
    fn signature(&self, reading: Reading) -> Result<Signature, ParseError> {
        let protected = self.string("protected")?;
        let protected_text = match protected.as_deref() {
            // RFC 7515 §7.2.1: absent when there is nothing in it.
            Some("") => return Err(ParseError::EmptyPart(Part::Header)),
            Some(encoded) => Some(text(decode(encoded, Part::Header)?, Part::Header)?),
            None => None,
        };
        let mut sources = Vec::new();
        if let Some(text) = &protected_text {
            sources.push(Source { text, protected: true });
        }
        if let Some(text) = self.raw("header") {
            sources.push(Source { text, protected: false });
        }
        let (header, encoded) = Header::joint(&sources, reading.unencoded)?;
        let bytes =
            self.bytes("signature", Part::Signature)?.ok_or(ParseError::EmptyPart(Part::Signature))?;
        Ok(Signature { header, protected: protected.unwrap_or_default().into_owned(), encoded, bytes })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.signatures.iter().map(Signature::header)).finish()
    }
}
