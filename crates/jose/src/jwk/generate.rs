//! Making keys. The randomness is the cryptographic library's own: a key must not depend on a caller's.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair, PqdsaKeyPair, RsaKeyPair};
use zeroize::Zeroizing;

use super::curve::{Curve, ML_DSA_SEED, ml_dsa};
use super::error::KeyError;
use super::material::{Jwk, Material, Private};
use super::okp::OkpCurve;
use super::{SigningKey, asn1};
use crate::b64;
use crate::jwa::{Alg, Family};

impl SigningKey {
    /// Makes a key for one algorithm (for `EdDSA` an Ed25519 key), with its thumbprint as `kid` (random for HMAC: a digest of a secret is not to be
    /// published). RSA gets 2048 bits and takes up to a second.
    ///
    /// # Errors
    /// The library has no memory or entropy.
    pub fn generate(alg: Alg) -> Result<Self, KeyError> {
        Self::from_material(
            alg,
            match alg.family() {
                Family::Hmac => Material::Oct(random(alg.min_secret_len().ok_or(KeyError::Library)?)?),
                Family::RsaPkcs1 | Family::RsaPss => return Self::generate_rsa(alg, RsaBits::B2048),
                Family::Ecdsa => ec(Curve::of_alg(alg).ok_or(KeyError::Library)?)?,
                Family::EdDsa if alg == Alg::Ed448 => OkpCurve::Ed448.generate()?,
                Family::EdDsa => OkpCurve::Ed25519.generate()?,
                Family::MlDsa => ml_dsa_of(alg, random(ML_DSA_SEED)?)?,
            },
        )
    }

    /// Makes an RSA key of this size. Takes seconds for the larger ones.
    ///
    /// # Errors
    /// No RSA algorithm, or the library has no memory or entropy.
    pub fn generate_rsa(alg: Alg, bits: RsaBits) -> Result<Self, KeyError> {
        Self::from_material(alg, rsa(bits)?)
    }

    fn from_material(alg: Alg, material: Material) -> Result<Self, KeyError> {
        let jwk = Jwk::bare(material)?.with_alg(alg)?;
        let kid = match alg.family() {
            Family::Hmac => b64::encode(&random(16)?),
            _ => b64::encode(&jwk.thumbprint()),
        };
        jwk.with_kid(kid).signing_key(None)
    }
}

/// What kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A shared secret of so many bytes.
    Oct(usize),
    /// RSA. Takes up to seconds.
    Rsa(RsaBits),
    /// An elliptic curve, for signatures or agreement.
    Ec(Curve),
    /// Ed25519, for signatures.
    Ed25519,
    /// Ed448, for signatures.
    Ed448,
    /// X25519, for agreement.
    X25519,
    /// X448, for agreement.
    X448,
    /// ML-DSA, by its algorithm.
    MlDsa(Alg),
}

impl Jwk {
    /// Makes a private key or secret that says nothing about itself yet: see [`with_kid`](Self::with_kid),
    /// [`with_alg`](Self::with_alg), [`with_management`](Self::with_management).
    ///
    /// # Errors
    /// The library has no memory or entropy; a secret of no bytes or more than 1024; no ML-DSA algorithm.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        Self::bare(match kind {
            KeyKind::Oct(len @ 1..=1024) => Material::Oct(random(len)?),
            KeyKind::Oct(found) => return Err(KeyError::Length { name: "k", expected: 32, found }),
            KeyKind::Rsa(bits) => rsa(bits)?,
            KeyKind::Ec(curve) => ec(curve)?,
            KeyKind::Ed25519 => OkpCurve::Ed25519.generate()?,
            KeyKind::Ed448 => OkpCurve::Ed448.generate()?,
            KeyKind::X25519 => OkpCurve::X25519.generate()?,
            KeyKind::X448 => OkpCurve::X448.generate()?,
            KeyKind::MlDsa(alg) => ml_dsa_of(alg, random(ML_DSA_SEED)?)?,
        })
    }
}

fn rsa(bits: RsaBits) -> Result<Material, KeyError> {
    let size = match bits {
        RsaBits::B2048 => KeySize::Rsa2048,
        RsaBits::B3072 => KeySize::Rsa3072,
        RsaBits::B4096 => KeySize::Rsa4096,
    };
    let pair = RsaKeyPair::generate(size).map_err(|_| KeyError::Library)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Library)?;
    asn1::pkcs8(der.as_ref())
}

/// Size of an RSA key to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the numbers say it")]
pub enum RsaBits {
    B2048,
    B3072,
    B4096,
}

pub(super) fn random(len: usize) -> Result<Private, KeyError> {
    let mut bytes = Zeroizing::new(vec![0; len]);
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Library)?;
    Ok(bytes)
}

fn ec(curve: Curve) -> Result<Material, KeyError> {
    let pair = EcdsaKeyPair::generate(curve.signing()).map_err(|_| KeyError::Library)?;
    let d: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(|_| KeyError::Library)?;
    let d = Zeroizing::new(d.as_ref().to_vec());
    Ok(Material::Ec { curve, point: pair.public_key().as_ref().to_vec(), d: Some(d) })
}

pub(super) fn ml_dsa_of(alg: Alg, seed: Private) -> Result<Material, KeyError> {
    let library = ml_dsa(alg).ok_or_else(|| KeyError::UnknownAlg(alg.name().into()))?;
    let pair = PqdsaKeyPair::from_seed(library.signing, &seed).map_err(|_| KeyError::Library)?;
    Ok(Material::MlDsa { alg, public: pair.public_key().as_ref().to_vec(), seed: Some(seed) })
}
