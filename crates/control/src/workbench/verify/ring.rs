//! The keys that a token may be signed with, and which of them it is tried with.

use super::super::given::Keys;
use super::super::problem::{Problem, Refusal};
use super::{Signer, Unused};
use portcullis_fault::codes;
use portcullis_jose::{Alg, Algs, Header, SignatureError, VerifyingKey};

/// The keys of a request, prepared.
pub(super) struct Ring {
    /// Where each stands in the request, and whether it came in a set.
    pub keys: Vec<(String, VerifyingKey, bool)>,
    pub unused: Vec<Unused>,
    pub allowed: Algs,
}

impl Ring {
    pub(super) fn of(keys: &Keys, stated: Option<Algs>) -> Result<Self, Problem> {
        let (mut prepared, mut unused) = (Vec::new(), Vec::new());
        for entry in &keys.entries {
            let is_secret = matches!(entry.material, super::super::given::Material::Secret { .. });
            match entry.jwk()?.verifying_key() {
                Ok(key) => prepared.push((entry.place.clone(), key, entry.listed)),
                // A secret that is too short is a mistake; a key for something else among others is none.
                Err(error) if is_secret => return Err(entry.unusable(&error)),
                Err(error) => unused.push(Unused {
                    key: entry.place.clone(),
                    name: error.name(),
                    reason: error.to_string(),
                }),
            }
        }
        let accepted = prepared.iter().fold(Algs::NONE, |all, (_, key, _)| all.or(key.accepts()));
        // Without a usable key it is the keys that are missing, not the algorithm.
        let accepted = if accepted.is_empty() { Algs::of(&Alg::ALL) } else { accepted };
        Ok(Self { keys: prepared, unused, allowed: stated.unwrap_or(accepted) })
    }

    /// Tries the keys that a token with this header could be signed with.
    pub(super) fn open<T>(
        &self,
        header: &Header,
        check: impl Fn(&VerifyingKey) -> Result<T, SignatureError>,
    ) -> Result<(T, Signer), Refusal> {
        let refused = |error: &SignatureError| Refusal::of(error);
        let alg = header.alg().map_err(|error| refused(&error.into()))?;
        if !self.allowed.contains(alg) {
            return Err(refused(&SignatureError::NotAllowed { alg, allowed: self.allowed }));
        }
        let named = |key: &VerifyingKey, listed: bool| {
            header.kid().is_none() || key.kid() == header.kid() || (key.kid().is_none() && !listed)
        };
        let mut best: Option<SignatureError> = None;
        for (place, key, listed) in &self.keys {
            if !named(key, *listed) || !key.accepts().contains(alg) {
                continue;
            }
            match check(key) {
                Ok(found) => {
                    let kid = key.kid().map(str::to_owned);
                    let signer = Signer { signature: 0, key: place.clone(), kid, algorithm: alg.name() };
                    return Ok((found, signer));
                }
                Err(error @ SignatureError::Mismatch) => best = Some(error),
                Err(error) => best = best.or(Some(error)),
            }
        }
        Err(match best {
            Some(error) => refused(&error),
            None => self.no_key(header, alg),
        })
    }

    pub(super) fn no_key(&self, header: &Header, alg: Alg) -> Refusal {
        let message = match header.kid() {
            _ if self.keys.is_empty() => "there is no key to verify it with".to_owned(),
            Some(kid) if !self.keys.iter().any(|(_, key, _)| key.kid() == Some(kid)) => {
                format!("no key is the one that the token names: `{}`", kid.escape_debug())
            }
            _ => format!("no key goes with algorithm `{alg}`"),
        };
        Refusal::new("key_unknown", codes::KEY_UNKNOWN, message)
    }
}
