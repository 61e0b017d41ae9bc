//! Weak keys: what parses and still should not be used, and what does not parse and why.
//!
//! For owners of keys and for whoever takes keys from others. Reads what it is given and nothing else; time is an
//! argument. Not a proof of strength: a key without findings is one in which nothing known was found.

mod certificate;
mod published;
mod rsa;
mod secret;
mod set;

pub(crate) use secret::known as known_secrets;
pub use set::{Exposure, set};

use serde_json::Value;

use crate::finding::{Finding, Severity, Subject};
use crate::json::{self, Limits};
use crate::jwk::{Jwk, KeyType};

/// Audits one key, given as a JWK. `now` is in microseconds since 1970.
pub fn key(json: &[u8], exposure: Exposure, now: i64) -> Vec<Finding> {
    let subject = Subject::Input;
    match std::str::from_utf8(json).ok().filter(|text| json::scan(text, Limits::KEY).is_ok()) {
        Some(text) => member(text, &subject, exposure, now),
        None => vec![unreadable(json, subject)],
    }
}

/// Audits a shared secret as bytes, for the algorithm it is used with if that is known.
pub fn secret(bytes: &[u8], alg: Option<crate::Alg>) -> Vec<Finding> {
    secret::audit(bytes, alg.and_then(crate::Alg::min_secret_len), &Subject::Input)
}

/// Audits keys and certificates in PEM.
pub fn pem(pem: &[u8], exposure: Exposure) -> Vec<Finding> {
    let keys = match Jwk::all_from_pem(pem) {
        Ok(keys) => keys,
        Err(error) => {
            return vec![Finding::new(
                Severity::Error,
                error.name(),
                Subject::Input,
                error.to_string(),
                "replace the key, or convert it into a supported form",
            )];
        }
    };
    let members: Vec<String> = keys.iter().map(|key| key.to_private_json().to_string()).collect();
    members
        .iter()
        .enumerate()
        .flat_map(|(index, text)| {
            // What a PEM cannot say is not held against it.
            let subject = Subject::Key { index, kid: None };
            member(text, &subject, exposure, 0)
                .into_iter()
                .filter(|finding| !finding.code.ends_with("_unstated"))
        })
        .collect()
}

fn unreadable(json: &[u8], subject: Subject) -> Finding {
    let error = Jwk::parse(json).err();
    let (code, evidence) =
        error.map_or(("key_shape", String::new()), |error| (error.name(), error.to_string()));
    Finding::new(Severity::Error, code, subject, evidence, "give one JWK as strict JSON")
}

/// One key, from the text of a JSON object that has been scanned.
fn member(text: &str, subject: &Subject, exposure: Exposure, now: i64) -> Vec<Finding> {
    // Scanned: sound, and without duplicates.
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let mut findings = Vec::new();
    let mut say = |severity, code, evidence: String, next| {
        findings.push(Finding::new(severity, code, subject.clone(), evidence, next));
    };
    let parsed = Jwk::parse(text.as_bytes());
    if let Err(error) = &parsed {
        say(Severity::Error, error.name(), error.to_string(), unsound(error.name()));
    }
    let private = ["d", "p", "q", "priv", "k"].iter().any(|name| json.get(name).is_some());
    if exposure == Exposure::Public && private {
        let (code, what) = match json["kty"].as_str() {
            Some("oct") => ("symmetric_in_public_set", "a shared secret"),
            _ => ("private_in_public_set", "a private key"),
        };
        say(
            Severity::Error,
            code,
            format!("{what} in what is meant to be public"),
            "treat the key as stolen: replace it, and publish only public halves",
        );
    }
    if json.get("use").is_none() && json.get("key_ops").is_none() {
        say(
            Severity::Info,
            "use_unstated",
            "neither `use` nor `key_ops`".into(),
            "state `use`, so that a signing key is never used for encryption",
        );
    }
    if json.get("alg").is_none() {
        say(
            Severity::Info,
            "alg_unstated",
            "no `alg`".into(),
            "state `alg`, so that the key is used with one algorithm only",
        );
    }
    if let Ok(key) = &parsed
        && let Some(alg) = key.alg_name()
        && key.accepts().is_err()
        && key.encryption_key(None).is_err()
        && key.decryption_key().is_err()
    {
        say(
            Severity::Error,
            "key_alg_mismatch",
            format!("`alg` is `{}`, which does not go with this key", alg.escape_debug()),
            "correct `alg`, or replace the key by one of the right type and length",
        );
    }
    if let Some(place) = parsed.as_ref().ok().and_then(published::known) {
        findings.push(Finding::new(
            Severity::Error,
            "key_known",
            subject.clone(),
            format!("its private half is printed in {place}"),
            "treat the key as public: replace it at once, and refuse what it signed",
        ));
    }
    findings.extend(material(&json, parsed.as_ref().ok(), subject));
    if let Some(chain) = json.get("x5c") {
        findings.extend(certificate::audit(chain, &json, parsed.as_ref().ok(), now, subject));
    }
    findings
}

fn material(json: &Value, parsed: Option<&Jwk>, subject: &Subject) -> Vec<Finding> {
    let bytes = |name: &str| crate::b64::decode(json[name].as_str()?.as_bytes()).ok();
    match json["kty"].as_str() {
        Some("RSA") => match (bytes("n"), bytes("e")) {
            (Some(n), Some(e)) => rsa::audit(&n, &e, subject),
            _ => Vec::new(),
        },
        Some("oct") => {
            let alg = json["alg"].as_str();
            // A key that wraps or encrypts has the length that its algorithm fixes.
            let encrypts = alg.is_some_and(|alg| alg.parse::<crate::Alg>().is_err())
                || parsed.is_some_and(|key| {
                    key.key_type() == KeyType::Oct && key.usage() == Some(&crate::jwk::Use::Encryption)
                });
            let needed = alg.and_then(|alg| alg.parse::<crate::Alg>().ok()?.min_secret_len());
            let needed = if encrypts { Some(16) } else { needed };
            bytes("k").map_or_else(Vec::new, |secret| {
                let secret = zeroize::Zeroizing::new(secret);
                secret::audit(&secret, needed, subject)
            })
        }
        _ => Vec::new(),
    }
}

/// What to do about a key that does not parse.
fn unsound(code: &str) -> &'static str {
    match code {
        "key_point" => {
            "replace the key: its point is not on the curve, and using it could give a secret away"
        }
        "rsa_too_small" => "replace the key by one of at least 2048 bits, better 3072",
        "rsa_exponent" => "replace the key by one with the exponent 65537",
        "key_private_mismatch" => "find out which key this was: its two halves do not belong together",
        _ => "correct the key, or leave it out",
    }
}
