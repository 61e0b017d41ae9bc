//! HMAC: the right secret, read the wrong way; and the wrong secret, which everybody has.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{Case, error, name};
use crate::audit;
use crate::finding::Finding;
use crate::jwa::{Alg, Family};
use crate::jwk::{hmac_key, looks_like_key};

type Bytes = Zeroizing<Vec<u8>>;

pub(super) fn checks(alg: Alg, secret: &[u8], input: &[u8], signature: &[u8]) -> bool {
    hmac_key(alg, secret).is_some_and(|key| hmac::verify(&key, input, signature).is_ok())
}

/// Whether a secret that everybody knows made it.
pub(super) fn published(case: &Case<'_>) -> Option<Finding> {
    if case.alg.family() != Family::Hmac {
        return None;
    }
    audit::known_secrets().find(|secret| checks(case.alg, secret, case.input, case.signature))?;
    Some(error(
        "signed_with_known_secret",
        "a secret that stands in tutorials, templates or standards made this signature",
        "replace the secret at once: anybody can make such tokens",
    ))
}

pub(super) fn cause(case: &Case<'_>) -> Option<Finding> {
    if case.alg.family() != Family::Hmac {
        return None;
    }
    let checks = |secret: &[u8]| checks(case.alg, secret, case.input, case.signature);
    let given = case.hand.secrets.iter().map(|secret| secret.as_slice());
    for secret in given.chain(case.hand.keys.iter().filter_map(|key| key.secret_bytes())) {
        if checks(secret) {
            return Some(if looks_like_key(secret) {
                confusion("the secret is the text of a key or certificate".to_owned())
            } else {
                let needed = case.alg.min_secret_len().unwrap_or(0);
                let evidence =
                    format!("the secret made it, and has {} bytes instead of {needed}", secret.len());
                error(
                    "secret_too_short",
                    evidence,
                    "replace the secret by one as long as the hash: this one can be guessed",
                )
            });
        }
        if let Some((code, evidence, next, _)) = readings(secret).into_iter().find(|(.., read)| checks(read))
        {
            return Some(error(code, evidence, next));
        }
    }
    for (i, key) in case.hand.keys.iter().enumerate() {
        let pem = key.to_public_pem().unwrap_or_default();
        let texts = [
            pem.as_bytes().to_vec(),
            pem.trim_end().as_bytes().to_vec(),
            pem.replace('\n', "\r\n").into_bytes(),
            key.to_public_der().unwrap_or_default(),
            key.to_public_json().unwrap_or_default().into_bytes(),
        ];
        if texts.iter().any(|text| !text.is_empty() && checks(text)) {
            return Some(confusion(format!("the text of {} was used as the secret", name(i, key))));
        }
    }
    None
}

fn confusion(evidence: String) -> Finding {
    error(
        "hmac_confusion",
        evidence,
        "treat it as an attack, unless the issuer itself signs so: a public key is no secret (RFC 8725 §2.1)",
    )
}

/// Every other way to read or write a secret: code, evidence, next step, the bytes that come of it.
fn readings(secret: &[u8]) -> Vec<(&'static str, &'static str, &'static str, Bytes)> {
    const DECODE: &str = "decode the secret where it is configured, or state its encoding there";
    const CUT: &str = "write the secret without a final line break, and read it without one";
    let mut all = Vec::new();
    let mut add =
        |code, evidence, next, bytes: Vec<u8>| all.push((code, evidence, next, Zeroizing::new(bytes)));
    let trimmed = secret.trim_ascii();
    if trimmed.len() < secret.len() {
        add(
            "secret_line_break",
            "the secret made it without the white space around it",
            CUT,
            trimmed.to_vec(),
        );
    }
    add("secret_line_break", "the secret made it with a line break behind it", CUT, [secret, b"\n"].concat());
    add(
        "secret_line_break",
        "the secret made it with a line break behind it",
        CUT,
        [secret, b"\r\n"].concat(),
    );
    for quote in [b'"', b'\''] {
        if let [first, inner @ .., last] = trimmed
            && (*first, *last) == (quote, quote)
        {
            let next = "write the secret without quotes: this file does not take them off";
            add("secret_quoted", "the secret made it without the quotes around it", next, inner.to_vec());
        }
    }
    let unpadded: Vec<u8> = trimmed
        .iter()
        .filter(|byte| **byte != b'=')
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(&unpadded) {
        add("secret_is_base64", "the secret made it when it is decoded as base64", DECODE, bytes);
    }
    if let Some(bytes) = unhex(trimmed) {
        add("secret_is_hex", "the secret made it when it is decoded as hex", DECODE, bytes);
    }
    const TEXT: &str = "give the secret as the signer reads it: as text, not decoded";
    for text in
        [STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), STANDARD.encode(secret).replace('=', "")]
    {
        add("secret_used_as_text", "the base64 text of the secret made it", TEXT, text.into_bytes());
    }
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    add(
        "secret_used_as_text",
        "the hex text of the secret made it",
        TEXT,
        hex.to_ascii_uppercase().into_bytes(),
    );
    add("secret_used_as_text", "the hex text of the secret made it", TEXT, hex.into_bytes());
    all
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() % 2 == 0 && text.is_ascii())?;
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
