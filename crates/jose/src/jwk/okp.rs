//! Keys of type `OKP` (RFC 8037 §2): one row per curve, and what makes a key of it sound.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::agreement::{x25519_is_sound, x25519_public};
use super::error::KeyError;
use super::generate::random;
use super::goldilocks::{ED448, Ed448, X448, ed448_public, x448_is_sound, x448_public};
use super::material::{Material, Private};
use super::{agreement, ed25519};
use crate::jwa::{Alg, Algs};

/// A curve of an OKP key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OkpCurve {
    Ed25519,
    Ed448,
    X25519,
    X448,
}

struct Row {
    curve: OkpCurve,
    name: &'static str,
    /// RFC 8410 §3, as DER content.
    oid: &'static [u8],
    /// Bytes of the public key, and of the private one.
    len: usize,
    /// None: the curve is for agreement.
    algs: &'static [Alg],
}

const CURVES: [Row; 4] = [
    Row {
        curve: OkpCurve::Ed25519,
        name: "Ed25519",
        oid: &[0x2b, 0x65, 0x70],
        len: 32,
        algs: &[Alg::EdDSA, Alg::Ed25519],
    },
    Row {
        curve: OkpCurve::Ed448,
        name: "Ed448",
        oid: &[0x2b, 0x65, 0x71],
        len: ED448,
        algs: &[Alg::EdDSA, Alg::Ed448],
    },
    Row { curve: OkpCurve::X25519, name: "X25519", oid: &[0x2b, 0x65, 0x6e], len: 32, algs: &[] },
    Row { curve: OkpCurve::X448, name: "X448", oid: &[0x2b, 0x65, 0x6f], len: X448, algs: &[] },
];

impl OkpCurve {
    fn row(self) -> &'static Row {
        // The table is in the order of the enum.
        &CURVES[self as usize]
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        CURVES.iter().find(|row| row.name == name).map(|row| row.curve)
    }

    pub(super) fn of_oid(oid: &[u8]) -> Option<Self> {
        CURVES.iter().find(|row| row.oid == oid).map(|row| row.curve)
    }

    /// As it stands in `crv`.
    pub(super) fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn oid(self) -> &'static [u8] {
        self.row().oid
    }

    /// The signature algorithms that it takes.
    pub(super) fn algs(self) -> Algs {
        Algs::of(self.row().algs)
    }

    /// Whether these are a public key of large order and, if it is there, the private key that belongs to it.
    pub(super) fn check(self, x: &[u8], d: Option<&[u8]>) -> Result<(), KeyError> {
        self.check_length("x", x)?;
        let sound = match self {
            Self::Ed25519 => x.try_into().is_ok_and(ed25519::is_sound_point),
            Self::Ed448 => Ed448::read(x).is_some(),
            Self::X25519 => x25519_is_sound(x)?,
            Self::X448 => x448_is_sound(x),
        };
        if !sound {
            return Err(KeyError::Point);
        }
        let Some(d) = d else { return Ok(()) };
        self.check_length("d", d)?;
        if self.public_of(d)? == x { Ok(()) } else { Err(KeyError::PrivateMismatch) }
    }

    fn check_length(self, name: &'static str, bytes: &[u8]) -> Result<(), KeyError> {
        let (expected, found) = (self.row().len, bytes.len());
        if found == expected { Ok(()) } else { Err(KeyError::Length { name, expected, found }) }
    }

    /// Both halves of the key with this private one.
    pub(super) fn of_private(self, d: Private) -> Result<Material, KeyError> {
        self.check_length("d", &d)?;
        Ok(Material::Okp { curve: self, x: self.public_of(&d)?, d: Some(d) })
    }

    fn public_of(self, d: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(d).map_err(|_| KeyError::PrivateMismatch)?;
                Ok(pair.public_key().as_ref().to_vec())
            }
            Self::Ed448 => ed448_public(d).map(|x| x.to_vec()).ok_or(KeyError::PrivateMismatch),
            Self::X25519 => x25519_public(d),
            Self::X448 => x448_public(d).map(|x| x.to_vec()).ok_or(KeyError::PrivateMismatch),
        }
    }

    /// A new key.
    pub(super) fn generate(self) -> Result<Material, KeyError> {
        self.of_private(match self {
            Self::X25519 => agreement::generate_x25519()?,
            // Any bytes are a seed, and a private key of X448 (RFC 7748 §5 sets the bits that must be set).
            Self::Ed25519 | Self::Ed448 | Self::X448 => random(self.row().len)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_reads_back() {
        for row in &CURVES {
            assert_eq!(row.curve.row().curve, row.curve);
            assert_eq!(OkpCurve::named(row.name), Some(row.curve));
            assert_eq!(OkpCurve::of_oid(row.oid), Some(row.curve));
        }
        assert_eq!(OkpCurve::named("ed448"), None);
    }

    #[test]
    fn made_keys_are_sound_and_lengths_are_exact() {
        for row in &CURVES {
            let Material::Okp { curve, x, d: Some(d) } = row.curve.generate().unwrap() else { panic!() };
            curve.check(&x, Some(&d)).unwrap();
            let long = |bytes: &[u8]| [bytes, &[0]].concat();
            let name = row.name;
            for (x, d) in [(long(&x), d.to_vec()), (x[1..].to_vec(), d.to_vec()), (x.clone(), long(&d))] {
                assert!(matches!(curve.check(&x, Some(&d)), Err(KeyError::Length { .. })), "{name}");
            }
            let other = Zeroizing::new(vec![7; d.len()]);
            assert_eq!(curve.check(&x, Some(&other)), Err(KeyError::PrivateMismatch), "{name}");
            assert_eq!(curve.check(&vec![0; x.len()], None), Err(KeyError::Point), "{name}");
        }
    }
}
