//! What may be kept of a token: its header and the claims that tell who, for whom and when. Never the token, never its
//! signature, and never more than a bound.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::Unverified;
use portcullis_jose::jwe::Encrypted;
use portcullis_jose::jwt::Claimed;
use portcullis_model::record::TokenFacts;
use std::borrow::Cow;

/// The claims that are kept.
const KEPT: [&str; 10] = ["iss", "aud", "sub", "jti", "exp", "nbf", "iat", "azp", "client_id", "scope"];
const HEADER_LIMIT: usize = 1_024;
const CLAIMS_LIMIT: usize = 2_048;
/// Of one claim.
const CLAIM_LIMIT: usize = 512;

/// The facts of a token whose shape is sound and whose signing input has this digest. `issuer` is added when it is
/// recognised, `encryption` when it came encrypted.
pub(crate) fn of(token: &Unverified<'_>, digest: &[u8; 32]) -> TokenFacts {
    TokenFacts {
        issuer: None,
        header: cut(&token.header_json(), HEADER_LIMIT).to_owned(),
        claims: claims(token.claimed()),
        digest: URL_SAFE_NO_PAD.encode(digest),
        encryption: None,
        groups_overage: None,
        ignored: token.header().pointers().names().map(Cow::Borrowed).collect(),
    }
}

/// The facts of an encrypted token of this digest, before it is opened: all there will be if it is not.
pub(crate) fn of_encrypted(message: &Encrypted, digest: &[u8; 32]) -> TokenFacts {
    let ignored = message.headers().flat_map(|header| header.pointers().names()).map(Cow::Borrowed);
    TokenFacts {
        issuer: None,
        header: String::new(),
        claims: "{}".to_owned(),
        digest: URL_SAFE_NO_PAD.encode(digest),
        encryption: Some(cut(&message.header_json(), HEADER_LIMIT).to_owned()),
        groups_overage: None,
        ignored: ignored.collect(),
    }
}

fn claims(claimed: Claimed<'_>) -> String {
    let mut text = String::with_capacity(256);
    for name in KEPT {
        let Some(value) = claimed.claim_json(name) else { continue };
        let value = if value.len() <= CLAIM_LIMIT {
            Cow::Borrowed(value)
        } else {
            // Its beginning, as a string: cut JSON would be no JSON.
            Cow::Owned(serde_json::Value::from(cut(value, CLAIM_LIMIT / 2)).to_string())
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
    use portcullis_jose::{Alg, Protected, SigningKey, encode};

    fn kept(json: &str) -> String {
        let key = SigningKey::generate(Alg::HS256).unwrap();
        let token = encode(&Protected::new(), json.as_bytes(), &key).unwrap();
        let token = Unverified::parse(&token).unwrap();
        let facts = of(&token, &[0; 32]);
        assert!(facts.header.starts_with(r#"{"alg":"HS256","#), "{}", facts.header);
        facts.claims
    }

    #[test]
    fn claims_are_kept_by_name_and_within_bounds() {
        assert_eq!(
            kept(r#"{"sub":"ada","secret":"x","exp": 5,"aud":["a"]}"#),
            r#"{"aud":["a"],"sub":"ada","exp":5}"#
        );
        assert_eq!(kept("{}"), "{}");
        let huge =
            format!(r#"{{"sub":"{}","iss":"{}","jti":"j"}}"#, "\u{e9}\\\"".repeat(2_000), "i".repeat(600));
        let kept = kept(&huge);
        assert!(kept.len() <= CLAIMS_LIMIT);
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept["jti"], "j");
        assert!(kept["sub"].as_str().unwrap().len() <= CLAIM_LIMIT);
    }
}
