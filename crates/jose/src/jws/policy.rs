//! Which of several signatures must count, and whether they do.

use super::error::SignatureError;
use super::message::Message;
use super::verify::check_signature;
use crate::jwa::{Alg, Algs};
use crate::jwk::VerifyingKey;

/// With one signature and no `kid` each key could be tried: at most so many are.
const TRIED: usize = 16;

/// Which signatures of a message must count. There is no default: "valid" means nothing until somebody says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// At least one signature counts under one of the keys. Says nothing about the others.
    Any,
    /// Every signature of the message counts under one of the keys; one by a stranger refuses the message.
    All,
    /// Each of the keys has signed (two persons have to agree); further signatures do no harm.
    EveryKey,
}

/// A message whose signatures satisfy a policy.
#[derive(Debug)]
pub struct Signed {
    payload: Vec<u8>,
    signers: Vec<Signer>,
}

/// A signature that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Which signature of the message, counted from 0.
    pub signature: usize,
    /// Which of the keys, counted from 0.
    pub key: usize,
    /// Under which algorithm.
    pub alg: Alg,
}

impl Signed {
    /// What has been signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What has been signed, for keeping it.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The signatures that count, in the order of the message.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

/// The policy is not satisfied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} of {signatures} signatures count, which does not satisfy the policy `{policy:?}`", signers.len())]
pub struct PolicyError {
    /// The policy.
    pub policy: Policy,
    /// Signatures of the message.
    pub signatures: usize,
    /// Those that count.
    pub signers: Vec<Signer>,
    /// Why each of the others does not: which signature, and the best reason that any key gave.
    pub refused: Vec<(usize, SignatureError)>,
}

impl PolicyError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        "signature_policy"
    }
}

impl Message {
    /// Checks the signatures with these keys.
    ///
    /// # Errors
    /// The policy is not satisfied; without keys none ever is.
    pub fn verify(self, keys: &[VerifyingKey], allowed: Algs, policy: Policy) -> Result<Signed, PolicyError> {
        let (mut signers, mut refused) = (Vec::new(), Vec::new());
        for index in 0..self.signatures().len() {
            match self.signer(index, keys, allowed) {
                Ok(mut found) => signers.append(&mut found),
                Err(error) => refused.push((index, error)),
            }
        }
        let satisfied = match policy {
            Policy::Any => !signers.is_empty(),
            Policy::All => refused.is_empty() && !signers.is_empty(),
            Policy::EveryKey => {
                // A key that stands in the list twice is still one key.
                let signed = |key: &VerifyingKey| {
                    signers.iter().any(|signer| keys[signer.key].thumbprint() == key.thumbprint())
                };
                !keys.is_empty() && keys.iter().all(signed)
            }
        };
        if satisfied {
            return Ok(Signed { payload: self.into_payload(), signers });
        }
        Err(PolicyError { policy, signatures: self.signatures().len(), signers, refused })
    }

    /// The key under which one signature counts; or the most telling reason against it.
    fn signer(
        &self,
        index: usize,
        keys: &[VerifyingKey],
        allowed: Algs,
    ) -> Result<Vec<Signer>, SignatureError> {
        let signature = &self.signatures()[index];
        let header = signature.header();
        let mut error = super::verify::check_alg(header, allowed).err();
        if error.is_none() {
            let input = self.signing_input(signature);
            let named = |key: &&VerifyingKey| {
                header.kid().is_none() || key.kid().is_none() || key.kid() == header.kid()
            };
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| named(key)).take(TRIED) {
                match check_signature(header, key, allowed, &input, signature.bytes()) {
                    Ok(alg) => return Ok(vec![Signer { signature: index, key: at, alg }]),
                    Err(SignatureError::KeyMismatch { .. }) if error.is_some() => {}
                    Err(found) => error = Some(found),
                }
            }
        }
        Err(error.unwrap_or(SignatureError::Mismatch))
    }
}
