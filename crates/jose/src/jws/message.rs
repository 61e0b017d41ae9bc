//! The JSON serialisations (RFC 7515 §7.2), detached payloads (appendix F) and unencoded ones (RFC 7797): one payload,
//! one or more signatures.
//!
//! Not for JWTs: those are compact, carry their payload and always encode it.

use std::borrow::Cow;
use std::fmt;

use super::error::{ParseError, Part};
use super::header::{Header, Source};
use crate::b64;
use crate::json::{self, Entry, JsonError, JsonErrorKind, Kind, Limits, Outline};

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
        let at = |part, from: usize| {
            move |error: b64::Base64Error| ParseError::Base64 { part, error: error.moved(from) }
        };
        let header = b64::decode(&message[..first]).map_err(at(Part::Header, 0))?;
        let bytes = b64::decode(&message[second + 1..]).map_err(at(Part::Signature, second + 1))?;
        let text = text(header, Part::Header)?;
        let (header, encoded) = Header::joint(&[Source { text: &text, protected: true }], reading.unencoded)?;
        // It decoded, so it is ASCII.
        let protected = String::from_utf8_lossy(&message[..first]).into_owned();
        Self::of(Payload::Detached(payload), vec![Signature { header, protected, encoded, bytes }])
    }

    fn read(message: &[u8], detached: Option<&[u8]>, reading: Reading) -> Result<Self, ParseError> {
        bounded(message, reading)?;
        let all = std::str::from_utf8(message).map_err(|error| utf8(Part::Message, error.valid_up_to()))?;
        let members = Members::scan(all)?;
        let signatures = match members.entry("signatures") {
            None => vec![members.signature(reading)?],
            Some(_)
                if ["signature", "protected", "header"].iter().any(|name| members.entry(name).is_some()) =>
            {
                return Err(ParseError::Mixed);
            }
            Some(entry) => members.signatures(entry, reading)?,
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
                let part = Part::Payload;
                let bytes =
                    b64::decode(text.as_bytes()).map_err(|error| ParseError::Base64 { part, error })?;
                (bytes, text.into_owned().into_bytes())
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

fn utf8(part: Part, at: usize) -> ParseError {
    ParseError::Json { part, error: JsonError { kind: JsonErrorKind::Utf8, at } }
}

fn text(bytes: Vec<u8>, part: Part) -> Result<String, ParseError> {
    String::from_utf8(bytes).map_err(|error| utf8(part, error.utf8_error().valid_up_to()))
}

struct Members<'t> {
    text: &'t str,
    outline: Outline,
}

impl<'t> Members<'t> {
    fn scan(text: &'t str) -> Result<Self, ParseError> {
        let part = Part::Message;
        let limits = Limits { bytes: text.len(), ..Limits::KEYS };
        let outline = json::scan(text, limits).map_err(|error| ParseError::Json { part, error })?;
        match outline.kind {
            Kind::Object => Ok(Self { text, outline }),
            found => Err(ParseError::NotAnObject { part, found }),
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.outline.member(self.text, name)
    }

    fn string(&self, name: &'static str) -> Result<Option<Cow<'t, str>>, ParseError> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        let wrong = ParseError::Member { name, expected: "a string", found: entry.kind };
        entry.string(self.text).ok_or(wrong).map(Some)
    }

    fn signature(&self, reading: Reading) -> Result<Signature, ParseError> {
        let protected = self.string("protected")?.unwrap_or_default();
        let part = Part::Header;
        let protected_text = match &*protected {
            // RFC 7515 §7.2.1: absent when there is nothing in it.
            "" if self.entry("protected").is_some() => return Err(ParseError::EmptyPart(part)),
            "" => None,
            some => {
                let bytes =
                    b64::decode(some.as_bytes()).map_err(|error| ParseError::Base64 { part, error })?;
                Some(text(bytes, part)?)
            }
        };
        let mut sources = Vec::new();
        if let Some(text) = &protected_text {
            sources.push(Source { text, protected: true });
        }
        if let Some(entry) = self.entry("header") {
            sources.push(Source { text: entry.raw(self.text), protected: false });
        }
        let (header, encoded) = Header::joint(&sources, reading.unencoded)?;
        let bytes = self.string("signature")?.ok_or(ParseError::EmptyPart(Part::Signature))?;
        let bytes = b64::decode(bytes.as_bytes())
            .map_err(|error| ParseError::Base64 { part: Part::Signature, error })?;
        Ok(Signature { header, protected: protected.into_owned(), encoded, bytes })
    }

    fn signatures(&self, entry: &Entry, reading: Reading) -> Result<Vec<Signature>, ParseError> {
        let wrong = |found| ParseError::Member { name: "signatures", expected: "an array of objects", found };
        if entry.kind != Kind::Array {
            return Err(wrong(entry.kind));
        }
        let raw = entry.raw(self.text);
        let limits = Limits { bytes: raw.len(), ..Limits::KEYS };
        let list =
            json::scan(raw, limits).map_err(|error| ParseError::Json { part: Part::Message, error })?.entries;
        match list.len() {
            0 => return Err(wrong(Kind::Array)),
            found if found > SIGNATURES => {
                return Err(ParseError::TooManySignatures { found, limit: SIGNATURES });
            }
            _ => {}
        }
        list.iter()
            .map(|element| match element.kind {
                Kind::Object => Members::scan(element.raw(raw))?.signature(reading),
                found => Err(wrong(found)),
            })
            .collect()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.signatures.iter().map(Signature::header)).finish()
    }
}
