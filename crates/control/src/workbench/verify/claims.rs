//! Judging what a signature covers: a claims set by its rules, anything else as bytes.

use super::super::content::{Shown, encode};
use super::super::moment::{Times, times};
use super::super::problem::Refusal;
use portcullis_fault::codes;
use portcullis_jose::{Rules, Unverified};
use serde_json::{Map, Value};

/// What was found of a payload.
pub(super) struct Judged {
    pub violations: Vec<Refusal>,
    pub claims: Option<Value>,
    pub payload: Shown,
    pub times: Times,
}

impl Judged {
    /// The claims of a token.
    pub(super) fn token(token: &Unverified<'_>, rules: &Rules, now: i64) -> Self {
        let text = token.claimed().json();
        let violations = rules.inspect(token, now).iter().map(Refusal::of).collect();
        Self { violations, ..Self::bytes(text.as_bytes(), false, now) }
    }

    /// The payload of a message of which claims are expected. The rules are of tokens, so they are asked about the token
    /// that would say the same.
    pub(super) fn payload(payload: &[u8], alg: &str, typ: Option<&str>, rules: &Rules, now: i64) -> Self {
        let mut header = Map::new();
        header.insert("alg".into(), alg.into());
        if let Some(typ) = typ {
            header.insert("typ".into(), typ.into());
        }
        let token = format!("{}.{}.", encode(Value::Object(header).to_string().as_bytes()), encode(payload));
        match Unverified::parse_bytes(token.as_bytes(), token.len()) {
            Ok(token) => Self::token(&token, rules, now),
            Err(error) => Self { violations: vec![Refusal::of(&error)], ..Self::bytes(payload, false, now) },
        }
    }

    /// Any bytes. Where claims were expected of them, that is not what they are.
    pub(super) fn bytes(payload: &[u8], expected: bool, now: i64) -> Self {
        let claims: Option<Value> = serde_json::from_slice(payload).ok().filter(Value::is_object);
        let none = Refusal::new(
            "payload_not_claims",
            codes::TOKEN_MALFORMED,
            "claims are expected, and the payload is no claims set",
        );
        Self {
            violations: expected.then_some(none).into_iter().collect(),
            times: times(claims.as_ref(), now),
            claims,
            payload: Shown::of(payload),
        }
    }
}
