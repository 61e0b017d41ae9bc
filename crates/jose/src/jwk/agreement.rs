//! Diffie-Hellman over the curves that JWE uses (RFC 7518 §4.6, RFC 8037 §3.2): P-256, P-384, P-521 and X25519.

use aws_lc_rs::agreement::{self as lc, Algorithm, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use zeroize::Zeroizing;

use super::curve::Curve;
use super::error::KeyError;
use super::material::{Jwk, Material, Private};

/// One side of an agreement: what stands in `epk`, or in the recipient's key.
#[derive(Clone)]
pub(crate) struct Party {
    algorithm: &'static Algorithm,
    /// The uncompressed point; for X25519 the 32 bytes.
    public: Vec<u8>,
    private: Option<Private>,
}

impl Party {
    /// Of a key that can agree; nothing for any other.
    pub(super) fn of(material: &Material) -> Option<Party> {
        Some(match material {
            Material::Ec { curve, point, d } => {
                Party { algorithm: of_curve(*curve)?, public: point.clone(), private: d.clone() }
            }
            Material::X25519 { x, d } => {
                Party { algorithm: &lc::X25519, public: x.to_vec(), private: d.clone() }
            }
            _ => return None,
        })
    }

    /// The public key that stands in a header. Its point has been checked.
    pub(crate) fn of_epk(jwk: &Jwk) -> Option<Party> {
        Self::of(&jwk.material)
    }

    pub(crate) fn same_curve(&self, other: &Party) -> bool {
        self.algorithm == other.algorithm
    }

    /// A new key for this curve and the secret it agrees upon with this party: (`epk`, Z).
    pub(crate) fn offer(&self) -> Option<(Jwk, Private)> {
        let ephemeral = PrivateKey::generate(self.algorithm).ok()?;
        let public = ephemeral.compute_public_key().ok()?.as_ref().to_vec();
        let secret = agree(&ephemeral, self)?;
        let material = if self.algorithm == &lc::X25519 {
            Material::X25519 { x: public.try_into().ok()?, d: None }
        } else {
            let curve = CURVES.iter().find(|(_, algorithm)| *algorithm == self.algorithm)?.0;
            Material::Ec { curve, point: public, d: None }
        };
        Some((Jwk { kid: None, alg: None, usage: None, ops: None, material }, secret))
    }

    /// The secret that our private key agrees upon with that public one.
    pub(crate) fn accept(&self, epk: &Party) -> Option<Private> {
        let own = PrivateKey::from_private_key(self.algorithm, self.private.as_ref()?).ok()?;
        agree(&own, epk)
    }
}

const CURVES: [(Curve, &Algorithm); 3] =
    [(Curve::P256, &lc::ECDH_P256), (Curve::P384, &lc::ECDH_P384), (Curve::P521, &lc::ECDH_P521)];

fn of_curve(curve: Curve) -> Option<&'static Algorithm> {
    CURVES.iter().find(|(own, _)| *own == curve).map(|(_, algorithm)| *algorithm)
}

/// The library refuses points off the curve and an X25519 result of zeros.
fn agree(own: &PrivateKey, other: &Party) -> Option<Private> {
    let other = UnparsedPublicKey::new(other.algorithm, &other.public);
    lc::agree(own, other, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).ok()
}

/// Whether these are the public bytes of a key of large order, and of this private key if there is one.
pub(super) fn check_x25519(x: &[u8; 32], d: Option<&[u8]>) -> Result<(), KeyError> {
    let probe = PrivateKey::generate(&lc::X25519).map_err(|_| KeyError::Library)?;
    let public = Party { algorithm: &lc::X25519, public: x.to_vec(), private: None };
    // With a point of small order every agreement ends in zeros.
    agree(&probe, &public).ok_or(KeyError::Point)?;
    match d {
        Some(d) if public_of(d)? != *x => Err(KeyError::PrivateMismatch),
        _ => Ok(()),
    }
}

fn public_of(d: &[u8]) -> Result<[u8; 32], KeyError> {
    let key = PrivateKey::from_private_key(&lc::X25519, d).map_err(|_| KeyError::PrivateMismatch)?;
    let public = key.compute_public_key().map_err(|_| KeyError::Library)?;
    public.as_ref().try_into().map_err(|_| KeyError::Library)
}

pub(super) fn x25519(d: Private) -> Result<Material, KeyError> {
    Ok(Material::X25519 { x: public_of(&d)?, d: Some(d) })
}

pub(super) fn generate_x25519() -> Result<Material, KeyError> {
    let key = PrivateKey::generate(&lc::X25519).map_err(|_| KeyError::Library)?;
    let seed: Curve25519SeedBin<'_> = key.as_be_bytes().map_err(|_| KeyError::Library)?;
    x25519(Zeroizing::new(seed.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x25519_points_of_small_order_are_no_keys() {
        let mut one = [0; 32];
        one[0] = 1;
        for x in [[0; 32], one] {
            assert_eq!(check_x25519(&x, None), Err(KeyError::Point));
        }
    }

    #[test]
    fn both_sides_agree() {
        let Material::X25519 { x, d } = generate_x25519().unwrap() else { panic!() };
        let own = Party::of(&Material::X25519 { x, d }).unwrap();
        let (epk, secret) = own.offer().unwrap();
        assert_eq!(own.accept(&Party::of_epk(&epk).unwrap()).unwrap(), secret);
    }
}
