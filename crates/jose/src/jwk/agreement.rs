//! Diffie-Hellman over the curves that JWE uses (RFC 7518 §4.6, RFC 8037 §3.2): P-256, P-384, P-521, X25519
//! and X448.

use aws_lc_rs::agreement::{self as lc, Algorithm, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use zeroize::Zeroizing;

use super::curve::Curve;
use super::error::KeyError;
use super::generate::random;
use super::goldilocks::{X448, x448_agree, x448_public};
use super::material::{Jwk, Material, Private};
use super::okp::OkpCurve;

/// One side of an agreement: what stands in `epk`, or in the recipient's key.
#[derive(Clone)]
pub(crate) struct Party {
    group: Group,
    /// The uncompressed point; on the curves of RFC 7748 one coordinate.
    public: Vec<u8>,
    private: Option<Private>,
}

/// Where two sides meet.
#[derive(Clone, Copy, PartialEq)]
enum Group {
    Ec(Curve),
    X25519,
    X448,
}

impl Group {
    /// In the library's terms; it does not have X448.
    fn library(self) -> Option<&'static Algorithm> {
        match self {
            Group::Ec(Curve::P256) => Some(&lc::ECDH_P256),
            Group::Ec(Curve::P384) => Some(&lc::ECDH_P384),
            Group::Ec(Curve::P521) => Some(&lc::ECDH_P521),
            Group::X25519 => Some(&lc::X25519),
            Group::Ec(Curve::Secp256k1) | Group::X448 => None,
        }
    }
}

impl Party {
    /// Of a key that can agree; nothing for any other.
    pub(super) fn of(material: &Material) -> Option<Party> {
        let (group, public, private) = match material {
            Material::Ec { curve: Curve::Secp256k1, .. } => return None,
            Material::Ec { curve, point, d } => (Group::Ec(*curve), point, d),
            Material::Okp { curve: OkpCurve::X25519, x, d } => (Group::X25519, x, d),
            Material::Okp { curve: OkpCurve::X448, x, d } => (Group::X448, x, d),
            _ => return None,
        };
        Some(Party { group, public: public.clone(), private: private.clone() })
    }

    /// The public key that stands in a header. Its point has been checked.
    pub(crate) fn of_epk(jwk: &Jwk) -> Option<Party> {
        Self::of(&jwk.material)
    }

    pub(crate) fn same_curve(&self, other: &Party) -> bool {
        self.group == other.group
    }

    /// A new key for this curve and the secret it agrees upon with this party: (`epk`, Z).
    pub(crate) fn offer(&self) -> Option<(Jwk, Private)> {
        let (material, secret) = if let Some(algorithm) = self.group.library() {
            let ephemeral = PrivateKey::generate(algorithm).ok()?;
            let public = ephemeral.compute_public_key().ok()?.as_ref().to_vec();
            let material = match self.group {
                Group::Ec(curve) => Material::Ec { curve, point: public, d: None },
                Group::X25519 | Group::X448 => Material::Okp { curve: OkpCurve::X25519, x: public, d: None },
            };
            (material, agree(algorithm, &ephemeral, &self.public)?)
        } else {
            let ephemeral = random(X448).ok()?;
            let x = x448_public(&ephemeral)?.to_vec();
            (Material::Okp { curve: OkpCurve::X448, x, d: None }, x448_agree(&ephemeral, &self.public)?)
        };
        Some((Jwk { kid: None, alg: None, usage: None, ops: None, material }, secret))
    }

    /// The secret that our private key agrees upon with that public one.
    pub(crate) fn accept(&self, epk: &Party) -> Option<Private> {
        if !self.same_curve(epk) {
            return None;
        }
        let private = self.private.as_ref()?;
        let Some(algorithm) = self.group.library() else { return x448_agree(private, &epk.public) };
        let own = PrivateKey::from_private_key(algorithm, private).ok()?;
        agree(algorithm, &own, &epk.public)
    }
}

/// The library refuses points off the curve and an X25519 result of zeros.
fn agree(algorithm: &'static Algorithm, own: &PrivateKey, other: &[u8]) -> Option<Private> {
    let other = UnparsedPublicKey::new(algorithm, other);
    lc::agree(own, other, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).ok()
}

/// Whether these are the public bytes of a key of large order.
pub(super) fn x25519_is_sound(x: &[u8]) -> Result<bool, KeyError> {
    let probe = PrivateKey::generate(&lc::X25519).map_err(|_| KeyError::Library)?;
    // With a point of small order every agreement ends in zeros.
    Ok(agree(&lc::X25519, &probe, x).is_some())
}

pub(super) fn x25519_public(d: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = PrivateKey::from_private_key(&lc::X25519, d).map_err(|_| KeyError::PrivateMismatch)?;
    Ok(key.compute_public_key().map_err(|_| KeyError::Library)?.as_ref().to_vec())
}

pub(super) fn generate_x25519() -> Result<Private, KeyError> {
    let key = PrivateKey::generate(&lc::X25519).map_err(|_| KeyError::Library)?;
    let seed: Curve25519SeedBin<'_> = key.as_be_bytes().map_err(|_| KeyError::Library)?;
    Ok(Zeroizing::new(seed.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x25519_points_of_small_order_are_no_keys() {
        let mut one = [0; 32];
        one[0] = 1;
        for x in [[0; 32], one] {
            assert_eq!(OkpCurve::X25519.check(&x, None), Err(KeyError::Point));
        }
    }

    #[test]
    fn both_sides_agree_and_different_curves_never_do() {
        let parties =
            [OkpCurve::X25519, OkpCurve::X448].map(|curve| Party::of(&curve.generate().unwrap()).unwrap());
        for own in &parties {
            let (epk, secret) = own.offer().unwrap();
            let epk = Party::of_epk(&epk).unwrap();
            for other in &parties {
                let agreed = other.accept(&epk);
                assert_eq!(agreed.as_ref() == Some(&secret), own.same_curve(other));
                assert_eq!(agreed.is_some(), own.same_curve(other));
            }
        }
    }
}
