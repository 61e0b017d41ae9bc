//! A key as it was read: its material, checked, and what it says about its use.

use std::fmt;

use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm, RsaKeyPair,
    RsaPublicKeyComponents,
};
use zeroize::Zeroizing;

use super::error::KeyError;
use super::okp;
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
    /// Ed25519.
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
    /// Anything else: not for signatures.
    Other(Box<str>),
}

impl Op {
    pub(super) fn read(name: &str) -> Self {
        match name {
            "sign" => Op::Sign,
            "verify" => Op::Verify,
            other => Op::Other(super::error::cut(other)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Op::Sign => "sign",
            Op::Verify => "verify",
            Op::Other(name) => name,
        }
    }
}

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the registered curves")]
pub enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
}

/// One row per curve: everything that follows from it.
struct CurveRow {
    curve: Curve,
    name: &'static str,
    oid: &'static [u8],
    alg: Alg,
    field: usize,
    verifying: &'static EcdsaVerificationAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
}

const CURVES: [CurveRow; 4] = [
    CurveRow {
        curve: Curve::P256,
        name: "P-256",
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        alg: Alg::ES256,
        field: 32,
        verifying: &lc::ECDSA_P256_SHA256_FIXED,
        signing: &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::P384,
        name: "P-384",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x22],
        alg: Alg::ES384,
        field: 48,
        verifying: &lc::ECDSA_P384_SHA384_FIXED,
        signing: &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::P521,
        name: "P-521",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x23],
        alg: Alg::ES512,
        field: 66,
        verifying: &lc::ECDSA_P521_SHA512_FIXED,
        signing: &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::Secp256k1,
        name: "secp256k1",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x0a],
        alg: Alg::ES256K,
        field: 32,
        verifying: &lc::ECDSA_P256K1_SHA256_FIXED,
        signing: &lc::ECDSA_P256K1_SHA256_FIXED_SIGNING,
    },
];

impl Curve {
    fn row(self) -> &'static CurveRow {
        // The table is in the order of the enum.
        &CURVES[self as usize]
    }

    /// As it stands in `crv`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The one algorithm that uses it (RFC 7518 §3.4, RFC 8812 §3.2).
    pub fn alg(self) -> Alg {
        self.row().alg
    }

    /// Bytes of a coordinate.
    pub(super) fn field(self) -> usize {
        self.row().field
    }

    pub(super) fn verifying(self) -> &'static EcdsaVerificationAlgorithm {
        self.row().verifying
    }

    pub(super) fn signing(self) -> &'static EcdsaSigningAlgorithm {
        self.row().signing
    }

    pub(super) fn named(name: &str) -> Option<Curve> {
        CURVES.iter().find(|row| row.name == name).map(|row| row.curve)
    }

    pub(super) fn of_oid(oid: &[u8]) -> Option<Curve> {
        CURVES.iter().find(|row| row.oid == oid).map(|row| row.curve)
    }

    pub(super) fn of_alg(alg: Alg) -> Option<Curve> {
        CURVES.iter().find(|row| row.alg == alg).map(|row| row.curve)
    }
}

/// An ML-DSA algorithm in the library's terms.
pub(super) struct MlDsa {
    pub(super) verifying: &'static PqdsaVerificationAlgorithm,
    pub(super) signing: &'static PqdsaSigningAlgorithm,
}

pub(super) fn ml_dsa(alg: Alg) -> Option<MlDsa> {
    match alg {
        Alg::MlDsa44 => Some(MlDsa { verifying: &lc::ML_DSA_44, signing: &lc::ML_DSA_44_SIGNING }),
        Alg::MlDsa65 => Some(MlDsa { verifying: &lc::ML_DSA_65, signing: &lc::ML_DSA_65_SIGNING }),
        Alg::MlDsa87 => Some(MlDsa { verifying: &lc::ML_DSA_87, signing: &lc::ML_DSA_87_SIGNING }),
        _ => None,
    }
}

/// Bytes of an ML-DSA seed (RFC 9964 §2: `priv`).
pub(super) const ML_DSA_SEED: usize = 32;

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
    Ed25519 {
        x: [u8; 32],
        d: Option<Private>,
    },
    MlDsa {
        alg: Alg,
        public: Vec<u8>,
        seed: Option<Private>,
    },
}

#[derive(Clone)]
pub(super) struct Rsa {
    /// Without leading zeros.
    pub(super) n: Vec<u8>,
    pub(super) e: Vec<u8>,
    pub(super) private: Option<RsaPrivate>,
    /// From a PEM that reserves the key for PSS, or for one hash of it.
    pub(super) only: Option<Algs>,
}

#[derive(Clone)]
pub(super) struct RsaPrivate {
    pub(super) d: Private,
    pub(super) p: Private,
    pub(super) q: Private,
    pub(super) dp: Private,
    pub(super) dq: Private,
    pub(super) qi: Private,
}

impl Rsa {
    pub(super) fn components(&self) -> RsaPublicKeyComponents<&[u8]> {
        RsaPublicKeyComponents { n: &self.n, e: &self.e }
    }

    pub(super) fn key_pair(&self) -> Result<RsaKeyPair, KeyError> {
        let private = self.private.as_ref().ok_or(KeyError::NotPrivate)?;
        RsaKeyPair::from_components(&aws_lc_rs::rsa::KeyPairComponents {
            public_key: self.components(),
            d: &**private.d,
            p: &**private.p,
            q: &**private.q,
            dP: &**private.dp,
            dQ: &**private.dq,
            qInv: &**private.qi,
        })
        .map_err(|_| KeyError::PrivateMismatch)
    }

    fn bits(&self) -> usize {
        let top = self.n.first().map_or(8, |byte| byte.leading_zeros() as usize);
        self.n.len() * 8 - top.min(self.n.len() * 8)
    }

    fn check(&self) -> Result<(), KeyError> {
        match self.bits() {
            bits @ ..2048 => return Err(KeyError::RsaTooSmall(bits)),
            bits @ 8193.. => return Err(KeyError::RsaTooLarge(bits)),
            _ => {}
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        // The library verifies nothing with an exponent beyond 33 bits, which would only burn time.
        let sound = odd(&self.e)
            && match *self.e {
                [] | [1] => false,
                [top, _, _, _, _] => top == 1,
                _ => self.e.len() < 5,
            };
        if !odd(&self.n) || !sound {
            return Err(KeyError::RsaExponent);
        }
        self.components()
            .to_parsed_public_key(&lc::RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::RsaExponent)?;
        if self.private.is_some() {
            self.key_pair()?;
        }
        Ok(())
    }
}

impl Material {
    /// Whether it is what it should be: nothing that fails here becomes a [`Jwk`].
    pub(super) fn check(&self) -> Result<(), KeyError> {
        match self {
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
            Material::Ed25519 { x, d } => {
                if !okp::is_sound_point(x) {
                    return Err(KeyError::Point);
                }
                if let Some(d) = d {
                    Ed25519KeyPair::from_seed_and_public_key(d, x).map_err(|_| KeyError::PrivateMismatch)?;
                }
                Ok(())
            }
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
            Material::Ed25519 { .. } => KeyType::Okp,
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
            Material::Ed25519 { .. } => Algs::family(Family::EdDsa),
            Material::MlDsa { alg, .. } => (*alg).into(),
        }
    }

    fn is_private(&self) -> bool {
        match self {
            Material::Oct(_) => true,
            Material::Rsa(rsa) => rsa.private.is_some(),
            Material::Ec { d, .. } => d.is_some(),
            Material::Ed25519 { d, .. } => d.is_some(),
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
            Material::Ed25519 { x, .. } => Material::Ed25519 { x: *x, d: None },
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
            let turned = ops.iter().map(|op| if *op == Op::Sign { Op::Verify } else { op.clone() });
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
