//! The certificate beside a key: whether it is the key's own, and in force.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::finding::{Finding, Severity, Subject};
use crate::jwk::Jwk;
use crate::jws::sha256;

/// A chain longer than this is none that anybody issued.
const CHAIN: usize = 10;

/// Audits `x5c` against the key. `now` is in microseconds since 1970.
pub(super) fn audit(
    chain: &Value,
    key: &Value,
    parsed: Option<&Jwk>,
    now: i64,
    subject: &Subject,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |severity, code, evidence: String, next| {
        findings.push(Finding::new(severity, code, subject.clone(), evidence, next));
    };
    let ders: Option<Vec<Vec<u8>>> =
        chain.as_array().filter(|chain| !chain.is_empty() && chain.len() <= CHAIN).and_then(
            // Standard base64 with padding, not base64url (RFC 7517 §4.7).
            |chain| chain.iter().map(|one| STANDARD.decode(one.as_str()?).ok()).collect(),
        );
    let Some(ders) = ders else {
        say(
            Severity::Error,
            "x5c_malformed",
            "`x5c` is no list of certificates in standard base64".into(),
            "write each certificate as padded standard base64 of its DER (RFC 7517 §4.7)",
        );
        return findings;
    };
    let mut parsed_chain = Vec::new();
    for (at, der) in ders.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => parsed_chain.push(certificate),
            _ => say(
                Severity::Error,
                "x5c_malformed",
                format!("certificate {at} of `x5c` is no certificate"),
                "write each certificate as padded standard base64 of its DER (RFC 7517 §4.7)",
            ),
        }
    }
    if parsed_chain.len() < ders.len() {
        return findings;
    }
    let first = &parsed_chain[0];
    let own = Jwk::from_spki(first.tbs_certificate.subject_pki.raw);
    if let (Some(key), Ok(own)) = (parsed, own)
        && key.thumbprint() != own.thumbprint()
    {
        say(
            Severity::Error,
            "certificate_of_another_key",
            "the first certificate of `x5c` is for another key".into(),
            "publish the certificate that was issued for this key, first in the list",
        );
    }
    for (at, certificate) in parsed_chain.iter().enumerate() {
        let (from, to) =
            (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
        let now = now / 1_000_000;
        if now > to {
            say(
                Severity::Error,
                "certificate_expired",
                format!("certificate {at} expired {} days ago", (now - to) / 86_400),
                "renew the certificate",
            );
        } else if now < from {
            say(
                Severity::Error,
                "certificate_not_yet_valid",
                format!("certificate {at} is valid in {} days", (from - now + 86_399) / 86_400),
                "check the clock, or wait",
            );
        } else if to - now < 14 * 86_400 {
            say(
                Severity::Warning,
                "certificate_expires_soon",
                format!("certificate {at} expires in {} days", (to - now) / 86_400),
                "renew the certificate",
            );
        }
        if let Some(next) = parsed_chain.get(at + 1)
            && (certificate.issuer() != next.subject()
                || certificate.verify_signature(Some(next.public_key())).is_err())
        {
            say(
                Severity::Error,
                "x5c_order",
                format!("certificate {at} was not issued by certificate {}", at + 1),
                "list each certificate before the one that issued it (RFC 7517 §4.7)",
            );
        }
    }
    if let Some(print) = key["x5t#S256"].as_str()
        && print != URL_SAFE_NO_PAD.encode(sha256(&ders[0]))
    {
        say(
            Severity::Error,
            "x5t_mismatch",
            "`x5t#S256` is not the digest of the first certificate".into(),
            "recompute it over the DER of the certificate, or leave it out",
        );
    }
    findings
}
