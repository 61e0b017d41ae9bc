//! An encrypted token: which key opens it, and what is inside.

use super::{AtHand, Explanation, signed};
use crate::finding::{Finding, Severity, Subject};
use crate::jwe::{DecryptError, Decryption, says_token};
use crate::jwt::Unverified;

/// Tokens are read up to this many bytes here.
const LIMIT: usize = super::INPUT;

pub(super) fn explain(token: &str, hand: &AtHand, out: &mut Explanation) {
    let header = token.split('.').next().and_then(|part| crate::b64::decode(part.as_bytes()).ok());
    out.header = header.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut say = |severity, code, evidence: String, next| {
        out.findings.push(Finding::new(severity, code, Subject::Input, evidence, next));
    };
    // RSA1_5 is not asked for: explaining answers strangers.
    let reading = Decryption::new().limit(LIMIT).content_limit(LIMIT);
    let mut last: Option<DecryptError> = None;
    for key in hand.keys.iter().filter_map(|key| key.decryption_key().ok()) {
        match reading.open(token.as_bytes(), &key) {
            Err(error @ DecryptError::KeyMismatch(_)) if last.is_none() => last = Some(error),
            Err(DecryptError::KeyMismatch(_)) => {}
            Err(error) => last = Some(error),
            Ok(opened) => {
                let evidence = format!("decrypted with `{}` and `{}`", opened.alg(), opened.enc());
                say(Severity::Info, "jwe_decrypted", evidence, "nothing");
                let inner = std::str::from_utf8(opened.content()).ok();
                if inner.is_some_and(|inner| inner.starts_with("eyJ")) && !says_token(opened.header().cty()) {
                    say(
                        Severity::Error,
                        "nested_content_type",
                        "there is a token inside, and `cty` does not say so".into(),
                        "have the issuer write `cty` `JWT` into the outer header (RFC 7519 §5.2)",
                    );
                }
                match inner.filter(|inner| Unverified::parse_bytes(inner.as_bytes(), LIMIT).is_ok()) {
                    Some(inner) => signed(inner, hand, out),
                    None => say(
                        Severity::Error,
                        "jwe_without_signature",
                        "what is inside is not signed: whoever has the public key could have written it"
                            .into(),
                        "have the issuer sign the token before encrypting it",
                    ),
                }
                return;
            }
        }
    }
    match last {
        None => say(
            Severity::Error,
            "jwe",
            "this token is encrypted, and there is no key at hand that decrypts".into(),
            "give the recipient's private key, or have the issuer send a signed token (JWS)",
        ),
        Some(error) => say(
            Severity::Error,
            error.name(),
            error.to_string(),
            "compare the `kid` and algorithm of the header with the recipient's keys; the issuer may hold an old one",
        ),
    }
}
