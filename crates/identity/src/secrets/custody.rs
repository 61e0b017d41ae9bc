//! How secrets lie in the database: sealed under a key from outside it, each bound to its name.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use portcullis_fault::Secret;
use portcullis_jose::jws::sha256;
use portcullis_model::Rng;
use std::fmt;
use std::sync::Arc;

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// Seals and opens stored secrets (AES-256-GCM). Cheap to clone.
///
/// An envelope is `version (1) | key id (8) | nonce (12) | ciphertext and tag`. The associated data is header and name:
/// an envelope opens only under the name it was sealed for.
#[derive(Clone)]
pub struct Custody(Arc<[Key]>);

struct Key {
    id: [u8; KEY_ID_LEN],
    key: LessSafeKey,
}

/// Why an envelope does not open, or cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// Cut off, or of a version that is not known.
    #[error("the stored secret is damaged, or of a newer release")]
    Form,
    /// Sealed under a key that is not configured.
    #[error(
        "the stored secret was sealed under another key than the one configured as `secrets.key`; bring that key back, or set the secret again"
    )]
    Key,
    /// Altered, or moved here from another name.
    #[error("the stored secret was altered, or belongs to another name; set it again")]
    Altered,
    /// The cryptographic library refused.
    #[error("sealing failed in the cryptographic library")]
    Library,
}

impl Custody {
    /// Seals under `key`; opens what was sealed under it or under one of `previous`.
    pub fn new(key: &Secret<[u8; 32]>, previous: &[Secret<[u8; 32]>]) -> Self {
        let prepare = |key: &Secret<[u8; 32]>| {
            let digest = sha256(&[b"portcullis custody key id".as_slice(), key.expose()].concat());
            let mut id = [0; KEY_ID_LEN];
            id.copy_from_slice(&digest[..KEY_ID_LEN]);
            // Fails only for another length than 32.
            UnboundKey::new(&AES_256_GCM, key.expose()).ok().map(|key| Key { id, key: LessSafeKey::new(key) })
        };
        Self(std::iter::once(key).chain(previous).filter_map(prepare).collect())
    }

    /// Seals a secret for a name.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn seal(&self, name: &str, secret: &[u8], rng: &dyn Rng) -> Result<Vec<u8>, CustodyError> {
        let key = self.0.first().ok_or(CustodyError::Library)?;
        let mut nonce = [0; NONCE_LEN];
        rng.fill(&mut nonce);
        let mut envelope = Vec::with_capacity(HEADER_LEN + secret.len() + AES_256_GCM.tag_len());
        envelope.push(VERSION);
        envelope.extend(key.id);
        envelope.extend(nonce);
        let mut sealed = secret.to_vec();
        key.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(&envelope, name), &mut sealed)
            .map_err(|_| CustodyError::Library)?;
        envelope.append(&mut sealed);
        Ok(envelope)
    }

    /// Opens an envelope that was sealed for this name.
    ///
    /// # Errors
    /// Damaged, sealed under a key that is not there, altered, or sealed for another name.
    pub fn open(&self, name: &str, envelope: &[u8]) -> Result<Secret<Vec<u8>>, CustodyError> {
        let (header, sealed) = envelope.split_at_checked(HEADER_LEN).ok_or(CustodyError::Form)?;
        let ([VERSION], rest) = header.split_at(1) else { return Err(CustodyError::Form) };
        let (id, nonce) = rest.split_at(KEY_ID_LEN);
        let key = self.0.iter().find(|key| key.id == id).ok_or(CustodyError::Key)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CustodyError::Form)?;
        let mut buffer = sealed.to_vec();
        let len = key
            .key
            .open_in_place(nonce, aad(header, name), &mut buffer)
            .map_err(|_| CustodyError::Altered)?
            .len();
        buffer.truncate(len);
        Ok(Secret::new(buffer))
    }
}

fn aad(header: &[u8], name: &str) -> Aad<Vec<u8>> {
    Aad::from([header, name.as_bytes()].concat())
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custody({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SystemRng;

    #[test]
    fn opens_only_whole_and_under_its_own_name() {
        let (old, new) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let custody = Custody::new(&old, &[]);
        let envelope = custody.seal("openai", b"hunter2", &SystemRng::new()).unwrap();
        assert!(!envelope.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(custody.open("openai", &envelope).unwrap().expose(), b"hunter2");
        assert_eq!(custody.open("other", &envelope).unwrap_err(), CustodyError::Altered);
        for at in 0..envelope.len() {
            let mut altered = envelope.clone();
            altered[at] ^= 1;
            assert!(custody.open("openai", &altered).is_err(), "{at}");
        }
        assert_eq!(custody.open("openai", &envelope[..20]).unwrap_err(), CustodyError::Form);
        assert_eq!(Custody::new(&new, &[]).open("openai", &envelope).unwrap_err(), CustodyError::Key);
        assert_eq!(Custody::new(&new, &[old]).open("openai", &envelope).unwrap().expose(), b"hunter2");
    }
}
