//! A key prepared for signing with one algorithm.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, Ed25519KeyPair, PqdsaKeyPair, RsaEncoding, RsaKeyPair};

use super::curve::ml_dsa;
use super::error::KeyError;
use super::goldilocks::ed448_sign;
use super::material::{Jwk, Material, Op, Private};
use super::okp::OkpCurve;
use super::verify::{VerifyingKey, hmac_key};
use crate::jwa::Alg;
use crate::jws::SignError;

/// A key that signs, with the one algorithm it was prepared for. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    alg: Alg,
    jwk: Jwk,
    verifying: VerifyingKey,
    prepared: Prepared,
}

enum Prepared {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// The seed: what is computed from it would not be wiped.
    Ed448(Private),
    MlDsa(PqdsaKeyPair),
}

impl Jwk {
    /// Prepares the private key for signing: with the algorithm it names, or the given one, or the only one there is.
    ///
    /// # Errors
    /// A public key; `use`, `key_ops` or `alg` reserve it for something else; several algorithms would do.
    pub fn signing_key(&self, alg: Option<Alg>) -> Result<SigningKey, KeyError> {
        self.permits(Op::Sign, "signing")?;
        if !self.is_private() {
            return Err(KeyError::NotPrivate);
        }
        let accepts = self.accepts()?;
        let alg = match alg {
            Some(alg) if accepts.contains(alg) => alg,
            Some(alg) => return Err(KeyError::AlgMismatch { alg, accepts }),
            None => match (accepts.iter().next(), accepts.len()) {
                (Some(only), 1) => only,
                (None, _) => return self.verifying_key().and(Err(KeyError::AlgAmbiguous(accepts))),
                _ => return Err(KeyError::AlgAmbiguous(accepts)),
            },
        };
        let prepared = match &self.material {
            Material::Oct(secret) => {
                Prepared::Hmac(Box::new(hmac_key(alg, secret).ok_or(KeyError::AlgMismatch { alg, accepts })?))
            }
            Material::Rsa(rsa) => {
                let encoding = rsa_encoding(alg).ok_or(KeyError::AlgMismatch { alg, accepts })?;
                Prepared::Rsa(rsa.key_pair()?, encoding)
            }
            Material::Ec { curve, point, d } => {
                let d = d.as_ref().ok_or(KeyError::NotPrivate)?;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), d, point);
                Prepared::Ec(pair.map_err(|_| KeyError::PrivateMismatch)?)
            }
            Material::Okp { curve, x, d } => {
                let d = d.as_ref().ok_or(KeyError::NotPrivate)?;
                match curve {
                    OkpCurve::Ed25519 => {
                        let pair = Ed25519KeyPair::from_seed_and_public_key(d, x);
                        Prepared::Ed25519(pair.map_err(|_| KeyError::PrivateMismatch)?)
                    }
                    OkpCurve::Ed448 => Prepared::Ed448(d.clone()),
                    OkpCurve::X25519 | OkpCurve::X448 => return Err(KeyError::NotFor("signatures")),
                }
            }
            Material::MlDsa { alg, seed, .. } => {
                let seed = seed.as_ref().ok_or(KeyError::NotPrivate)?;
                let library = ml_dsa(*alg).ok_or_else(|| KeyError::UnknownAlg(alg.name().into()))?;
                let pair = PqdsaKeyPair::from_seed(library.signing, seed);
                Prepared::MlDsa(pair.map_err(|_| KeyError::PrivateMismatch)?)
            }
        };
        // What this key signs must verify under the same algorithm, and with no other.
        let mut jwk = self.clone();
        jwk.alg = Some(alg.name().into());
        let verifying = jwk.verifying_key()?;
        Ok(SigningKey(Arc::new(Inner { alg, jwk, verifying, prepared })))
    }
}

fn rsa_encoding(alg: Alg) -> Option<&'static dyn RsaEncoding> {
    Some(match alg {
        Alg::RS256 => &lc::RSA_PKCS1_SHA256,
        Alg::RS384 => &lc::RSA_PKCS1_SHA384,
        Alg::RS512 => &lc::RSA_PKCS1_SHA512,
        Alg::PS256 => &lc::RSA_PSS_SHA256,
        Alg::PS384 => &lc::RSA_PSS_SHA384,
        Alg::PS512 => &lc::RSA_PSS_SHA512,
        _ => return None,
    })
}

impl SigningKey {
    /// The algorithm it signs with.
    pub fn alg(&self) -> Alg {
        self.0.alg
    }

    /// Its id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.0.jwk.kid()
    }

    /// The key that verifies what this one signs. For HMAC it holds the same secret.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying.clone()
    }

    /// The private key, for keeping it.
    pub fn jwk(&self) -> &Jwk {
        &self.0.jwk
    }

    /// The public key, for publishing it. Nothing for HMAC.
    pub fn public_jwk(&self) -> Option<Jwk> {
        self.0.jwk.to_public()
    }

    /// Signs. An RSA private operation takes around a millisecond: keep it off event loops. The library uses its own
    /// randomness where the algorithm needs some.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let library = |_| SignError::Library;
        match &self.0.prepared {
            Prepared::Hmac(key) => Ok(hmac::sign(key, input).as_ref().to_vec()),
            Prepared::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), input, &mut signature).map_err(library)?;
                Ok(signature)
            }
            Prepared::Ec(pair) => {
                Ok(pair.sign(&SystemRandom::new(), input).map_err(library)?.as_ref().to_vec())
            }
            Prepared::Ed25519(pair) => Ok(pair.try_sign(input).map_err(library)?.as_ref().to_vec()),
            Prepared::Ed448(seed) => Ok(ed448_sign(seed, input).ok_or(SignError::Library)?.to_vec()),
            Prepared::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(input, &mut signature).map_err(library)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("alg", &self.alg())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}
