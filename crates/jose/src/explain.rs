//! Why a token is not accepted, and what to do about it.
//!
//! The steps are those of verification, made by the same functions in the same order ([`Unverified::parse`], the
//! allow-list, [`VerifyingKey::verify`](crate::VerifyingKey::verify), [`Rules`]); what they say is gathered instead of
//! ending at the first refusal, and each refusal is followed by a search for its cause in what is at hand. Whether a
//! token counts is said by those steps alone: nothing found here makes one valid.
//!
//! What cannot be known is not claimed. That content was altered after signing shows only with RSA, where the
//! signature itself says that it covers something else.
//!
//! ```
//! use portcullis_jose::explain::{AtHand, explain};
//!
//! let now = 1_800_000_000 * 1_000_000;
//! let explanation = explain("Bearer eyJhbGciOiJIUzI1NiJ9.e30", &AtHand::new(now));
//! assert!(!explanation.valid);
//! let codes: Vec<_> = explanation.findings.iter().map(|finding| finding.code).collect();
//! assert_eq!(codes, ["scheme_prefix", "parts_missing"]);
//! ```

mod claims;
mod encrypted;
mod kind;
mod near;
mod opaque;
mod shape;
mod signature;

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::claims::Rules;
use crate::finding::{Finding, Severity, Subject};
use crate::jwa::{Alg, AlgError, Algs};
use crate::jwk::{Jwk, JwkSet, Note};
use crate::jws::DEFAULT_LIMIT;
use crate::jwt::{Subject as Sub, Unverified};

/// What there is to explain a token with.
#[derive(Clone)]
pub struct AtHand {
    keys: Vec<Jwk>,
    /// For each key, whether it came in a set: there a token that names a key means the one of that name.
    listed: Vec<bool>,
    left_out: Vec<Note>,
    secrets: Vec<Zeroizing<Vec<u8>>>,
    tokens: Vec<String>,
    rules: Rules,
    allowed: Algs,
    now: i64,
}

impl AtHand {
    /// Nothing but the time, in microseconds since 1970.
    pub fn new(now: i64) -> Self {
        Self {
            keys: Vec::new(),
            listed: Vec::new(),
            left_out: Vec::new(),
            secrets: Vec::new(),
            tokens: Vec::new(),
            rules: Rules::new(),
            allowed: Algs::of(&Alg::ALL),
            now,
        }
    }

    /// A key, for verifying or decrypting. Without an id of its own it is tried on tokens that name any.
    #[must_use]
    pub fn key(mut self, key: Jwk) -> Self {
        self.keys.push(key);
        self.listed.push(false);
        self
    }

    /// A set of keys, with what was left out of it.
    #[must_use]
    pub fn keys(mut self, set: JwkSet) -> Self {
        self.listed.extend(set.keys.iter().map(|_| true));
        self.keys.extend(set.keys);
        self.left_out.extend(set.notes);
        self
    }

    /// A shared secret, as the bytes that are configured; too short ones too.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secrets.push(Zeroizing::new(secret.into()));
        self
    }

    /// Another token, perhaps a good one, to compare with.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// What is expected of the claims.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The algorithms that are allowed; all, if nothing is said.
    #[must_use]
    pub fn allowed(mut self, allowed: Algs) -> Self {
        self.allowed = allowed;
        self
    }
}

impl fmt::Debug for AtHand {
    /// How much there is; never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtHand")
            .field("keys", &self.keys)
            .field("secrets", &self.secrets.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// What was found, in the order of the checks.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Whether the input, exactly as given, would be accepted with what is at hand.
    pub valid: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The header, decoded, if it could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Value>,
    /// The claims, decoded, if they could be. Nobody vouches for them unless `valid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "valid" } else { "not valid" })?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

/// Pasted input beyond this many bytes is looked at no further.
const INPUT: usize = 64 << 10;

/// Explains a token as it was pasted.
pub fn explain(input: &str, hand: &AtHand) -> Explanation {
    let mut out = Explanation { valid: false, findings: Vec::new(), header: None, claims: None };
    if input.len() > INPUT {
        let evidence = format!("{} bytes", input.len());
        let next = "paste one token; real ones have a few kilobytes at most";
        out.findings.push(Finding::new(Severity::Error, "token_too_large", Subject::Input, evidence, next));
        return out;
    }
    match shape::recognise(input, &mut out.findings) {
        shape::Kind::Signed(token) => signed(&token, hand, &mut out),
        shape::Kind::Encrypted(token) => encrypted::explain(&token, hand, &mut out),
        shape::Kind::Nothing => {}
    }
    out.valid &= out.findings.iter().all(|finding| finding.severity != Severity::Error);
    out
}

/// A compact token whose shape is sound: algorithm, key, signature, claims.
fn signed(token: &str, hand: &AtHand, out: &mut Explanation) {
    // It was parsed before: that is how it was recognised.
    let Ok(parsed) = Unverified::parse_bytes(token.as_bytes(), INPUT) else { return };
    out.header = token
        .split('.')
        .next()
        .and_then(|part| crate::b64::decode(part.as_bytes()).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    out.claims = serde_json::from_str(parsed.claimed().json()).ok();
    if token.len() > DEFAULT_LIMIT {
        let evidence = format!("{} bytes; verification takes {DEFAULT_LIMIT}", token.len());
        let next = "have the issuer write less into its tokens: groups by reference, no pictures";
        out.findings.push(Finding::new(Severity::Error, "token_too_large", Subject::Input, evidence, next));
    }
    // A token of another kind is signed by another party for another reader: whatever else is found follows from that.
    out.findings.extend(kind::foreign(&parsed, hand));
    if header(&parsed, hand, &mut out.findings) {
        out.valid = signature::explain(&parsed, token, hand, &mut out.findings);
    }
    claims::explain(&parsed, hand, &mut out.findings);
}

/// What the header says; whether it names an algorithm worth trying keys with.
fn header(token: &Unverified<'_>, hand: &AtHand, findings: &mut Vec<Finding>) -> bool {
    let part = Subject::Part("header");
    let mut say = |severity, code, evidence: String, next| {
        findings.push(Finding::new(severity, code, part.clone(), evidence, next));
    };
    let usable = match token.alg() {
        Err(error @ AlgError::None) => {
            let next = "have the issuer sign its tokens; an unsigned one is anybody's, and is never accepted";
            say(Severity::Error, "alg_none", error.to_string(), next);
            false
        }
        Err(AlgError::Unknown(name)) => {
            let known = Alg::ALL.into_iter().find(|alg| alg.name().eq_ignore_ascii_case(&name));
            let evidence = match known {
                Some(alg) => {
                    format!("`{}` is written `{alg}`: names are case-sensitive", name.escape_debug())
                }
                None => format!("`{}` is no signature algorithm known here", name.escape_debug()),
            };
            let next = "configure the issuer to use a registered signature algorithm, such as ES256 or RS256";
            say(Severity::Error, "alg_unknown", evidence, next);
            false
        }
        Ok(_) => match token.allowed_alg(hand.allowed) {
            Ok(_) => true,
            Err(error) => {
                let next = "allow the algorithm if the issuer means it, or configure the issuer to use an allowed one";
                say(Severity::Error, error.name(), error.to_string(), next);
                true
            }
        },
    };
    let pointers: Vec<_> = token.header().pointers().names().collect();
    if !pointers.is_empty() {
        let next = "nothing, if the issuer is known to send them; otherwise ask who made this token";
        let evidence =
            format!("the header points to keys (`{}`), which are never followed", pointers.join("`, `"));
        say(Severity::Info, "key_pointer_ignored", evidence, next);
    }
    if let Sub::Number(_) = token.claimed().sub() {
        findings.push(Finding::new(
            Severity::Warning,
            "subject_is_number",
            Subject::Claim("sub".into()),
            "`sub` is a number; it must be a string (RFC 7519 §4.1.2)",
            "have the issuer write it in quotes: large numbers lose digits on the way",
        ));
    }
    usable
}
