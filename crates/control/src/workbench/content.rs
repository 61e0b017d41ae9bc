//! Bytes in JSON: as text where they are text, as base64url where they are not.

use super::{Problem, hidden::unseen};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A payload or content that is given. Exactly one member.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The bytes as UTF-8 text.
    pub text: Option<String>,
    /// The bytes as base64, of either alphabet, padded or not.
    pub base64: Option<String>,
}

/// A payload or content that is shown. Exactly one of `text` and `base64url`.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct Shown {
    /// How many bytes.
    pub bytes: usize,
    /// The bytes, where they are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes, where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64url: Option<String>,
}

unseen!(Content, Shown);

impl Content {
    /// Of any bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text: Some(text.to_owned()), base64: None },
            Err(_) => Self { text: None, base64: Some(URL_SAFE_NO_PAD.encode(bytes)) },
        }
    }

    pub(crate) fn bytes(&self, place: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
        match (&self.text, &self.base64) {
            (Some(text), None) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            (None, Some(text)) => unbase64(text).ok_or_else(|| {
                let place = format!("{place}.base64");
                Problem::invalid("base64_malformed", place, "not base64", "encode the bytes, or give `text`")
            }),
            _ => Err(Problem::invalid(
                "content_form",
                place,
                "not exactly one of `text` and `base64`",
                "give the bytes in one of the two forms",
            )),
        }
    }
}

impl Shown {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok().map(str::to_owned);
        let base64url = text.is_none().then(|| encode(bytes));
        Self { bytes: bytes.len(), text, base64url }
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64url) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(text)) => URL_SAFE_NO_PAD.decode(text).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

/// base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Any base64 that people have: for what is given as a parameter or only looked at, never for what is verified.
pub(crate) fn unbase64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const ANY: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let dense = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    });
    let dense: Zeroizing<Vec<u8>> = Zeroizing::new(dense.collect());
    ANY.decode(&*dense).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_both_ways() {
        for bytes in [&b"text"[..], b"\xff\xfe\xfa", b""] {
            assert_eq!(&*Content::of(bytes).bytes("payload").unwrap(), bytes);
            assert_eq!(Shown::of(bytes).to_bytes(), bytes);
        }
        for text in ["-_-_", "+/+/", "+/+/ \n", "+/8=", "-_8"] {
            assert!(unbase64(text).is_some(), "{text}");
        }
        assert!(unbase64("a!").is_none());
        let both = Content { text: Some(String::new()), base64: Some(String::new()) };
        assert_eq!(both.bytes("payload").unwrap_err().name, "content_form");
    }
}
