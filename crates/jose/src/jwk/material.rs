//! A key as it was read: its material, checked, and what it says about its use.

use std::fmt;

use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, ParsedPublicKey, PqdsaKeyPair};
use zeroize::Zeroizing;

use super::curve::{Curve, ml_dsa};
use super::error::KeyError;
use super::okp::OkpCurve;
use super::rsa::Rsa;
use super::secret::is_key;
use crate::jwa::{Alg, Algs, Family};

/// Bytes that are wiped when dropped.
pub(super) type Private = Zeroizing<Vec<u8>>;

/// One key (RFC 7517 §4), sound: sizes, curve points and the bond between private and public part have been checked.
#[derive(Clone)]
pub struct Jwk {
    pub(super) kid: Option<Box<str>>,
    /// As written; not always a signature algorithm.
    pub(super) alg: Option<Box<str>>,
    pub(super) usage: Option<Use>,
    pub(super) ops: Option<Vec<Op>>,
    pub(super) material: Material,
}

/// `kty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A shared secret.
    Oct,
    /// RSA.
    Rsa,
    /// An elliptic curve with x and y.
    Ec,
    /// Ed25519 or Ed448 (signatures), X25519 or X448 (key agreement).
    Okp,
    /// ML-DSA.
    Akp,
}

impl KeyType {
    /// As it stands in a JWK.
    pub fn name(self) -> &'static str {
        match self {
            KeyType::Oct => "oct",
            KeyType::Rsa => "RSA",
            KeyType::Ec => "EC",
            KeyType::Okp => "OKP",
            KeyType::Akp => "AKP",
        }
    }
}

/// `use` (RFC 7517 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// `sig`.
    Signature,
    /// `enc`.
    Encryption,
    /// Anything else: not for signatures.
    Other(Box<str>),
}

impl Use {
    pub(super) fn read(name: &str) -> Self {
        match name {
            "sig" => Use::Signature,
            "enc" => Use::Encryption,
            other => Use::Other(super::error::cut(other)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Use::Signature => "sig",
            Use::Encryption => "enc",
            Use::Other(name) => name,
        }
    }
}

/// One of `key_ops` (RFC 7517 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// `sign`.
    Sign,
    /// `verify`.
    Verify,
    /// `encrypt`: content, directly.
    Encrypt,
    /// `decrypt`: content, directly.
    Decrypt,
    /// `wrapKey`: encrypt a content key.
    WrapKey,
    /// `unwrapKey`: decrypt a content key.
    UnwrapKey,
    /// `deriveKey`: agree upon a key.
    DeriveKey,
    /// `deriveBits`: agree upon bits.
    DeriveBits,
    /// Anything else: not for anything here.
    Other(Box<str>),
}

impl Op {
    pub(super) fn read(name: &str) -> Self {
        match name {
            "sign" => Op::Sign,
            "verify" => Op::Verify,
            "encrypt" => Op::Encrypt,
            "decrypt" => Op::Decrypt,
            "wrapKey" => Op::WrapKey,
            "unwrapKey" => Op::UnwrapKey,
            "deriveKey" => Op::DeriveKey,
            "deriveBits" => Op::DeriveBits,
            other => Op::Other(super::error::cut(other)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Op::Sign => "sign",
            Op::Verify => "verify",
            Op::Encrypt => "encrypt",
            Op::Decrypt => "decrypt",
            Op::WrapKey => "wrapKey",
            Op::UnwrapKey => "unwrapKey",
            Op::DeriveKey => "deriveKey",
            Op::DeriveBits => "deriveBits",
            Op::Other(name) => name,
        }
    }
}

/// What the mathematics needs. Public parts in the clear, private ones wiped when dropped.
#[derive(Clone)]
pub(super) enum Material {
    Oct(Private),
    Rsa(Rsa),
    /// `point` is 0x04, x, y.
    Ec {
        curve: Curve,
        point: Vec<u8>,
        d: Option<Private>,
    },
    Okp {
        curve: OkpCurve,
        x: Vec<u8>,
        d: Option<Private>,
    },
    MlDsa {
        alg: Alg,
        public: Vec<u8>,
        seed: Option<Private>,
    },
}

impl Material {
    /// Whether it is what it should be: nothing that fails here becomes a [`Jwk`].
    pub(super) fn check(&self) -> Result<(), KeyError> {
        match self {
            Material::Oct(secret) if is_key(secret) => Err(KeyError::SecretIsKey),
            Material::Oct(_) => Ok(()),
            Material::Rsa(rsa) => rsa.check(),
            Material::Ec { curve, point, d } => {
                // Only the uncompressed form reaches the library, so it checks this very point.
                ParsedPublicKey::new(curve.verifying(), point).map_err(|_| KeyError::Point)?;
                if let Some(d) = d {
                    EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), d, point)
                        .map_err(|_| KeyError::PrivateMismatch)?;
                }
                Ok(())
            }
            Material::Okp { curve, x, d } => curve.check(x, d.as_ref().map(|d| d.as_slice())),
            Material::MlDsa { alg, public, seed } => {
                let library = ml_dsa(*alg).ok_or_else(|| KeyError::UnknownAlg(alg.name().into()))?;
                let expected = library.signing.public_key_len();
                if public.len() != expected {
                    return Err(KeyError::Length { name: "pub", expected, found: public.len() });
                }
                ParsedPublicKey::new(library.verifying, public).map_err(|_| KeyError::Point)?;
                if let Some(seed) = seed {
                    let pair = PqdsaKeyPair::from_seed(library.signing, seed)
                        .map_err(|_| KeyError::PrivateMismatch)?;
                    if lc::KeyPair::public_key(&pair).as_ref() != public {
                        return Err(KeyError::PrivateMismatch);
                    }
                }
                Ok(())
            }
        }
    }

    fn key_type(&self) -> KeyType {
        match self {
            Material::Oct(_) => KeyType::Oct,
            Material::Rsa(_) => KeyType::Rsa,
            Material::Ec { .. } => KeyType::Ec,
            Material::Okp { .. } => KeyType::Okp,
            Material::MlDsa { .. } => KeyType::Akp,
        }
    }

    /// What type and curve allow, before the key's own `alg` narrows it.
    pub(super) fn algs(&self) -> Algs {
        match self {
            // Only those whose hash is no longer than the secret.
            Material::Oct(secret) => Algs::family(Family::Hmac)
                .iter()
                .filter(|alg| alg.min_secret_len().is_some_and(|needed| secret.len() >= needed))
                .collect(),
            Material::Rsa(rsa) => {
                let both = Algs::family(Family::RsaPkcs1).or(Algs::family(Family::RsaPss));
                rsa.only.map_or(both, |only| both.and(only))
            }
            Material::Ec { curve, .. } => curve.alg().into(),
            Material::Okp { curve, .. } => curve.algs(),
            Material::MlDsa { alg, .. } => (*alg).into(),
        }
    }

    fn is_private(&self) -> bool {
        match self {
            Material::Oct(_) => true,
            Material::Rsa(rsa) => rsa.private.is_some(),
            Material::Ec { d, .. } | Material::Okp { d, .. } => d.is_some(),
            Material::MlDsa { seed, .. } => seed.is_some(),
        }
    }

    fn to_public(&self) -> Option<Material> {
        Some(match self {
            Material::Oct(_) => return None,
            Material::Rsa(rsa) => Material::Rsa(Rsa { private: None, ..rsa.clone() }),
            Material::Ec { curve, point, .. } => {
                Material::Ec { curve: *curve, point: point.clone(), d: None }
            }
            Material::Okp { curve, x, .. } => Material::Okp { curve: *curve, x: x.clone(), d: None },
            Material::MlDsa { alg, public, .. } => {
                Material::MlDsa { alg: *alg, public: public.clone(), seed: None }
            }
        })
    }
}

impl Jwk {
    /// A key that says nothing about itself beyond what its container reserved it for.
    pub(super) fn bare(material: Material) -> Result<Self, KeyError> {
        material.check()?;
        let only = if let Material::Rsa(rsa) = &material { rsa.only } else { None };
        let alg = only.filter(|only| only.len() == 1).and_then(|only| only.iter().next());
        Ok(Self { kid: None, alg: alg.map(|alg| alg.name().into()), usage: None, ops: None, material })
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The same key under another id.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Box<str>>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same key, bound to one algorithm.
    ///
    /// # Errors
    /// The algorithm does not go with the key's type or curve.
    pub fn with_alg(mut self, alg: Alg) -> Result<Self, KeyError> {
        let accepts = self.material.algs();
        if !accepts.contains(alg) {
            return Err(KeyError::AlgMismatch { alg, accepts });
        }
        self.alg = Some(alg.name().into());
        Ok(self)
    }

    /// `alg`, as written. Perhaps no signature algorithm.
    pub fn alg_name(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// `kty`.
    pub fn key_type(&self) -> KeyType {
        self.material.key_type()
    }

    /// The curve, for EC keys.
    pub fn curve(&self) -> Option<Curve> {
        if let Material::Ec { curve, .. } = self.material { Some(curve) } else { None }
    }

    /// `use`.
    pub fn usage(&self) -> Option<&Use> {
        self.usage.as_ref()
    }

    /// `key_ops`.
    pub fn ops(&self) -> Option<&[Op]> {
        self.ops.as_deref()
    }

    /// Whether it holds something that must be kept: a private key or a shared secret.
    pub fn is_private(&self) -> bool {
        self.material.is_private()
    }

    /// Without its private part. Nothing for a shared secret, which has no public one.
    pub fn to_public(&self) -> Option<Jwk> {
        let ops = self.ops.as_ref().map(|ops| {
            let turned = ops.iter().filter_map(|op| match op {
                Op::Sign => Some(Op::Verify),
                Op::Decrypt => Some(Op::Encrypt),
                Op::UnwrapKey => Some(Op::WrapKey),
                // Nothing is derived with a public key alone.
                Op::DeriveKey | Op::DeriveBits => None,
                other => Some(other.clone()),
            });
            turned.fold(Vec::new(), |mut ops, op| {
                if !ops.contains(&op) {
                    ops.push(op);
                }
                ops
            })
        });
        Some(Jwk { material: self.material.to_public()?, ops, ..self.clone() })
    }

    /// The algorithms it may be used with: the one it names, or those of its type and curve.
    ///
    /// # Errors
    /// It names one that is not ours, or does not go with its type.
    pub fn accepts(&self) -> Result<Algs, KeyError> {
        let accepts = self.material.algs();
        if let Material::Okp { .. } = self.material
            && accepts.is_empty()
        {
            return Err(KeyError::NotFor("signatures"));
        }
        let Some(name) = &self.alg else { return Ok(accepts) };
        let alg = Alg::known(name).ok_or_else(|| KeyError::UnknownAlg(name.clone()))?;
        if accepts.contains(alg) {
            return Ok(alg.into());
        }
        if let (Material::Oct(secret), Some(needed)) = (&self.material, alg.min_secret_len()) {
            return Err(KeyError::SecretTooShort { found: secret.len(), needed });
        }
        Err(KeyError::AlgMismatch { alg, accepts })
    }

    /// The same material without anything that narrows its use: for finding out what a token was signed with, never
    /// for accepting one.
    pub(crate) fn unbound(&self) -> Jwk {
        let mut material = self.material.clone();
        if let Material::Rsa(rsa) = &mut material {
            rsa.only = None;
        }
        Jwk { kid: self.kid.clone(), alg: None, usage: None, ops: None, material }
    }

    /// Modulus and exponent, of an RSA key.
    pub(crate) fn rsa_public(&self) -> Option<(&[u8], &[u8])> {
        if let Material::Rsa(rsa) = &self.material { Some((&rsa.n, &rsa.e)) } else { None }
    }

    /// The bytes of a shared secret.
    pub(crate) fn secret_bytes(&self) -> Option<&[u8]> {
        if let Material::Oct(secret) = &self.material { Some(secret) } else { None }
    }

    /// Whether `use` and `key_ops` leave room for this.
    pub(super) fn permits(&self, op: Op, purpose: &'static str) -> Result<(), KeyError> {
        let by_use = matches!(self.usage, None | Some(Use::Signature));
        // The public half of a signing key verifies.
        let by_ops = self.ops.as_ref().is_none_or(|ops| {
            ops.contains(&op) || (op == Op::Verify && self.is_private() && ops.contains(&Op::Sign))
        });
        if by_use && by_ops { Ok(()) } else { Err(KeyError::NotFor(purpose)) }
    }
}

impl fmt::Debug for Jwk {
    /// What the key is; never what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kty", &self.key_type().name())
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("private", &self.is_private())
            .finish_non_exhaustive()
    }
}
