//! Keys from DER: SPKI (RFC 5280), PKCS#1 (RFC 8017), PKCS#8 (RFC 5208, 5958, 9881) and SEC1 (RFC 5915).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair, ParsedPublicKey};
use zeroize::Zeroizing;

use super::curve::{Curve, ML_DSA_SEED};
use super::error::KeyError;
use super::generate::ml_dsa_of;
use super::material::Material;
use super::okp::OkpCurve;
use super::parse::without_zeros;
use super::rsa::{Rsa, RsaPrivate};
use crate::der::{self, Malformed, Reader};
use crate::jwa::{Alg, Algs, Family};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// NIST's signature algorithms; the last byte tells ML-DSA-44, -65 and -87 apart.
const ML_DSA: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];
/// NIST's hashes; the last byte tells SHA-256, -384 and -512 apart.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// What an AlgorithmIdentifier says about the key beside it.
enum Kind {
    Rsa(Option<Algs>),
    Ec(Curve),
    Okp(OkpCurve),
    MlDsa(Alg),
}

fn algorithm(mut identifier: Reader<'_>, what: &'static str) -> Result<Kind, KeyError> {
    let malformed = |_: Malformed| KeyError::Der(what);
    let oid = identifier.take(der::OID).map_err(malformed)?;
    let kind = match oid {
        RSA => {
            // NULL as the standard says, or nothing, as some encoders have it.
            identifier.maybe(der::NULL).map_err(malformed)?;
            Kind::Rsa(None)
        }
        RSA_PSS => match pss(&mut identifier).map_err(malformed)? {
            Algs::NONE => return Err(KeyError::UnknownAlg("RSASSA-PSS with other parameters".into())),
            only => Kind::Rsa(Some(only)),
        },
        EC => {
            // Only named curves: explicit parameters let an attacker choose the generator (CVE-2020-0601).
            let curve = identifier.take(der::OID).map_err(|_| KeyError::UnknownCurve("explicit".into()))?;
            Kind::Ec(Curve::of_oid(curve).ok_or_else(|| KeyError::UnknownCurve(dotted(curve)))?)
        }
        [prefix @ .., last] if prefix == ML_DSA => match last {
            0x11 => Kind::MlDsa(Alg::MlDsa44),
            0x12 => Kind::MlDsa(Alg::MlDsa65),
            0x13 => Kind::MlDsa(Alg::MlDsa87),
            _ => return Err(KeyError::UnknownType(dotted(oid))),
        },
        _ => Kind::Okp(OkpCurve::of_oid(oid).ok_or_else(|| KeyError::UnknownType(dotted(oid)))?),
    };
    identifier.end().map_err(malformed)?;
    Ok(kind)
}

/// Which PSS algorithms a key of type id-RSASSA-PSS is reserved for (RFC 4055 §3.1): all without parameters, else the
/// one whose hash they name, if salt and mask fit JOSE (RFC 7518 §3.5), else none.
fn pss(identifier: &mut Reader<'_>) -> Result<Algs, Malformed> {
    let Some(parameters) = identifier.maybe(der::SEQUENCE)? else { return Ok(Algs::family(Family::RsaPss)) };
    let mut parameters = Reader::new(parameters);
    // Absent members mean SHA-1 and 20 bytes of salt, which no JOSE algorithm uses.
    let (mut hash, mut mask, mut salt) = (None, None, 20);
    if let Some(field) = parameters.maybe(der::context(0))? {
        hash = sha2(Reader::new(field).inside(der::SEQUENCE)?)?;
    }
    if let Some(field) = parameters.maybe(der::context(1))? {
        let mut generator = Reader::new(field).inside(der::SEQUENCE)?;
        if generator.take(der::OID)? == MGF1 {
            mask = sha2(generator.inside(der::SEQUENCE)?)?;
        }
    }
    if let Some(field) = parameters.maybe(der::context(2))? {
        salt = match Reader::new(field).unsigned()? {
            [salt] => usize::from(*salt),
            _ => 0,
        };
    }
    // The trailer has one legal value.
    parameters.maybe(der::context(3))?;
    parameters.end()?;
    Ok(match (hash, salt) {
        (Some(Sha2::S256), 32) if mask == hash => Alg::PS256.into(),
        (Some(Sha2::S384), 48) if mask == hash => Alg::PS384.into(),
        (Some(Sha2::S512), 64) if mask == hash => Alg::PS512.into(),
        _ => Algs::NONE,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Sha2 {
    S256,
    S384,
    S512,
}

fn sha2(mut identifier: Reader<'_>) -> Result<Option<Sha2>, Malformed> {
    Ok(match identifier.take(der::OID)? {
        [prefix @ .., 1] if prefix == SHA2 => Some(Sha2::S256),
        [prefix @ .., 2] if prefix == SHA2 => Some(Sha2::S384),
        [prefix @ .., 3] if prefix == SHA2 => Some(Sha2::S512),
        _ => None,
    })
}

/// rsaEncryption with its NULL (RFC 8017 §A.1).
pub(super) fn rsa_identifier() -> Vec<u8> {
    sequence(&[&der::write(der::OID, RSA), &der::write(der::NULL, &[])])
}

/// The AlgorithmIdentifier of a key, as it is written: an RSA key as rsaEncryption whatever it is reserved for.
pub(super) fn identifier(material: &Material) -> Vec<u8> {
    let oid = |oid: &[u8]| der::write(der::OID, oid);
    match material {
        Material::Oct(_) | Material::Rsa(_) => rsa_identifier(),
        Material::Ec { curve, .. } => sequence(&[&oid(EC), &oid(curve.oid())]),
        Material::Okp { curve, .. } => sequence(&[&oid(curve.oid())]),
        Material::MlDsa { alg, .. } => {
            let last = match alg {
                Alg::MlDsa44 => 0x11,
                Alg::MlDsa65 => 0x12,
                _ => 0x13,
            };
            sequence(&[&oid(&[ML_DSA, &[last]].concat())])
        }
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der::write(der::SEQUENCE, &parts.concat()).to_vec()
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1).
pub(super) fn spki(der: &[u8]) -> Result<Material, KeyError> {
    const WHAT: &str = "public key";
    let malformed = |_: Malformed| KeyError::Der(WHAT);
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    let identifier = inside.inside(der::SEQUENCE).map_err(malformed)?;
    let bits = inside.bits().map_err(malformed)?;
    inside.end().map_err(malformed)?;
    Ok(match algorithm(identifier, WHAT)? {
        Kind::Rsa(only) => Material::Rsa(Rsa { only, ..pkcs1_public(bits)? }),
        Kind::Ec(curve) => Material::Ec { curve, point: uncompressed(curve, bits)?, d: None },
        Kind::Okp(curve) => Material::Okp { curve, x: bits.to_vec(), d: None },
        Kind::MlDsa(alg) => Material::MlDsa { alg, public: bits.to_vec(), seed: None },
    })
}

/// The point in its long form; the short form is expanded by the library, which checks it on the way.
fn uncompressed(curve: Curve, bits: &[u8]) -> Result<Vec<u8>, KeyError> {
    let expected = 1 + 2 * curve.field();
    match bits {
        [4, ..] if bits.len() == expected => Ok(bits.to_vec()),
        [2 | 3, ..] if bits.len() == 1 + curve.field() => {
            let parsed = ParsedPublicKey::new(curve.verifying(), bits).map_err(|_| KeyError::Point)?;
            let der: PublicKeyX509Der<'_> = parsed.as_der().map_err(|_| KeyError::Point)?;
            // The point is the last thing in a SubjectPublicKeyInfo.
            match der.as_ref().len().checked_sub(expected).map(|at| &der.as_ref()[at..]) {
                Some(point @ [4, ..]) => Ok(point.to_vec()),
                _ => Err(KeyError::Point),
            }
        }
        _ => Err(KeyError::Length { name: "point", expected, found: bits.len() }),
    }
}

/// RSAPublicKey (RFC 8017 §A.1.1).
pub(super) fn pkcs1_public(der: &[u8]) -> Result<Rsa, KeyError> {
    let malformed = |_: Malformed| KeyError::Der("pkcs#1 key");
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    let mut number = || inside.unsigned().map_err(malformed).map(<[u8]>::to_vec);
    let (n, e) = (number()?, number()?);
    inside.end().map_err(malformed)?;
    Ok(Rsa { n, e, private: None, only: None })
}

/// RSAPrivateKey (RFC 8017 §A.1.2), two primes.
pub(super) fn pkcs1(der: &[u8]) -> Result<Rsa, KeyError> {
    let malformed = |_: Malformed| KeyError::Der("pkcs#1 key");
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    if !inside.unsigned().map_err(malformed)?.is_empty() {
        // Version 1: more than two primes.
        return Err(KeyError::RsaFactors);
    }
    let mut number = || inside.unsigned().map_err(malformed).map(<[u8]>::to_vec);
    let (n, e) = (number()?, number()?);
    let mut private = || number().map(Zeroizing::new);
    let (d, p, q, dp, dq, qi) = (private()?, private()?, private()?, private()?, private()?, private()?);
    inside.end().map_err(malformed)?;
    Ok(Rsa { n, e, private: Some(RsaPrivate { d, p, q, dp, dq, qi }), only: None })
}

/// PrivateKeyInfo (RFC 5208 §5) or OneAsymmetricKey (RFC 5958 §2).
pub(super) fn pkcs8(der: &[u8]) -> Result<Material, KeyError> {
    const WHAT: &str = "pkcs#8 key";
    let malformed = |_: Malformed| KeyError::Der(WHAT);
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    if !matches!(inside.unsigned().map_err(malformed)?, [] | [1]) {
        return Err(KeyError::Der(WHAT));
    }
    let kind = algorithm(inside.inside(der::SEQUENCE).map_err(malformed)?, WHAT)?;
    let key = inside.take(der::OCTET_STRING).map_err(malformed)?;
    // Attributes, and in the newer version the public key, which is derived anyway.
    inside.maybe(der::context(0)).map_err(malformed)?;
    inside.maybe(0x81).map_err(malformed)?;
    inside.end().map_err(malformed)?;
    match kind {
        Kind::Rsa(only) => Ok(Material::Rsa(Rsa { only, ..pkcs1(key)? })),
        Kind::Ec(curve) => sec1(key, Some(curve)),
        Kind::Okp(curve) => {
            let mut inner = Reader::new(key);
            let private = inner.take(der::OCTET_STRING).map_err(malformed)?;
            inner.end().map_err(malformed)?;
            curve.of_private(Zeroizing::new(private.to_vec()))
        }
        Kind::MlDsa(alg) => {
            // RFC 9881 §6: the seed alone [0], the expanded key alone, or both. Without the seed there is no JWK.
            let mut reader = Reader::new(key);
            let seed = match reader.maybe(0x80).map_err(malformed)? {
                Some(seed) => seed,
                None => {
                    let mut both = reader.inside(der::SEQUENCE).map_err(malformed)?;
                    let seed = both.take(der::OCTET_STRING).map_err(malformed)?;
                    both.take(der::OCTET_STRING).map_err(malformed)?;
                    both.end().map_err(malformed)?;
                    seed
                }
            };
            reader.end().map_err(malformed)?;
            if seed.len() != ML_DSA_SEED {
                return Err(KeyError::Der(WHAT));
            }
            ml_dsa_of(alg, Zeroizing::new(seed.to_vec()))
        }
    }
}

/// ECPrivateKey (RFC 5915 §3). The curve stands inside, or around it in PKCS#8.
pub(super) fn sec1(der: &[u8], around: Option<Curve>) -> Result<Material, KeyError> {
    const WHAT: &str = "sec1 key";
    let malformed = |_: Malformed| KeyError::Der(WHAT);
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    if inside.unsigned().map_err(malformed)? != [1] {
        return Err(KeyError::Der(WHAT));
    }
    let scalar = without_zeros(inside.take(der::OCTET_STRING).map_err(malformed)?.to_vec());
    let named = match inside.maybe(der::context(0)).map_err(malformed)? {
        Some(field) => {
            let oid =
                Reader::new(field).take(der::OID).map_err(|_| KeyError::UnknownCurve("explicit".into()))?;
            Some(Curve::of_oid(oid).ok_or_else(|| KeyError::UnknownCurve(dotted(oid)))?)
        }
        None => None,
    };
    let public = match inside.maybe(der::context(1)).map_err(malformed)? {
        Some(field) => Some(Reader::new(field).bits().map_err(malformed)?),
        None => None,
    };
    inside.end().map_err(malformed)?;
    let curve = match (around, named) {
        (Some(around), Some(named)) if around != named => return Err(KeyError::Der(WHAT)),
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(KeyError::UnknownCurve("unnamed".into())),
    };
    if scalar.len() > curve.field() {
        return Err(KeyError::Length { name: "d", expected: curve.field(), found: scalar.len() });
    }
    let mut d = Zeroizing::new(vec![0; curve.field() - scalar.len()]);
    d.extend_from_slice(&Zeroizing::new(scalar));
    // The library derives the public point from the smallest form of the key, which holds nothing else.
    let version = der::write(der::INTEGER, &[1]);
    let octets = der::write(der::OCTET_STRING, &d);
    let minimal = der::write(der::SEQUENCE, &Zeroizing::new([&version[..], &octets[..]].concat()));
    let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), &minimal)
        .map_err(|_| KeyError::PrivateMismatch)?;
    let point = pair.public_key().as_ref().to_vec();
    if let Some(stated) = public
        && stated.first() == Some(&4)
        && stated != point
    {
        return Err(KeyError::PrivateMismatch);
    }
    Ok(Material::Ec { curve, point, d: Some(d) })
}

/// An object identifier for a message: `1.2.840.10045.3.1.7`.
pub(super) fn dotted(oid: &[u8]) -> Box<str> {
    let mut arcs = Vec::new();
    let mut arc = 0u64;
    for byte in oid.iter().take(32) {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    if let Some(first) = arcs.first().copied() {
        let head = (first / 40).min(2);
        arcs.splice(..1, [head, first - head * 40]);
    }
    arcs.iter().map(u64::to_string).collect::<Vec<_>>().join(".").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_as_people_write_them() {
        assert_eq!(&*dotted(RSA), "1.2.840.113549.1.1.1");
        for (curve, dots) in [
            (OkpCurve::X25519, "1.3.101.110"),
            (OkpCurve::X448, "1.3.101.111"),
            (OkpCurve::Ed25519, "1.3.101.112"),
            (OkpCurve::Ed448, "1.3.101.113"),
        ] {
            assert_eq!(&*dotted(curve.oid()), dots);
        }
        assert_eq!(
            &*dotted(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11]),
            "2.16.840.1.101.3.4.3.17"
        );
    }
}
