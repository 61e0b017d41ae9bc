//! The JOSE header of a JWE: what its protected, shared and own headers say together (RFC 7516 §4).

use super::error::{ParseError, Part};
use crate::b64;
use crate::json::{Entry, Kind, Limits};
use crate::jwa::{Enc, KeyManagement, UnknownAlgorithm};
use crate::jwk::Jwk;
use crate::jws::{KID_LIMIT, Pointers, critical};
use crate::members::{self, NAMED, Seen, parameter};

/// A header whose shape is sound, for one recipient.
#[derive(Clone, Debug)]
pub struct Header {
    alg: Result<KeyManagement, UnknownAlgorithm>,
    enc: Result<Enc, UnknownAlgorithm>,
    pub(super) zip: bool,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
    cty: Option<Box<str>>,
    pointers: Pointers,
    pub(super) epk: Option<Box<Jwk>>,
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
    pub(super) p2s: Option<Vec<u8>>,
    pub(super) p2c: Option<u64>,
    pub(super) iv: Option<Vec<u8>>,
    pub(super) tag: Option<Vec<u8>>,
}

/// One of the headers that make up a recipient's, as JSON text.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) part: Part,
}

impl Header {
    /// Reads the headers that make up one, in any order. No parameter may stand in two of them.
    pub(super) fn read(sources: &[Source<'_>]) -> Result<Self, ParseError> {
        let (mut alg, mut enc) = (None, None);
        let mut header = Self {
            alg: Err(UnknownAlgorithm::of("")),
            enc: Err(UnknownAlgorithm::of("")),
            zip: false,
            kid: None,
            typ: None,
            cty: None,
            pointers: Pointers::default(),
            epk: None,
            apu: Vec::new(),
            apv: Vec::new(),
            p2s: None,
            p2c: None,
            iv: None,
            tag: None,
        };
        let mut seen = Seen::default();
        for &Source { text, part } in sources {
            let outline = members::object(text, part, Limits::HEADER)?;
            for entry in &outline.entries {
                let key = entry.key(text);
                seen.once(key.clone())?;
                match &*key {
                    "alg" => alg = Some(parameter::<ParseError>(entry, text, "alg")?.parse()),
                    "enc" => enc = Some(parameter::<ParseError>(entry, text, "enc")?.parse()),
                    "kid" => header.kid = Some(parameter::<ParseError>(entry, text, "kid")?.into()),
                    "typ" => header.typ = Some(parameter::<ParseError>(entry, text, "typ")?.into()),
                    "cty" => header.cty = Some(parameter::<ParseError>(entry, text, "cty")?.into()),
                    "zip" | "crit" if part != Part::Header => {
                        return Err(ParseError::Unprotected(if key == "zip" { "zip" } else { "crit" }));
                    }
                    "zip" => match &*parameter::<ParseError>(entry, text, "zip")? {
                        "DEF" => header.zip = true,
                        other => return Err(ParseError::ZipUnknown(other.chars().take(NAMED).collect())),
                    },
                    "crit" => critical(entry, text, &outline, &[]).map_err(ParseError::Crit)?,
                    "epk" => header.epk = Some(Box::new(ephemeral(entry, text)?)),
                    "apu" => header.apu = bytes(entry, text, "apu")?,
                    "apv" => header.apv = bytes(entry, text, "apv")?,
                    "p2s" => header.p2s = Some(bytes(entry, text, "p2s")?),
                    "p2c" => header.p2c = Some(count(entry, text)?),
                    "iv" => header.iv = Some(bytes(entry, text, "iv")?),
                    "tag" => header.tag = Some(bytes(entry, text, "tag")?),
                    other => header.pointers.note(other),
                }
            }
        }
        header.alg = alg.ok_or(ParseError::ParameterMissing("alg"))?;
        header.enc = enc.ok_or(ParseError::ParameterMissing("enc"))?;
        if header.kid.as_ref().is_some_and(|kid| kid.len() > KID_LIMIT) {
            return Err(ParseError::ParameterMalformed("kid"));
        }
        Ok(header)
    }

    /// The key management that the message claims.
    ///
    /// # Errors
    /// A name that means nothing here.
    pub fn alg(&self) -> Result<KeyManagement, UnknownAlgorithm> {
        self.alg.clone()
    }

    /// The content encryption that the message claims.
    ///
    /// # Errors
    /// A name that means nothing here.
    pub fn enc(&self) -> Result<Enc, UnknownAlgorithm> {
        self.enc.clone()
    }

    /// The id of the recipient's key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The media type of the message, as written.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The media type of the content, as written: `JWT` for a nested token.
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }

    /// Whether the content is compressed.
    pub fn is_compressed(&self) -> bool {
        self.zip
    }

    /// Which key pointers were there and ignored.
    pub fn pointers(&self) -> Pointers {
        self.pointers
    }
}

fn bytes(entry: &Entry, text: &str, name: &'static str) -> Result<Vec<u8>, ParseError> {
    let value = parameter::<ParseError>(entry, text, name)?;
    b64::decode(value.as_bytes()).map_err(|_| ParseError::ParameterMalformed(name))
}

/// A whole number as written, without sign, point or exponent.
fn count(entry: &Entry, text: &str) -> Result<u64, ParseError> {
    if entry.kind != Kind::Number {
        return Err(ParseError::ParameterType { name: "p2c", expected: "a number", found: entry.kind });
    }
    entry.raw(text).parse().map_err(|_| ParseError::ParameterMalformed("p2c"))
}

/// A public key, and nothing but one: its point is checked when it is read.
fn ephemeral(entry: &Entry, text: &str) -> Result<Jwk, ParseError> {
    if entry.kind != Kind::Object {
        return Err(ParseError::ParameterType { name: "epk", expected: "an object", found: entry.kind });
    }
    match Jwk::parse(entry.raw(text).as_bytes()) {
        Ok(key) if !key.is_private() => Ok(key),
        _ => Err(ParseError::ParameterMalformed("epk")),
    }
}
