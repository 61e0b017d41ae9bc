//! base64url as RFC 7515 §2 has it: no padding, no white space, and one spelling per value (the bits behind the last
//! whole byte are zero, otherwise many tokens would be "the same" one and slip past anything keyed by their bytes).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Why something is not base64url in its one spelling. Offsets are bytes from the start of what was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// `=` at the end: base64 of another kind, or padded by a library.
    #[error("base64url must not be padded, at byte {0}")]
    Padding(usize),
    /// `+` or `/`: the standard alphabet instead of the URL one.
    #[error("standard base64 alphabet instead of base64url, at byte {0}")]
    StandardAlphabet(usize),
    /// A space or line break: pasted from a wrapped text.
    #[error("white space inside base64url, at byte {0}")]
    WhiteSpace(usize),
    /// Anything else that is in no alphabet: quotes, percent signs, control characters.
    #[error("not a base64url character, at byte {0}")]
    Character(usize),
    /// A length that no encoder produces (4n+1): cut off.
    #[error("impossible base64url length, cut off at byte {0}")]
    Length(usize),
    /// The unused bits of the last character are not zero: altered, or a sloppy encoder.
    #[error("unused bits of the last base64url character are not zero, at byte {0}")]
    TrailingBits(usize),
}

impl Base64Error {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Padding(_) => "base64_padding",
            Self::StandardAlphabet(_) => "base64_standard_alphabet",
            Self::WhiteSpace(_) => "base64_white_space",
            Self::Character(_) => "base64_character",
            Self::Length(_) => "base64_length",
            Self::TrailingBits(_) => "base64_trailing_bits",
        }
    }

    /// Where, in bytes from the start of what was decoded.
    pub fn offset(&self) -> usize {
        match *self {
            Self::Padding(at)
            | Self::StandardAlphabet(at)
            | Self::WhiteSpace(at)
            | Self::Character(at)
            | Self::Length(at)
            | Self::TrailingBits(at) => at,
        }
    }

    /// The same fault, seen from `by` bytes earlier.
    pub(crate) fn moved(self, by: usize) -> Self {
        match self {
            Self::Padding(at) => Self::Padding(at + by),
            Self::StandardAlphabet(at) => Self::StandardAlphabet(at + by),
            Self::WhiteSpace(at) => Self::WhiteSpace(at + by),
            Self::Character(at) => Self::Character(at + by),
            Self::Length(at) => Self::Length(at + by),
            Self::TrailingBits(at) => Self::TrailingBits(at + by),
        }
    }
}

/// Decodes into a new buffer of the right size.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut out = Vec::new();
    decode_onto(text, &mut out)?;
    Ok(out)
}

/// Decodes behind what `out` holds already; on failure `out` keeps what it held.
pub(crate) fn decode_onto(text: &[u8], out: &mut Vec<u8>) -> Result<(), Base64Error> {
    let held = out.len();
    // The engine writes whole groups of three, so it wants room for the last group even when it is not full.
    out.resize(held + text.len().div_ceil(4) * 3, 0);
    match URL_SAFE_NO_PAD.decode_slice(text, &mut out[held..]) {
        Ok(written) => {
            out.truncate(held + written);
            Ok(())
        }
        Err(_) => {
            out.truncate(held);
            Err(diagnose(text))
        }
    }
}

/// The spelling that [`decode`] reads back.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends the spelling of `bytes` to `out`.
pub(crate) fn encode_onto(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// Finds the first fault by itself: the engine's errors do not tell the causes apart that a person needs told apart.
fn diagnose(text: &[u8]) -> Base64Error {
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'=' => return Base64Error::Padding(at),
            b'+' | b'/' => return Base64Error::StandardAlphabet(at),
            b' ' | b'\t' | b'\r' | b'\n' => return Base64Error::WhiteSpace(at),
            _ => return Base64Error::Character(at),
        }
    }
    if text.len() % 4 == 1 {
        return Base64Error::Length(text.len() - 1);
    }
    Base64Error::TrailingBits(text.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_name_and_place() {
        for (text, want) in [
            ("YQ==", Base64Error::Padding(2)),
            ("YW+h", Base64Error::StandardAlphabet(2)),
            ("YW/h", Base64Error::StandardAlphabet(2)),
            ("YW\nh", Base64Error::WhiteSpace(2)),
            ("\"YWh", Base64Error::Character(0)),
            ("YWhhY", Base64Error::Length(4)),
            ("YR", Base64Error::TrailingBits(1)),
            ("YWF", Base64Error::TrailingBits(2)),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(want), "{text}");
        }
    }

    #[test]
    fn only_one_spelling_of_each_last_character_is_read() {
        // Two characters carry one byte and four unused bits: of the 64 second characters, 4 are canonical.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        assert_eq!(alphabet.iter().filter(|c| decode(&[b'Y', **c]).is_ok()).count(), 4);
        assert_eq!(alphabet.iter().filter(|c| decode(&[b'Y', b'W', **c]).is_ok()).count(), 16);
    }

    #[test]
    fn what_was_held_survives_a_failure() {
        let mut out = b"held".to_vec();
        assert!(decode_onto(b"====", &mut out).is_err());
        decode_onto(b"YWI", &mut out).unwrap();
        assert_eq!(out, b"heldab");
    }
}
