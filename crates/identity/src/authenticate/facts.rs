//! What may be kept of a token: its header and the claims that tell who, for whom and when. Never the token, never its
//! signature, and never more than a bound.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::Unverified;
use portcullis_model::record::TokenFacts;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// The claims that are kept.
const KEPT: [&str; 10] = ["iss", "aud", "sub", "jti", "exp", "nbf", "iat", "azp", "client_id", "scope"];
const HEADER_LIMIT: usize = 1_024;
const CLAIMS_LIMIT: usize = 2_048;
/// Of one claim.
const CLAIM_LIMIT: usize = 512;

/// The facts of a token whose shape is sound and whose signing input has this digest. `issuer` is added when it is
/// recognised.
pub(crate) fn of(token: &Unverified<'_>, digest: &[u8; 32]) -> TokenFacts {
    let input = token.signing_input();
    let header = input.split(|byte| *byte == b'.').next().unwrap_or_default();
    // It was decoded once already: this cannot fail for a token whose shape is sound.
    let header = URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    TokenFacts {
        issuer: None,
        header: cut(&header, HEADER_LIMIT).to_owned(),
        claims: claims(token.claimed().json()),
        digest: URL_SAFE_NO_PAD.encode(digest),
        ignored: token.header().pointers().names().map(Cow::Borrowed).collect(),
    }
}

fn claims(json: &str) -> String {
    let all: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    let mut text = String::with_capacity(256);
    for name in KEPT {
        let Some(value) = all.get(name) else { continue };
        let value = if value.get().len() <= CLAIM_LIMIT {
            Cow::Borrowed(value.get())
        } else {
            // Its beginning, as a string: cut JSON would be no JSON.
            Cow::Owned(serde_json::Value::from(cut(value.get(), CLAIM_LIMIT / 2)).to_string())
        };
        if text.len() + name.len() + value.len() + 5 > CLAIMS_LIMIT {
            continue;
        }
        text.push(if text.is_empty() { '{' } else { ',' });
        text.extend(["\"", name, "\":", &value]);
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    text
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_kept_by_name_and_within_bounds() {
        assert_eq!(
            claims(r#"{"sub":"ada","secret":"x","exp": 5,"aud":["a"]}"#),
            r#"{"aud":["a"],"sub":"ada","exp":5}"#
        );
        assert_eq!(claims("{}"), "{}");
        let huge =
            format!(r#"{{"sub":"{}","iss":"{}","jti":"j"}}"#, "\u{e9}\\\"".repeat(5_000), "i".repeat(600));
        let kept = claims(&huge);
        assert!(kept.len() <= CLAIMS_LIMIT);
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept["jti"], "j");
        assert!(kept["sub"].as_str().unwrap().len() <= CLAIM_LIMIT);
    }
}
