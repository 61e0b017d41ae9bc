//! A key prepared for checking signatures.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaParameters};

use super::curve::ml_dsa;
use super::error::KeyError;
use super::goldilocks::{ED448_SIGNATURE, Ed448};
use super::material::{Jwk, KeyType, Material, Op};
use super::okp::OkpCurve;
use super::rsa::Rsa;
use crate::jwa::{Alg, Algs};
use crate::jws::SignatureError;

/// A key that checks signatures: parsed once, cheap to clone, shared between threads.
///
/// It takes only algorithms of its own kind: the one it names, or those of its type and curve. An RSA key that names
/// none takes PKCS#1 v1.5 and PSS, of which the caller's allow-list decides.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    kid: Option<Box<str>>,
    key_type: KeyType,
    accepts: Algs,
    thumbprint: [u8; 32],
    /// As it was published; nothing for secrets.
    public: Option<Jwk>,
    prepared: Prepared,
}

enum Prepared {
    /// One per algorithm whose hash is no longer than the secret.
    Hmac(Vec<(Alg, hmac::Key)>),
    Rsa(Box<RsaKeys>),
    Ed448(Box<Ed448>),
    Other(ParsedPublicKey),
}

/// The library binds a parsed RSA key to padding and hash; each is parsed when first asked for.
struct RsaKeys {
    public: Rsa,
    parsed: [OnceLock<ParsedPublicKey>; RSA.len()],
}

/// Bytes of an Ed25519 signature.
const ED25519_SIGNATURE: usize = 64;

const RSA: [(Alg, &RsaParameters); 6] = [
    (Alg::RS256, &lc::RSA_PKCS1_2048_8192_SHA256),
    (Alg::RS384, &lc::RSA_PKCS1_2048_8192_SHA384),
    (Alg::RS512, &lc::RSA_PKCS1_2048_8192_SHA512),
    (Alg::PS256, &lc::RSA_PSS_2048_8192_SHA256),
    (Alg::PS384, &lc::RSA_PSS_2048_8192_SHA384),
    (Alg::PS512, &lc::RSA_PSS_2048_8192_SHA512),
];

impl Jwk {
    /// Prepares the key, or its public half, for verifying.
    ///
    /// # Errors
    /// `use`, `key_ops` or `alg` reserve it for something else; a secret too short for its algorithm.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        self.permits(Op::Verify, "verifying signatures")?;
        let accepts = self.accepts()?;
        let prepared = match &self.material {
            Material::Oct(secret) => {
                if accepts.is_empty() {
                    return Err(KeyError::SecretTooShort { found: secret.len(), needed: 32 });
                }
                Prepared::Hmac(accepts.iter().filter_map(|alg| Some((alg, hmac_key(alg, secret)?))).collect())
            }
            Material::Rsa(rsa) => Prepared::Rsa(Box::new(RsaKeys {
                public: Rsa { private: None, ..rsa.clone() },
                parsed: Default::default(),
            })),
            Material::Ec { curve, point, .. } => {
                Prepared::Other(ParsedPublicKey::new(curve.verifying(), point).map_err(|_| KeyError::Point)?)
            }
            Material::Okp { curve, x, .. } => match curve {
                OkpCurve::Ed25519 => {
                    Prepared::Other(ParsedPublicKey::new(&lc::ED25519, x).map_err(|_| KeyError::Point)?)
                }
                OkpCurve::Ed448 => Prepared::Ed448(Box::new(Ed448::read(x).ok_or(KeyError::Point)?)),
                OkpCurve::X25519 | OkpCurve::X448 => return Err(KeyError::NotFor("signatures")),
            },
            Material::MlDsa { alg, public, .. } => {
                let library = ml_dsa(*alg).ok_or_else(|| KeyError::UnknownAlg(alg.name().into()))?;
                Prepared::Other(ParsedPublicKey::new(library.verifying, public).map_err(|_| KeyError::Point)?)
            }
        };
        Ok(VerifyingKey(Arc::new(Inner {
            kid: self.kid.clone(),
            key_type: self.key_type(),
            accepts,
            thumbprint: self.thumbprint(),
            public: self.to_public(),
            prepared,
        })))
    }
}

/// The secret under one HMAC algorithm; nothing for any other.
pub(crate) fn hmac_key(alg: Alg, secret: &[u8]) -> Option<hmac::Key> {
    let algorithm = match alg {
        Alg::HS256 => hmac::HMAC_SHA256,
        Alg::HS384 => hmac::HMAC_SHA384,
        Alg::HS512 => hmac::HMAC_SHA512,
        _ => return None,
    };
    Some(hmac::Key::new(algorithm, secret))
}

impl VerifyingKey {
    /// Its id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Its type.
    pub fn key_type(&self) -> KeyType {
        self.0.key_type
    }

    /// The algorithms it takes.
    pub fn accepts(&self) -> Algs {
        self.0.accepts
    }

    /// SHA-256 thumbprint (RFC 7638): two keys with the same one are the same key, whatever their ids. Of a secret it
    /// is a digest that helps to guess it: do not publish it.
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.0.thumbprint
    }

    /// The public key that it was made of, for whoever explains or publishes it; nothing for a shared secret.
    pub fn public_jwk(&self) -> Option<&Jwk> {
        self.0.public.as_ref()
    }

    /// Checks a signature. In constant time for HMAC.
    ///
    /// # Errors
    /// The algorithm does not go with this key, the length is one that they never produce, or it does not match.
    pub fn verify(&self, alg: Alg, signing_input: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.check_binding(alg)?;
        self.check_length(alg, signature)?;
        self.check_match(alg, signing_input, signature)
    }

    /// Does the algorithm go with the key?
    pub(crate) fn check_binding(&self, alg: Alg) -> Result<(), SignatureError> {
        let accepts = self.0.accepts;
        if accepts.contains(alg) { Ok(()) } else { Err(SignatureError::KeyMismatch { alg, accepts }) }
    }

    /// Has the signature the one length that algorithm and key produce?
    pub(crate) fn check_length(&self, alg: Alg, signature: &[u8]) -> Result<(), SignatureError> {
        let expected = match &self.0.prepared {
            Prepared::Rsa(keys) => keys.public.n.len(),
            Prepared::Ed448(_) => ED448_SIGNATURE,
            // `EdDSA` alone fixes no length, and this is no Ed448 key.
            Prepared::Hmac(_) | Prepared::Other(_) => alg.signature_len().unwrap_or(ED25519_SIGNATURE),
        };
        let found = signature.len();
        if found == expected { Ok(()) } else { Err(SignatureError::Length { expected, found }) }
    }

    /// Does the mathematics agree? Asks for the binding again: a key of another kind never says yes.
    pub(crate) fn check_match(&self, alg: Alg, input: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.check_binding(alg)?;
        let mismatch = |_| SignatureError::Mismatch;
        match &self.0.prepared {
            Prepared::Hmac(keys) => {
                let (_, key) = keys.iter().find(|(own, _)| *own == alg).ok_or(SignatureError::Mismatch)?;
                hmac::verify(key, input, signature).map_err(mismatch)
            }
            Prepared::Rsa(keys) => keys.parsed(alg)?.verify_sig(input, signature).map_err(mismatch),
            Prepared::Ed448(key) if key.verifies(input, signature) => Ok(()),
            Prepared::Ed448(_) => Err(SignatureError::Mismatch),
            Prepared::Other(key) => key.verify_sig(input, signature).map_err(mismatch),
        }
    }
}

impl RsaKeys {
    fn parsed(&self, alg: Alg) -> Result<&ParsedPublicKey, SignatureError> {
        let (parameters, slot) = RSA
            .iter()
            .zip(&self.parsed)
            .find_map(|((own, parameters), slot)| (*own == alg).then_some((*parameters, slot)))
            .ok_or(SignatureError::Mismatch)?;
        if let Some(parsed) = slot.get() {
            return Ok(parsed);
        }
        // Components that the key was checked with when it was read: this fails only without memory.
        let parsed = self
            .public
            .components()
            .to_parsed_public_key(parameters)
            .map_err(|_| SignatureError::Mismatch)?;
        Ok(slot.get_or_init(|| parsed))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kty", &self.key_type().name())
            .field("kid", &self.kid())
            .field("accepts", &self.accepts())
            .finish_non_exhaustive()
    }
}
