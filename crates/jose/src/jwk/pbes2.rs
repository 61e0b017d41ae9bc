//! Encrypted PKCS#8 (RFC 5958 §3) under PBES2 (RFC 8018 §6.2): PBKDF2 with any SHA, AES-CBC. To read only.
//!
//! Not the schemes before it: DES, RC2 and MD5 protect nothing.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::asn1::{dotted, pkcs8};
use super::error::KeyError;
use super::material::{Jwk, Private};
use crate::der::{self, Malformed, Reader};

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// RSA Security's digests; the last byte tells the hash of an HMAC.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// NIST's AES; the last byte tells size and mode.
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// About two seconds of work; current tools write between two thousand and a million.
const MOST_ITERATIONS: u64 = 5_000_000;

/// What may be spent on passwords. One per file, whatever is in it: a hundred keys in one must not cost a hundred times
/// as much as one.
pub(super) struct Effort(u64);

impl Effort {
    pub(super) fn new() -> Self {
        Self(MOST_ITERATIONS)
    }

    /// Reads a number of iterations, and counts it as spent.
    pub(super) fn spend(&mut self, reader: &mut Reader<'_>) -> Result<NonZeroU32, KeyError> {
        let digits = reader.unsigned().map_err(malformed)?;
        let found = digits.iter().take(8).fold(0u64, |number, digit| number << 8 | u64::from(*digit));
        let found = if digits.len() > 8 { u64::MAX } else { found };
        let refused = KeyError::Iterations(found);
        let rounds = u32::try_from(found).ok().and_then(NonZeroU32::new).ok_or(refused.clone())?;
        self.0 = self.0.checked_sub(found).ok_or(refused)?;
        Ok(rounds)
    }
}

const WHAT: &str = "encrypted key";

fn malformed(_: Malformed) -> KeyError {
    KeyError::Der(WHAT)
}

impl Jwk {
    /// Reads a private key from encrypted DER (EncryptedPrivateKeyInfo under PBES2 with AES).
    ///
    /// # Errors
    /// Not DER, encrypted in another way, too many iterations, the wrong password, a key that is not sound.
    pub fn from_encrypted_pkcs8(der: &[u8], password: &[u8]) -> Result<Self, KeyError> {
        key(der, password, &mut Effort::new())
    }
}

/// An EncryptedPrivateKeyInfo, within what may still be spent.
pub(super) fn key(der: &[u8], password: &[u8], effort: &mut Effort) -> Result<Jwk, KeyError> {
    let mut outer = Reader::new(der);
    let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
    outer.end().map_err(malformed)?;
    let scheme = inside.inside(der::SEQUENCE).map_err(malformed)?;
    let sealed = inside.take(der::OCTET_STRING).map_err(malformed)?;
    inside.end().map_err(malformed)?;
    let opened = open(scheme, sealed, password, effort)?;
    // One wrong password in 256 leaves sound padding around junk.
    match pkcs8(&opened) {
        Err(KeyError::Der(_)) => Err(KeyError::Password),
        other => Jwk::bare(other?),
    }
}

/// Decrypts what an AlgorithmIdentifier of PBES2 says is encrypted.
pub(super) fn open(
    mut scheme: Reader<'_>,
    sealed: &[u8],
    password: &[u8],
    effort: &mut Effort,
) -> Result<Private, KeyError> {
    let oid = scheme.take(der::OID).map_err(malformed)?;
    if oid != PBES2 {
        return Err(KeyError::EncryptionUnknown(dotted(oid)));
    }
    let mut parameters = scheme.inside(der::SEQUENCE).map_err(malformed)?;
    let mut derivation = parameters.inside(der::SEQUENCE).map_err(malformed)?;
    let mut cipher = parameters.inside(der::SEQUENCE).map_err(malformed)?;
    parameters.end().map_err(malformed)?;
    scheme.end().map_err(malformed)?;
    let oid = derivation.take(der::OID).map_err(malformed)?;
    if oid != PBKDF2 {
        return Err(KeyError::EncryptionUnknown(dotted(oid)));
    }
    let mut derivation = derivation.inside(der::SEQUENCE).map_err(malformed)?;
    let salt = derivation.take(der::OCTET_STRING).map_err(malformed)?;
    let rounds = effort.spend(&mut derivation)?;
    // The length of the key, which the cipher fixes anyway.
    derivation.maybe(der::INTEGER).map_err(malformed)?;
    let hash = match derivation.maybe(der::SEQUENCE).map_err(malformed)? {
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(prf) => match Reader::new(prf).take(der::OID).map_err(malformed)? {
            [prefix @ .., 7] if prefix == HMAC => pbkdf2::PBKDF2_HMAC_SHA1,
            [prefix @ .., 9] if prefix == HMAC => pbkdf2::PBKDF2_HMAC_SHA256,
            [prefix @ .., 10] if prefix == HMAC => pbkdf2::PBKDF2_HMAC_SHA384,
            [prefix @ .., 11] if prefix == HMAC => pbkdf2::PBKDF2_HMAC_SHA512,
            other => return Err(KeyError::EncryptionUnknown(dotted(other))),
        },
    };
    derivation.end().map_err(malformed)?;
    let (algorithm, len): (&'static Algorithm, usize) = match cipher.take(der::OID).map_err(malformed)? {
        [prefix @ .., 2] if prefix == AES => (&AES_128, 16),
        [prefix @ .., 22] if prefix == AES => (&AES_192, 24),
        [prefix @ .., 42] if prefix == AES => (&AES_256, 32),
        other => return Err(KeyError::EncryptionUnknown(dotted(other))),
    };
    let iv: [u8; 16] =
        cipher.take(der::OCTET_STRING).map_err(malformed)?.try_into().map_err(|_| KeyError::Der(WHAT))?;
    cipher.end().map_err(malformed)?;
    let mut key = Zeroizing::new(vec![0; len]);
    pbkdf2::derive(hash, rounds, salt, password, &mut key);
    let key = UnboundCipherKey::new(algorithm, &key).map_err(|_| KeyError::Library)?;
    let mut opened = Zeroizing::new(sealed.to_vec());
    let len = PaddedBlockDecryptingKey::cbc_pkcs7(key)
        .map_err(|_| KeyError::Library)?
        .decrypt(&mut opened, DecryptionContext::Iv128(iv.into()))
        .map_err(|_| KeyError::Password)?
        .len();
    opened.truncate(len);
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_parts_do_not_cost_more_than_one() {
        let asks = |rounds: u32| [&[2, 5, 0][..], &rounds.to_be_bytes()].concat();
        let mut effort = Effort::new();
        let mut spend = |der: &[u8]| effort.spend(&mut Reader::new(der)).map(NonZeroU32::get);
        // A number is written as short as it can be.
        assert_eq!(spend(&asks(7)).unwrap_err().name(), "der_malformed");
        assert_eq!(spend(&[2, 1, 0]).unwrap_err(), KeyError::Iterations(0));
        assert_eq!(spend(&[2, 3, 0x2d, 0xc6, 0xc0]), Ok(3_000_000));
        assert_eq!(spend(&[2, 3, 0x2d, 0xc6, 0xc0]), Err(KeyError::Iterations(3_000_000)));
        assert_eq!(spend(&[2, 3, 0x1e, 0x84, 0x80]), Ok(2_000_000));
        assert_eq!(spend(&[2, 1, 1]), Err(KeyError::Iterations(1)));
        let huge = [&[2, 9][..], &[0x7f; 9]].concat();
        assert_eq!(spend(&huge), Err(KeyError::Iterations(u64::MAX)));
    }
}
