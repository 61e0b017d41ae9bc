//! Why a signature does not count: tried with everything at hand, from what is certain to what can only be guessed.

mod altered;
mod hmac;

use super::AtHand;
use super::near::nearest;
use crate::b64;
use crate::der::{self, Reader};
use crate::finding::{Finding, Severity, Subject};
use crate::jwa::{Alg, Family};
use crate::jwk::{Jwk, NoteKind, Secret, VerifyingKey};
use crate::jws::SignatureError;
use crate::jwt::Unverified;

/// What is looked into.
pub(super) struct Case<'c> {
    alg: Alg,
    kid: Option<&'c str>,
    input: &'c [u8],
    signature: &'c [u8],
    text: &'c str,
    hand: &'c AtHand,
}

/// Checks the signature as verification does, and if it does not count looks for the cause. Says whether it counts.
pub(super) fn explain(
    token: &Unverified<'_>,
    text: &str,
    hand: &AtHand,
    findings: &mut Vec<Finding>,
) -> bool {
    let Ok(alg) = token.alg() else { return false };
    let case = Case {
        alg,
        kid: token.kid(),
        input: token.signing_input(),
        signature: token.signature(),
        text,
        hand,
    };
    // The published secrets are tried whatever else is known: whoever finds one has found everything.
    if let Some(finding) = hmac::published(&case) {
        findings.push(finding);
        return false;
    }
    if hand.keys.is_empty() && hand.secrets.is_empty() && hand.left_out.is_empty() {
        let next = "give the issuer's keys (JWKS, PEM) or the shared secret";
        findings.push(about(
            "no_keys",
            Severity::Info,
            "the signature was not checked: there is no key at hand",
            next,
        ));
        return false;
    }
    let mut refused = Vec::new();
    for (name, key) in keys(&case) {
        match token.verify(&key, hand.allowed) {
            Ok(_) => {
                let evidence = format!("the signature counts: `{alg}` under {name}");
                findings.push(about("signature_valid", Severity::Info, evidence, "nothing"));
                return true;
            }
            Err(error) => refused.push(error),
        }
    }
    findings.push(case.cause(&refused));
    false
}

fn about(code: &'static str, severity: Severity, evidence: impl Into<String>, next: &'static str) -> Finding {
    Finding::new(severity, code, Subject::Part("signature"), evidence, next)
}

fn error(code: &'static str, evidence: impl Into<String>, next: &'static str) -> Finding {
    about(code, Severity::Error, evidence, next)
}

/// The keys that verification would try: of the token's `kid`, or given by themselves without one.
fn keys(case: &Case<'_>) -> Vec<(String, VerifyingKey)> {
    let named = |(i, key): &(usize, &Jwk)| {
        case.kid.is_none() || key.kid() == case.kid || (key.kid().is_none() && !case.hand.listed[*i])
    };
    let keys = case.hand.keys.iter().enumerate().filter(named);
    let mut all: Vec<_> =
        keys.filter_map(|(i, key)| Some((name(i, key), key.verifying_key().ok()?))).collect();
    for secret in &case.hand.secrets {
        if let Ok(key) = Secret::new(secret.to_vec()).and_then(|secret| secret.verifying_key(None)) {
            all.push(("the secret".to_owned(), key));
        }
    }
    all.retain(|(_, key)| key.accepts().contains(case.alg));
    all
}

/// How a key is called in a finding.
fn name(index: usize, key: &Jwk) -> String {
    match key.kid() {
        Some(kid) => format!("key `{}`", kid.escape_debug()),
        None => format!("key {index} ({})", key.key_type().name()),
    }
}

impl Case<'_> {
    /// Whether this material verifies the signature under this algorithm, whatever the key is reserved for.
    fn checks(&self, key: &Jwk, alg: Alg, signature: &[u8]) -> bool {
        match key.secret_bytes() {
            Some(secret) => hmac::checks(alg, secret, self.input, signature),
            None => {
                key.unbound().verifying_key().is_ok_and(|key| key.verify(alg, self.input, signature).is_ok())
            }
        }
    }

    fn cause(&self, refused: &[SignatureError]) -> Finding {
        if self.signature.is_empty() {
            return error(
                "signature_missing",
                "there is nothing behind the last dot",
                "copy the whole token; if it has no signature at its source, it is worth nothing",
            );
        }
        self.other_key()
            .or_else(|| self.other_algorithm())
            .or_else(|| self.der())
            .or_else(|| hmac::cause(self))
            .or_else(|| self.other_token())
            .or_else(|| altered::cause(self))
            .or_else(|| self.left_out())
            .or_else(|| self.unknown_kid())
            .unwrap_or_else(|| self.unexplained(refused))
    }

    fn other_key(&self) -> Option<Finding> {
        let (i, key) =
            self.hand.keys.iter().enumerate().find(|(_, key)| self.checks(key, self.alg, self.signature))?;
        let name = name(i, key);
        Some(if !self.hand.allowed.contains(self.alg) {
            let evidence = format!("{name} verifies it, under an algorithm that is not allowed here");
            error(
                "signature_by_disallowed_algorithm",
                evidence,
                "allow the algorithm, if the issuer means to use it",
            )
        } else if self.kid.is_some() && key.kid().is_some() && key.kid() != self.kid {
            let evidence = format!(
                "{name} verifies it, and the token names `{}`",
                self.kid.unwrap_or_default().escape_debug()
            );
            error(
                "verified_by_other_key",
                evidence,
                "have the issuer name the key that it signs with, and publish each key under its own `kid`",
            )
        } else if self.kid.is_some() && key.kid().is_none() && self.hand.listed[i] {
            let evidence = format!(
                "{name} verifies it and has no `kid`; the token names `{}`",
                self.kid.unwrap_or_default().escape_debug()
            );
            error(
                "key_without_kid",
                evidence,
                "have the issuer publish the key under the `kid` that it writes into tokens",
            )
        } else {
            let why = key
                .verifying_key()
                .map_or_else(|error| error.to_string(), |key| format!("it takes only: {}", key.accepts()));
            let next = "correct `use`, `key_ops` or `alg` where the key is published; until then it is not used for this";
            error("key_reserved", format!("{name} verifies it, but is not for this: {why}"), next)
        })
    }

    fn other_algorithm(&self) -> Option<Finding> {
        let (key, alg) = self.hand.keys.iter().find_map(|key| {
            let mut others = Alg::ALL.into_iter().filter(|alg| *alg != self.alg);
            others.find(|alg| self.checks(key, *alg, self.signature)).map(|alg| (key, alg))
        })?;
        let evidence = format!(
            "{} verifies it under `{alg}`, and the header says `{}`",
            key.kid().map_or("a key at hand".to_owned(), |kid| format!("key `{}`", kid.escape_debug())),
            self.alg
        );
        Some(error(
            "other_algorithm",
            evidence,
            "have the issuer write the algorithm into the header that it signs with",
        ))
    }

    /// ECDSA in the form of X.509 and OpenSSL instead of the raw form of RFC 7518 §3.4.
    fn der(&self) -> Option<Finding> {
        if self.alg.family() != Family::Ecdsa {
            return None;
        }
        let field = self.alg.signature_len()? / 2;
        let mut outer = Reader::new(self.signature);
        let mut inside = outer.inside(der::SEQUENCE).ok()?;
        let (r, s) = (inside.unsigned().ok()?, inside.unsigned().ok()?);
        let pad = |number: &[u8]| Some([vec![0; field.checked_sub(number.len())?], number.to_vec()].concat());
        let raw = [pad(r)?, pad(s)?].concat();
        let verifies = self.hand.keys.iter().any(|key| self.checks(key, self.alg, &raw));
        let evidence = match verifies {
            true => "it is written in DER; in the raw form it verifies",
            false => "it is written in DER",
        };
        let finding = error(
            "ecdsa_der",
            evidence,
            "have the issuer write r and s one after the other in fixed length (RFC 7518 §3.4), not DER",
        );
        let input = self.text.rsplit_once('.')?.0;
        Some(finding.repaired(format!("{input}.{}", b64::encode(&raw))))
    }

    fn other_token(&self) -> Option<Finding> {
        let same = |other: &&String| {
            let parts = other.trim().rsplit_once('.');
            parts.is_some_and(|(input, signature)| {
                input.as_bytes() != self.input
                    && b64::decode(signature.as_bytes()).is_ok_and(|own| own == self.signature)
            })
        };
        self.hand.tokens.iter().find(same)?;
        Some(error(
            "signature_of_other_token",
            "it is the signature of another token at hand, whose content differs",
            "ask who put this token together: its content was exchanged",
        ))
    }

    fn left_out(&self) -> Option<Finding> {
        let kid = self.kid?;
        let note = self.hand.left_out.iter().find(|note| note.kid.as_deref() == Some(kid))?;
        let NoteKind::Skipped(why) = &note.kind else { return None };
        let evidence = format!("the key `{}` is in the set and is not used: {why}", kid.escape_debug());
        Some(error("key_left_out", evidence, "have the issuer correct the key in its set"))
    }

    fn unknown_kid(&self) -> Option<Finding> {
        let kid = self.kid?;
        let ids = || self.hand.keys.iter().filter_map(Jwk::kid);
        if ids().next().is_none() || ids().any(|own| own == kid) {
            return None;
        }
        let near = nearest(kid, ids());
        let list = |ids: Vec<&str>| {
            ids.iter().map(|id| format!("`{}`", id.escape_debug())).collect::<Vec<_>>().join(", ")
        };
        let evidence = match near.is_empty() {
            true => format!(
                "the token names key `{}`; at hand are: {}",
                kid.escape_debug(),
                list(ids().take(8).collect())
            ),
            false => format!("the token names key `{}`; nearest at hand: {}", kid.escape_debug(), list(near)),
        };
        Some(error(
            "kid_unknown",
            evidence,
            "fetch the key set again: the issuer may have changed its keys; or it is another issuer's token",
        ))
    }

    fn unexplained(&self, refused: &[SignatureError]) -> Finding {
        if let Some(length @ SignatureError::Length { .. }) =
            refused.iter().find(|error| matches!(error, SignatureError::Length { .. }))
        {
            let next = "copy the whole token: a signature of this length was cut, or made with a key of another size";
            return error("signature_length", length.to_string(), next);
        }
        if refused.is_empty() {
            let evidence = format!("no key at hand goes with `{}`", self.alg);
            let next = match self.alg.family() {
                Family::Hmac => {
                    "give the shared secret; public keys verify no HMAC, and must never be used as one"
                }
                _ => "give the issuer's public keys; a key of another type cannot have made it",
            };
            return error("no_key_for_algorithm", evidence, next);
        }
        if self.kid.is_some_and(|kid| self.hand.keys.iter().any(|key| key.kid() == Some(kid))) {
            return error(
                "kid_other_material",
                format!(
                    "the key `{}` is at hand and did not make this signature",
                    self.kid.unwrap_or_default().escape_debug()
                ),
                "fetch the key set again: the issuer may have reused the id; or it is another environment's token",
            );
        }
        error(
            "signature_mismatch",
            "no key at hand made this signature over this content; which of the two is wrong cannot be known",
            "check that keys and token are of the same issuer and environment, and that nothing rewrote the token",
        )
    }
}
