//! A set of keys: each by itself, and what they are to each other.

use std::collections::HashMap;

use num_bigint::BigUint;
use serde_json::Value;

use super::{member, rsa};
use crate::finding::{Finding, Severity, Subject};
use crate::json::{self, Limits};
use crate::jwk::{Jwk, JwkSet};

/// Who can read what is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Everybody: an issuer's JWKS. Private and symmetric keys in it are stolen keys.
    Public,
    /// Its owner.
    Private,
}

/// Audits a set of keys, given as JSON. `now` is in microseconds since 1970.
///
/// The findings come in the order of the set; those about several keys come last.
pub fn set(json: &[u8], exposure: Exposure, now: i64) -> Vec<Finding> {
    if let Err(error) = JwkSet::parse(json) {
        let next = "give a JWK set: a JSON object with `keys`, no member twice";
        return vec![Finding::new(Severity::Error, error.name(), Subject::Input, error.to_string(), next)];
    }
    // It parsed: these are the same steps, which then cannot fail.
    let text = std::str::from_utf8(json).unwrap_or_default();
    let Ok(outer) = json::scan(text, Limits::KEYS) else { return Vec::new() };
    let Some(keys) = outer.member(text, "keys") else { return Vec::new() };
    let raw = keys.raw(text);
    let Ok(list) = json::scan(raw, Limits::KEYS) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut members = Vec::new();
    for (index, entry) in list.entries.iter().enumerate() {
        let text = entry.raw(raw);
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        let kid = json["kid"].as_str().map(|kid| kid.chars().take(64).collect());
        let subject = Subject::Key { index, kid };
        findings.extend(member(text, &subject, exposure, now));
        members.push((subject, json, Jwk::parse(text.as_bytes()).ok()));
    }
    if members.is_empty() {
        let next = "check the address: an issuer without keys cannot be trusted with anything";
        findings.push(Finding::new(
            Severity::Warning,
            "set_empty",
            Subject::Input,
            "the set has no keys",
            next,
        ));
    }
    between(&members, &mut findings);
    findings
}

/// What members are to each other.
fn between(members: &[(Subject, Value, Option<Jwk>)], findings: &mut Vec<Finding>) {
    let mut kids: HashMap<&str, usize> = HashMap::new();
    let mut prints: HashMap<[u8; 32], usize> = HashMap::new();
    let mut moduli = Vec::new();
    for (index, (subject, json, key)) in members.iter().enumerate() {
        let mut say = |severity, code, evidence: String, next| {
            findings.push(Finding::new(severity, code, subject.clone(), evidence, next));
        };
        match json["kid"].as_str() {
            Some(kid) => {
                if let Some(first) = kids.get(kid) {
                    say(
                        Severity::Error,
                        "kid_duplicate",
                        format!("key {first} has the same `kid`"),
                        "give each key an id of its own: many readers take the first of them only",
                    );
                }
                kids.entry(kid).or_insert(index);
            }
            None if members.len() > 1 => say(
                Severity::Warning,
                "kid_missing",
                "no `kid` in a set of several keys".into(),
                "give each key an id, so that readers need not try them all; its thumbprint will do",
            ),
            None => {}
        }
        let Some(key) = key else { continue };
        let print = key.thumbprint();
        if let Some(first) = prints.get(&print) {
            say(
                Severity::Warning,
                "key_twice",
                format!("key {first} is the same key"),
                "publish a key once; revoking one id does not revoke the key",
            );
        } else if let Some(n) = modulus(json) {
            moduli.push((index, n));
        }
        prints.entry(print).or_insert(index);
    }
    for (first, second) in rsa::shared_factors(&moduli) {
        findings.push(Finding::new(
            Severity::Error,
            "rsa_shared_factor",
            members[second].0.clone(),
            format!(
                "shares a prime with key {first}: both private keys can be computed from the public ones"
            ),
            "replace both keys, and the random source that made them",
        ));
    }
}

fn modulus(json: &Value) -> Option<BigUint> {
    if json["kty"] != "RSA" {
        return None;
    }
    crate::b64::decode(json["n"].as_str()?.as_bytes()).ok().map(|n| BigUint::from_bytes_be(&n))
}
