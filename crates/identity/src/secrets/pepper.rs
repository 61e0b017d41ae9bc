//! How credentials of ours are hashed: HMAC-SHA256 under a key that lies beside the database and not in it.
//!
//! The secrets have 256 bits of their own, so there is nothing to stretch; the key makes a stolen database worthless.

use super::Credential;
use aws_lc_rs::hmac;
use std::fmt;
use std::sync::Arc;

/// The key of the data directory. Cheap to clone.
#[derive(Clone)]
pub struct Pepper(Arc<hmac::Key>);

impl Pepper {
    /// Takes the key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// The 32 bytes that are stored of a credential.
    pub fn hash(&self, credential: &Credential) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        credential.parts().into_iter().for_each(|part| context.update(part));
        context.sign().as_ref().to_vec()
    }

    /// Whether `hash` is the credential's. In constant time.
    pub fn verify(&self, credential: &Credential, hash: &[u8]) -> bool {
        let mut context = hmac::Context::with_key(&self.0);
        credential.parts().into_iter().for_each(|part| context.update(part));
        aws_lc_rs::constant_time::verify_slices_are_equal(context.sign().as_ref(), hash).is_ok()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SystemRng;
    use uuid::Uuid;

    #[test]
    fn a_hash_is_good_for_one_credential_under_one_key() {
        let (pepper, other) = (Pepper::new(&[1; 32]), Pepper::new(&[2; 32]));
        let credential = Credential::new("pck", Uuid::from_u128(1), &SystemRng::new());
        let hash = pepper.hash(&credential);
        assert!(pepper.verify(&credential, &hash));
        assert!(!other.verify(&credential, &hash));
        assert!(!pepper.verify(&credential, &hash[..31]));
        let text = credential.text();
        let moved = text.expose().replacen("0001_", "0002_", 1);
        assert!(!pepper.verify(&Credential::parse("pck", &moved).unwrap(), &hash));
        let promoted = text.expose().replacen("pck_", "pco_", 1);
        assert!(!pepper.verify(&Credential::parse("pco", &promoted).unwrap(), &hash));
    }
}
