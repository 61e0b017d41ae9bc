//! Encrypting: compact, flattened and general.
//!
//! The randomness is the cryptographic library's own: an initialisation vector that a caller could repeat would undo
//! AES-GCM.

use std::num::NonZeroU32;

use serde_json::{Map, Value};

use super::content;
use super::deflate;
use super::key::{self, Delivery, Parties};
use crate::b64;
use crate::jwa::{Enc, KeyManagement, Mode};
use crate::jwk::EncryptionKey;
use crate::jws::Protected;

/// Encrypting failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// Nobody to encrypt to.
    #[error("no recipient")]
    NoRecipient,
    /// `dir` and `ECDH-ES` fix the content key, which several recipients cannot share.
    #[error("algorithm takes one recipient only: `{0}`")]
    OneRecipientOnly(KeyManagement),
    /// The shared key has another length than the content encryption wants, or is reserved for another.
    #[error("key does not go with content encryption `{0}`")]
    KeyMismatch(Enc),
    /// Additional data has no place in the compact serialisation.
    #[error("additional data needs a json serialisation")]
    AdditionalData,
    /// The cryptographic library refused: out of memory or entropy.
    #[error("encryption failed in the cryptographic library")]
    Library,
}

impl EncryptError {
    /// Stable name for catalogues and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRecipient => "encrypt_no_recipient",
            Self::OneRecipientOnly(_) => "encrypt_one_recipient_only",
            Self::KeyMismatch(_) => "encrypt_key_mismatch",
            Self::AdditionalData => "encrypt_additional_data",
            Self::Library => "encrypt_library",
        }
    }
}

/// A message to be made: how the content is encrypted and what its header says.
#[derive(Clone)]
pub struct Encryption {
    enc: Enc,
    header: Protected,
    compress: bool,
    aad: Option<Vec<u8>>,
    parties: Parties,
    rounds: Option<NonZeroU32>,
}

/// Parameters that are the library's to write.
const RESERVED: [&str; 10] = ["enc", "zip", "crit", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"];

impl Encryption {
    /// With this content encryption, and a header that says only what it must.
    pub fn new(enc: Enc) -> Self {
        Self {
            enc,
            header: Protected::new(),
            compress: false,
            aad: None,
            parties: Parties::default(),
            rounds: None,
        }
    }

    /// With these parameters in the protected header too.
    #[must_use]
    pub fn header(mut self, header: Protected) -> Self {
        self.header = header;
        self
    }

    pub(super) fn with_content_type(mut self, cty: &str) -> Self {
        self.header = self.header.cty(cty);
        self
    }

    /// Compresses the content before encrypting it. The length then tells something about what is in it: not where
    /// an attacker can have their own words put beside a secret (RFC 8725 §3.6).
    #[must_use]
    pub fn compress(mut self) -> Self {
        self.compress = true;
        self
    }

    /// Authenticates this too, without encrypting it. In JSON serialisations only.
    #[must_use]
    pub fn additional_data(mut self, aad: impl Into<Vec<u8>>) -> Self {
        self.aad = Some(aad.into());
        self
    }

    /// Says who the parties of a key agreement are: `apu` and `apv` (RFC 7518 §4.6.1).
    #[must_use]
    pub fn parties(mut self, apu: impl Into<Vec<u8>>, apv: impl Into<Vec<u8>>) -> Self {
        self.parties = Parties { apu: apu.into(), apv: apv.into() };
        self
    }

    /// Iterations of a password derivation, at least 1000, in place of what current advice wants.
    #[must_use]
    pub fn iterations(mut self, rounds: u32) -> Self {
        self.rounds = NonZeroU32::new(rounds.max(1000));
        self
    }

    /// Encrypts into a compact token.
    ///
    /// # Errors
    /// Additional data was given; the key does not go with the content encryption; the library refused.
    pub fn compact(&self, content: &[u8], to: &EncryptionKey) -> Result<String, EncryptError> {
        if self.aad.is_some() {
            return Err(EncryptError::AdditionalData);
        }
        let sealed = self.seal(content, &[to], true)?;
        let mut token = sealed.protected;
        for part in [&sealed.deliveries[0].encrypted_key, &sealed.iv, &sealed.ciphertext, &sealed.tag] {
            token.push('.');
            b64::encode_onto(part, &mut token);
        }
        Ok(token)
    }

    /// Encrypts into the flattened JSON serialisation. All parameters are protected.
    ///
    /// # Errors
    /// The key does not go with the content encryption; the library refused.
    pub fn flattened(&self, content: &[u8], to: &EncryptionKey) -> Result<String, EncryptError> {
        let sealed = self.seal(content, &[to], true)?;
        let mut all = sealed.members(self.aad.as_deref());
        if !sealed.deliveries[0].encrypted_key.is_empty() {
            all.insert("encrypted_key".into(), b64::encode(&sealed.deliveries[0].encrypted_key).into());
        }
        Ok(Value::Object(all).to_string())
    }

    /// Encrypts to several recipients, in the general JSON serialisation. What is one recipient's own (`alg`, `kid`,
    /// `epk`) stands in its own header, the rest is protected.
    ///
    /// # Errors
    /// No recipient; several with an algorithm that takes one; a key that does not go with the content encryption; the
    /// library refused.
    pub fn general(&self, content: &[u8], to: &[&EncryptionKey]) -> Result<String, EncryptError> {
        let sealed = self.seal(content, to, false)?;
        let recipients = sealed.deliveries.iter().map(|delivery| {
            let mut one = Map::new();
            one.insert("header".into(), Value::Object(delivery.parameters.clone()));
            if !delivery.encrypted_key.is_empty() {
                one.insert("encrypted_key".into(), b64::encode(&delivery.encrypted_key).into());
            }
            Value::Object(one)
        });
        let mut all = sealed.members(self.aad.as_deref());
        all.insert("recipients".into(), recipients.collect());
        Ok(Value::Object(all).to_string())
    }

    /// `whole`: the one recipient's parameters are protected with the rest.
    fn seal(&self, content: &[u8], to: &[&EncryptionKey], whole: bool) -> Result<Sealed, EncryptError> {
        let enc = self.enc;
        for key in to {
            let direct = matches!(key.alg().mode(), Mode::Direct | Mode::Agreement);
            if direct && to.len() > 1 {
                return Err(EncryptError::OneRecipientOnly(key.alg()));
            }
            if key.enc().is_some_and(|own| own != enc) {
                return Err(EncryptError::KeyMismatch(enc));
            }
        }
        let first = to.first().ok_or(EncryptError::NoRecipient)?;
        let (cek, mut deliveries) =
            match key::fixed(first, enc, &self.parties).ok_or(EncryptError::Library)? {
                Some((cek, _)) if cek.len() != enc.key_len() => return Err(EncryptError::KeyMismatch(enc)),
                Some((cek, delivery)) => (cek, vec![delivery]),
                None => {
                    let cek = key::random(enc.key_len()).ok_or(EncryptError::Library)?;
                    let each = to.iter().map(|to| key::seal(to, &cek, &self.parties, self.rounds));
                    let deliveries = each.collect::<Option<Vec<_>>>().ok_or(EncryptError::Library)?;
                    (cek, deliveries)
                }
            };
        let mut protected = self.header.members("", None, &RESERVED);
        protected.remove("alg");
        protected.insert("enc".into(), enc.name().into());
        if self.compress {
            protected.insert("zip".into(), "DEF".into());
        }
        for (key, delivery) in to.iter().zip(&mut deliveries) {
            delivery.parameters.insert("alg".into(), key.alg().name().into());
            // The id of the whole message, where the sender gave one, is in the protected header already.
            if let (Some(kid), false) = (key.kid(), protected.contains_key("kid")) {
                delivery.parameters.insert("kid".into(), kid.into());
            }
        }
        if whole {
            protected.append(&mut deliveries[0].parameters);
        }
        let protected = b64::encode(Value::Object(protected).to_string().as_bytes());
        let mut aad = protected.clone();
        if let Some(more) = &self.aad {
            aad.push('.');
            b64::encode_onto(more, &mut aad);
        }
        let iv = key::random(enc.iv_len()).ok_or(EncryptError::Library)?.to_vec();
        let packed = self.compress.then(|| zeroize::Zeroizing::new(deflate::pack(content)));
        let content = packed.as_ref().map_or(content, |packed| packed);
        let (ciphertext, tag) =
            content::seal(enc, &cek, &iv, aad.as_bytes(), content).ok_or(EncryptError::Library)?;
        Ok(Sealed { protected, deliveries, iv, ciphertext, tag })
    }
}

struct Sealed {
    /// base64url.
    protected: String,
    deliveries: Vec<Delivery>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl Sealed {
    fn members(&self, aad: Option<&[u8]>) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("protected".into(), self.protected.as_str().into());
        if let Some(aad) = aad {
            all.insert("aad".into(), b64::encode(aad).into());
        }
        for (name, part) in [("iv", &self.iv), ("ciphertext", &self.ciphertext), ("tag", &self.tag)] {
            all.insert(name.into(), b64::encode(part).into());
        }
        all
    }
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryption")
            .field("enc", &self.enc)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
