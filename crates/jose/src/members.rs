//! What the JSON serialisations of JWS (RFC 7515 §7.2) and JWE (RFC 7516 §7.2) have in common: objects whose members
//! are base64url, JSON within base64url, and lists of further objects; and headers in several places.
//!
//! Not for: what the members mean. That is [`crate::jws`]'s and [`crate::jwe`]'s, and so are the errors.

use std::borrow::Cow;
use std::marker::PhantomData;

use crate::b64::{self, Base64Error};
use crate::json::{self, Entry, JsonError, JsonErrorKind, Kind, Limits, Outline};

/// The shape errors of one of the two.
pub(crate) trait Shape: Sized {
    /// The parts of its messages.
    type Part: Copy;

    /// The JSON around all of it.
    const MESSAGE: Self::Part;

    fn base64(part: Self::Part, error: Base64Error) -> Self;
    fn json(part: Self::Part, error: JsonError) -> Self;
    fn not_an_object(part: Self::Part, found: Kind) -> Self;
    fn member(name: &'static str, expected: &'static str, found: Kind) -> Self;
    fn parameter_type(name: &'static str, expected: &'static str, found: Kind) -> Self;
    fn parameter_twice(name: Box<str>) -> Self;
}

/// Two enums have the same variants for what they share; the kind of a member that one of them may lack is made by `$found`.
macro_rules! shape {
    ($error:ident, $part:ident, $found:path) => {
        impl $crate::members::Shape for $error {
            type Part = $part;

            const MESSAGE: $part = $part::Message;

            fn base64(part: $part, error: Base64Error) -> Self {
                $error::Base64 { part, error }
            }

            fn json(part: $part, error: JsonError) -> Self {
                $error::Json { part, error }
            }

            fn not_an_object(part: $part, found: Kind) -> Self {
                $error::NotAnObject { part, found }
            }

            fn member(name: &'static str, expected: &'static str, found: Kind) -> Self {
                $error::Member { name, expected, found: $found(found) }
            }

            fn parameter_type(name: &'static str, expected: &'static str, found: Kind) -> Self {
                $error::ParameterType { name, expected, found }
            }

            fn parameter_twice(name: Box<str>) -> Self {
                $error::ParameterTwice(name)
            }
        }
    };
}
pub(crate) use shape;

/// The longest name of a parameter that is kept for a message.
pub(crate) const NAMED: usize = 64;

/// Decodes a part whose offsets count from its own start.
pub(crate) fn decode<E: Shape>(encoded: &str, part: E::Part) -> Result<Vec<u8>, E> {
    b64::decode(encoded.as_bytes()).map_err(|error| E::base64(part, error))
}

/// Decodes a part of a compact token; offsets count from the start of the token.
pub(crate) fn decode_at<E: Shape>(token: &[u8], part: E::Part, from: usize, to: usize) -> Result<Vec<u8>, E> {
    b64::decode(&token[from..to]).map_err(|error| E::base64(part, error.moved(from)))
}

/// Bytes that have to be text.
pub(crate) fn text<E: Shape>(bytes: Vec<u8>, part: E::Part) -> Result<String, E> {
    String::from_utf8(bytes).map_err(|error| utf8(part, error.utf8_error()))
}

/// The same for borrowed bytes.
pub(crate) fn str<E: Shape>(bytes: &[u8], part: E::Part) -> Result<&str, E> {
    std::str::from_utf8(bytes).map_err(|error| utf8(part, error))
}

fn utf8<E: Shape>(part: E::Part, error: std::str::Utf8Error) -> E {
    E::json(part, JsonError { kind: JsonErrorKind::Utf8, at: error.valid_up_to() })
}

/// Scans text that has to be an object.
pub(crate) fn object<E: Shape>(text: &str, part: E::Part, limits: Limits) -> Result<Outline, E> {
    let outline = json::scan(text, limits).map_err(|error| E::json(part, error))?;
    match outline.kind {
        Kind::Object => Ok(outline),
        found => Err(E::not_an_object(part, found)),
    }
}

/// A header parameter that has to be a string.
pub(crate) fn parameter<'t, E: Shape>(
    entry: &Entry,
    text: &'t str,
    name: &'static str,
) -> Result<Cow<'t, str>, E> {
    entry.string(text).ok_or_else(|| E::parameter_type(name, "a string", entry.kind))
}

/// The parameters of all headers of one signature or recipient. None may stand in two of them: two readers could take
/// either.
#[derive(Default)]
pub(crate) struct Seen<'t>(Vec<Cow<'t, str>>);

impl<'t> Seen<'t> {
    pub(crate) fn once<E: Shape>(&mut self, key: Cow<'t, str>) -> Result<(), E> {
        if self.0.contains(&key) {
            return Err(E::parameter_twice(key.chars().take(NAMED).collect()));
        }
        self.0.push(key);
        Ok(())
    }
}

/// The members of one object of a serialisation.
pub(crate) struct Members<'t, E> {
    text: &'t str,
    outline: Outline,
    errors: PhantomData<fn() -> E>,
}

impl<'t, E: Shape> Members<'t, E> {
    pub(crate) fn scan(text: &'t str) -> Result<Self, E> {
        Ok(Self { text, outline: object(text, E::MESSAGE, whole(text))?, errors: PhantomData })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.outline.member(self.text, name)
    }

    /// A member as it is written, whatever it is.
    pub(crate) fn raw(&self, name: &str) -> Option<&'t str> {
        self.entry(name).map(|entry| entry.raw(self.text))
    }

    /// A member that is a string where it is there.
    pub(crate) fn string(&self, name: &'static str) -> Result<Option<Cow<'t, str>>, E> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        entry.string(self.text).ok_or_else(|| E::member(name, "a string", entry.kind)).map(Some)
    }

    /// A member that is base64url where it is there.
    pub(crate) fn bytes(&self, name: &'static str, part: E::Part) -> Result<Option<Vec<u8>>, E> {
        self.string(name)?.map(|encoded| decode(&encoded, part)).transpose()
    }

    /// The text of a member that is an object where it is there.
    pub(crate) fn object(&self, name: &'static str) -> Result<Option<&'t str>, E> {
        match self.entry(name) {
            None => Ok(None),
            Some(entry) if entry.kind == Kind::Object => Ok(Some(entry.raw(self.text))),
            Some(entry) => Err(E::member(name, "an object", entry.kind)),
        }
    }

    /// A member that is a list of objects where it is there: at least one, and at most `limit`.
    pub(crate) fn list(
        &self,
        name: &'static str,
        limit: usize,
        too_many: impl FnOnce(usize) -> E,
    ) -> Result<Option<Vec<Members<'t, E>>>, E> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        let wrong = |found| E::member(name, "an array of objects", found);
        let raw = entry.raw(self.text);
        if entry.kind != Kind::Array {
            return Err(wrong(entry.kind));
        }
        let list = json::scan(raw, whole(raw)).map_err(|error| E::json(E::MESSAGE, error))?.entries;
        match list.len() {
            0 => return Err(wrong(Kind::Array)),
            found if found > limit => return Err(too_many(found)),
            _ => {}
        }
        let each = list.iter().map(|element| match element.kind {
            Kind::Object => Members::scan(element.raw(raw)),
            found => Err(wrong(found)),
        });
        each.collect::<Result<_, _>>().map(Some)
    }
}

/// The limits of a message whose size has been looked at.
fn whole(text: &str) -> Limits {
    Limits { bytes: text.len(), ..Limits::KEYS }
}
