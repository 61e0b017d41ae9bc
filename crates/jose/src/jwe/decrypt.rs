//! Decrypting: what the caller accepts, as a value, and the one order in which it is asked.

use std::fmt;

use zeroize::Zeroizing;

use super::content;
use super::deflate::{self, Fault};
use super::error::{DecryptError, ParseError};
use super::header::Header;
use super::key;
use super::message::{Encrypted, Recipient};
use crate::jwa::{Enc, KeyManagement, Mode};
use crate::jwk::{DecryptionKey, Opener, Party};

/// The fewest iterations of a password derivation (RFC 7518 §4.8.1.2).
const LEAST_ITERATIONS: u32 = 1000;

/// What is accepted of an encrypted message.
///
/// The default takes every algorithm but `RSA1_5`, messages of 256 KiB, 256 KiB of content and a million iterations of
/// a password derivation, which is about half a second.
#[derive(Clone, Debug)]
pub struct Decryption {
    algs: Vec<KeyManagement>,
    encs: Vec<Enc>,
    limit: usize,
    content_limit: usize,
    iterations: u32,
}

impl Default for Decryption {
    fn default() -> Self {
        Self {
            algs: KeyManagement::all().filter(|alg| *alg != KeyManagement::RSA1_5).collect(),
            encs: Enc::ALL.to_vec(),
            limit: 256 << 10,
            content_limit: 256 << 10,
            iterations: 1_000_000,
        }
    }
}

impl Decryption {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts only these key management algorithms. `RSA1_5` among them is not enough:
    /// [`also_rsa1_5`](Self::also_rsa1_5).
    #[must_use]
    pub fn algorithms(mut self, algs: &[KeyManagement]) -> Self {
        self.algs = algs.iter().copied().filter(|alg| *alg != KeyManagement::RSA1_5).collect();
        self
    }

    /// Accepts `RSA1_5` too: for reading what an old system wrote, never for answering strangers, who learn something
    /// from every answer.
    #[must_use]
    pub fn also_rsa1_5(mut self) -> Self {
        self.algs.push(KeyManagement::RSA1_5);
        self
    }

    /// Accepts only these content encryption algorithms.
    #[must_use]
    pub fn contents(mut self, encs: &[Enc]) -> Self {
        self.encs = encs.to_vec();
        self
    }

    /// Reads messages of at most so many bytes.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Unpacks at most so many bytes of compressed content.
    #[must_use]
    pub fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = bytes;
        self
    }

    /// Spends at most so many iterations on deriving keys from a password, over all recipients of a message.
    #[must_use]
    pub fn iterations(mut self, most: u32) -> Self {
        self.iterations = most;
        self
    }

    /// Whether a recipient's algorithms are usable and accepted, by what its header says: the question to ask before
    /// any key is looked for.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, header: &Header) -> Result<(KeyManagement, Enc), DecryptError> {
        let (alg, enc) = (header.alg()?, header.enc()?);
        if !self.algs.contains(&alg) {
            return Err(DecryptError::AlgNotAllowed(alg));
        }
        if !self.encs.contains(&enc) {
            return Err(DecryptError::EncNotAllowed(enc));
        }
        Ok((alg, enc))
    }

    /// Takes a message apart and decrypts it.
    ///
    /// # Errors
    /// Its shape, its algorithms, or that it does not decrypt.
    pub fn open(&self, message: &[u8], key: &DecryptionKey) -> Result<Decrypted, DecryptError> {
        self.decrypt(&Encrypted::parse(message, self.limit)?, key)
    }

    /// Decrypts a message, as whichever of its recipients the key is. May be called again with another key.
    ///
    /// # Errors
    /// In this order: no recipient with a usable, allowed algorithm that goes with the key; too much work; it does
    /// not decrypt; compressed content that is too large or malformed.
    pub fn decrypt(&self, message: &Encrypted, key: &DecryptionKey) -> Result<Decrypted, DecryptError> {
        let mut refused = None;
        let mut mine: Vec<(usize, KeyManagement, Enc)> = Vec::new();
        for (index, recipient) in message.recipients.iter().enumerate() {
            match self.suits(recipient, key) {
                Ok((alg, enc)) => mine.push((index, alg, enc)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        // Where one of them carries the key's own id, it is that one.
        let named = |index: usize| key.kid().is_some() && message.recipients[index].header.kid() == key.kid();
        if mine.iter().any(|(index, ..)| named(*index)) {
            mine.retain(|(index, ..)| named(*index));
        }
        self.affordable(message, &mine)?;
        let mut last = refused.unwrap_or(DecryptError::Failed);
        for (index, alg, enc) in mine {
            let recipient = &message.recipients[index];
            match self.try_one(message, recipient, alg, enc, key.opener()) {
                Err(error @ DecryptError::Failed) => last = error,
                Err(error) => return Err(error),
                Ok(content) => {
                    return Ok(Decrypted {
                        header: recipient.header.clone(),
                        recipient: index,
                        alg,
                        enc,
                        content,
                    });
                }
            }
        }
        Err(last)
    }

    /// Whether this recipient's algorithms are usable, allowed and go with the key.
    fn suits(
        &self,
        recipient: &Recipient,
        key: &DecryptionKey,
    ) -> Result<(KeyManagement, Enc), DecryptError> {
        let header = &recipient.header;
        let (alg, enc) = self.check(header)?;
        let reserved = key.enc().is_some_and(|own| own != enc);
        if !key.accepts().contains(&alg) || reserved {
            return Err(DecryptError::KeyMismatch(alg));
        }
        let missing = |name| Err(DecryptError::Parse(ParseError::ParameterMissing(name)));
        match (alg.mode(), key.opener()) {
            (Mode::Agreement | Mode::AgreementWrap, Opener::Party(own)) => match &header.epk {
                None => return missing("epk"),
                // Of another curve, or of none that agrees.
                Some(epk) if !Party::of_epk(epk).is_some_and(|epk| own.same_curve(&epk)) => {
                    return Err(DecryptError::KeyMismatch(alg));
                }
                Some(_) => {}
            },
            (Mode::GcmWrap, _) => match (&header.iv, &header.tag) {
                (None, _) => return missing("iv"),
                (_, None) => return missing("tag"),
                (Some(iv), _) if iv.len() != 12 => {
                    return Err(ParseError::ParameterMalformed("iv").into());
                }
                (_, Some(tag)) if tag.len() != 16 => {
                    return Err(ParseError::ParameterMalformed("tag").into());
                }
                _ => {}
            },
            (Mode::Password, _) => match (&header.p2s, header.p2c) {
                (None, _) => return missing("p2s"),
                (_, None) => return missing("p2c"),
                // RFC 7518 §4.8.1.1.
                (Some(salt), _) if salt.len() < 8 => {
                    return Err(ParseError::ParameterMalformed("p2s").into());
                }
                (_, Some(found)) if found < u64::from(LEAST_ITERATIONS) => {
                    return Err(self.iterations_of(found));
                }
                _ => {}
            },
            (Mode::Direct, Opener::Shared(secret)) if secret.len() != enc.key_len() => {
                return Err(DecryptError::KeyMismatch(alg));
            }
            _ => {}
        }
        Ok((alg, enc))
    }

    fn iterations_of(&self, found: u64) -> DecryptError {
        DecryptError::Iterations { found, least: LEAST_ITERATIONS, most: self.iterations }
    }

    /// All password derivations together, before the first is begun.
    fn affordable(
        &self,
        message: &Encrypted,
        mine: &[(usize, KeyManagement, Enc)],
    ) -> Result<(), DecryptError> {
        let cost = mine
            .iter()
            .filter(|(_, alg, _)| alg.mode() == Mode::Password)
            .filter_map(|(index, ..)| message.recipients[*index].header.p2c)
            .fold(0u64, u64::saturating_add);
        if cost > u64::from(self.iterations) { Err(self.iterations_of(cost)) } else { Ok(()) }
    }

    fn try_one(
        &self,
        message: &Encrypted,
        recipient: &Recipient,
        alg: KeyManagement,
        enc: Enc,
        opener: &Opener,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        // RFC 7516 §11.5: made before, and used in place of a key that did not come out or has the wrong length, so
        // that all that can be seen from outside is that the content does not decrypt.
        let random = key::random(enc.key_len()).ok_or(DecryptError::Failed)?;
        let cek = key::open(alg, enc, opener, &recipient.header, &recipient.encrypted_key)
            .filter(|cek| cek.len() == enc.key_len())
            .unwrap_or(random);
        let content = content::open(enc, &cek, &message.iv, &message.aad, &message.ciphertext, &message.tag)
            .ok_or(DecryptError::Failed)?;
        if !recipient.header.zip {
            return Ok(content);
        }
        deflate::unpack(&content, self.content_limit).map_err(|fault| match fault {
            Fault::TooLarge => DecryptError::ContentTooLarge(self.content_limit),
            Fault::Malformed => DecryptError::Compression,
        })
    }
}

/// A message that has been decrypted: whoever sent it had the recipient's public key or the shared secret.
pub struct Decrypted {
    header: Header,
    recipient: usize,
    alg: KeyManagement,
    enc: Enc,
    content: Zeroizing<Vec<u8>>,
}

impl Decrypted {
    /// The header, as it is for this recipient.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Which recipient the key was, counted from 0.
    pub fn recipient(&self) -> usize {
        self.recipient
    }

    /// The key management that was used.
    pub fn alg(&self) -> KeyManagement {
        self.alg
    }

    /// The content encryption that was used.
    pub fn enc(&self) -> Enc {
        self.enc
    }

    /// What was encrypted. Wiped with the value.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// What was encrypted, for keeping it.
    pub fn into_content(self) -> Zeroizing<Vec<u8>> {
        self.content
    }
}

impl fmt::Debug for Decrypted {
    /// Never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted").field("alg", &self.alg).field("enc", &self.enc).finish_non_exhaustive()
    }
}
