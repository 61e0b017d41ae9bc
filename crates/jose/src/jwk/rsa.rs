//! RSA keys (RFC 7518 §6.3): numbers, and the bounds within which they are a key.

use aws_lc_rs::signature::{self as lc, RsaKeyPair, RsaPublicKeyComponents};

use super::error::KeyError;
use super::material::Private;
use crate::jwa::Algs;

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

    /// Whether size, exponent and the bond between the parts are sound.
    pub(super) fn check(&self) -> Result<(), KeyError> {
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
