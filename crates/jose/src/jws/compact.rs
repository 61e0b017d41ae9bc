//! The compact serialisation (RFC 7515 §7.1): three parts with dots between.

use super::error::{ParseError, Part};
use crate::b64;

/// A token longer than this is refused unless the caller says otherwise: 16 KiB, more than servers take in a header.
pub const DEFAULT_LIMIT: usize = 16 << 10;

/// A compact JWS cut at its dots. Borrowed from the token; nothing is decoded or believed yet.
#[derive(Clone, Copy)]
pub struct Compact<'t> {
    token: &'t [u8],
    /// Where the first and the second dot are.
    dots: (usize, usize),
}

impl<'t> Compact<'t> {
    /// Cuts a token of at most `limit` bytes into exactly three parts.
    ///
    /// An empty signature is let through: an unsigned token (`alg` `none`) is refused for what it is, not for its shape.
    ///
    /// # Errors
    /// Too large, empty, another number of parts, an empty header or payload.
    pub fn parse(token: &'t [u8], limit: usize) -> Result<Self, ParseError> {
        if token.is_empty() {
            return Err(ParseError::Empty);
        }
        if token.len() > limit {
            return Err(ParseError::TooLarge { len: token.len(), limit });
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            let parts = memchr::memchr_iter(b'.', token).count() + 1;
            return Err(if parts == 5 { ParseError::Encrypted } else { ParseError::Parts(parts) });
        };
        let compact = Self { token, dots: (first, second) };
        if compact.header().is_empty() {
            return Err(ParseError::EmptyPart(Part::Header));
        }
        if compact.payload().is_empty() {
            return Err(ParseError::EmptyPart(Part::Payload));
        }
        Ok(compact)
    }

    /// The whole token.
    pub fn token_bytes(&self) -> &'t [u8] {
        self.token
    }

    /// What the signature covers: header, dot, payload, as they stand in the token.
    pub fn signing_input(&self) -> &'t [u8] {
        &self.token[..self.dots.1]
    }

    /// The header, base64url.
    pub fn header(&self) -> &'t [u8] {
        &self.token[..self.dots.0]
    }

    /// The payload, base64url.
    pub fn payload(&self) -> &'t [u8] {
        &self.token[self.dots.0 + 1..self.dots.1]
    }

    /// The signature, base64url.
    pub fn signature(&self) -> &'t [u8] {
        &self.token[self.dots.1 + 1..]
    }

    /// Appends the decoded part to `out`; offsets in errors count from the start of the token.
    pub(crate) fn decode(&self, part: Part, out: &mut Vec<u8>) -> Result<(), ParseError> {
        let (text, from) = match part {
            Part::Header => (self.header(), 0),
            Part::Payload => (self.payload(), self.dots.0 + 1),
            Part::Signature => (self.signature(), self.dots.1 + 1),
            // A compact token has neither.
            Part::Unprotected | Part::Message => (&[][..], 0),
        };
        b64::decode_onto(text, out).map_err(|error| ParseError::Base64 { part, error: error.moved(from) })
    }
}

/// What the signature of this token covers, found without parsing it: everything before the last dot. For looking up
/// by digest what has been parsed and verified before.
pub fn signing_input_of(token: &[u8]) -> Option<&[u8]> {
    memchr::memrchr(b'.', token).map(|dot| &token[..dot])
}

impl std::fmt::Debug for Compact<'_> {
    /// The lengths of the parts; never the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (header, payload, signature) =
            (self.header().len(), self.payload().len(), self.signature().len());
        write!(f, "Compact({header}.{payload}.{signature})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_and_no_other_number() {
        let compact = Compact::parse(b"aa.bbb.c", 100).unwrap();
        assert_eq!(compact.signing_input(), b"aa.bbb");
        assert_eq!(
            (compact.header(), compact.payload(), compact.signature()),
            (&b"aa"[..], &b"bbb"[..], &b"c"[..])
        );
        assert_eq!(signing_input_of(b"aa.bbb.c"), Some(&b"aa.bbb"[..]));
        for (token, want) in [
            ("", ParseError::Empty),
            ("a", ParseError::Parts(1)),
            ("a.b", ParseError::Parts(2)),
            ("a.b.c.d", ParseError::Parts(4)),
            ("a.b.c.d.e", ParseError::Encrypted),
            ("......", ParseError::Parts(7)),
            (".b.c", ParseError::EmptyPart(Part::Header)),
            ("a..c", ParseError::EmptyPart(Part::Payload)),
            ("a.b.cccccccc", ParseError::TooLarge { len: 12, limit: 10 }),
        ] {
            assert_eq!(Compact::parse(token.as_bytes(), 10).unwrap_err(), want, "{token}");
        }
    }
}
