//! PKCS#12 (RFC 7292): the keys and certificates of a `.p12` or `.pfx` file. To read only, and only what is protected
//! as tools have done it for years: PBES2 with AES inside, an HMAC around.

use aws_lc_rs::digest::{self, Algorithm};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::asn1::{dotted, pkcs8};
use super::error::KeyError;
use super::material::Jwk;
use super::pbes2::{self, Effort};
use crate::der::{self, Malformed, Reader};

/// PKCS#7 content types; the last byte tells data (1) from encrypted data (6).
const CONTENT: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// Bags; the last byte tells a key (1), an encrypted key (2), a certificate (3), more bags (6).
const BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// More entries than this are no key file.
const BAGS: usize = 256;

const WHAT: &str = "pkcs#12 file";

fn malformed(_: Malformed) -> KeyError {
    KeyError::Der(WHAT)
}

/// What a PKCS#12 file holds.
#[derive(Debug, Default)]
pub struct Pkcs12 {
    /// The private keys, in order.
    pub keys: Vec<Jwk>,
    /// The certificates as DER, in order.
    pub certificates: Vec<Vec<u8>>,
}

impl Pkcs12 {
    /// Reads a file, after checking that the password protects all of it.
    ///
    /// # Errors
    /// Not DER, no check value, the wrong password, a protection that is not supported, a key that is not sound.
    pub fn parse(der: &[u8], password: &str) -> Result<Self, KeyError> {
        let mut outer = Reader::new(der);
        let mut inside = outer.inside(der::SEQUENCE).map_err(malformed)?;
        outer.end().map_err(malformed)?;
        if inside.unsigned().map_err(malformed)? != [3] {
            return Err(KeyError::Der(WHAT));
        }
        let mut content = inside.inside(der::SEQUENCE).map_err(malformed)?;
        if content.take(der::OID).map_err(malformed)? != data(1) {
            return Err(KeyError::Der(WHAT));
        }
        let safe = octets(content.inside(der::context(0)).map_err(malformed)?)?;
        content.end().map_err(malformed)?;
        // Optional in the standard. Without it anybody could put another key in.
        let mac = inside.inside(der::SEQUENCE).map_err(malformed)?;
        inside.end().map_err(malformed)?;
        let mut effort = Effort::new();
        check(mac, safe, password, &mut effort)?;

        let mut found = Self::default();
        let mut reader = Reader::new(safe);
        let mut contents = reader.inside(der::SEQUENCE).map_err(malformed)?;
        while !contents.is_done() {
            let mut content = contents.inside(der::SEQUENCE).map_err(malformed)?;
            let oid = content.take(der::OID).map_err(malformed)?;
            let mut inner = content.inside(der::context(0)).map_err(malformed)?;
            if oid == data(1) {
                found.bags(octets(inner)?, password, &mut effort)?;
            } else if oid == data(6) {
                let mut sealed = inner.inside(der::SEQUENCE).map_err(malformed)?;
                sealed.unsigned().map_err(malformed)?;
                let mut sealed = sealed.inside(der::SEQUENCE).map_err(malformed)?;
                sealed.take(der::OID).map_err(malformed)?;
                let scheme = sealed.inside(der::SEQUENCE).map_err(malformed)?;
                let bytes = sealed.take(0x80).map_err(malformed)?;
                let opened = pbes2::open(scheme, bytes, password.as_bytes(), &mut effort)?;
                found.bags(&opened, password, &mut effort)?;
            } else {
                return Err(KeyError::EncryptionUnknown(dotted(oid)));
            }
        }
        Ok(found)
    }

    fn bags(&mut self, der: &[u8], password: &str, effort: &mut Effort) -> Result<(), KeyError> {
        let mut bags = Reader::new(der).inside(der::SEQUENCE).map_err(malformed)?;
        while !bags.is_done() {
            if self.keys.len() + self.certificates.len() >= BAGS {
                return Err(KeyError::Der(WHAT));
            }
            let mut bag = bags.inside(der::SEQUENCE).map_err(malformed)?;
            let oid = bag.take(der::OID).map_err(malformed)?;
            let value = bag.take(der::context(0)).map_err(malformed)?;
            // Names and ids, which nothing here needs.
            bag.maybe(der::SET).map_err(malformed)?;
            match oid {
                [prefix @ .., 1] if prefix == BAG => self.keys.push(Jwk::bare(pkcs8(value)?)?),
                [prefix @ .., 2] if prefix == BAG => {
                    self.keys.push(pbes2::key(value, password.as_bytes(), effort)?);
                }
                [prefix @ .., 3] if prefix == BAG => {
                    let mut certificate = Reader::new(value).inside(der::SEQUENCE).map_err(malformed)?;
                    if certificate.take(der::OID).map_err(malformed)? == X509 {
                        let der = octets(certificate.inside(der::context(0)).map_err(malformed)?)?;
                        self.certificates.push(der.to_vec());
                    }
                }
                // Revocation lists, secrets and nested bags, which key tools do not write.
                _ => {}
            }
        }
        Ok(())
    }
}

fn data(kind: u8) -> Vec<u8> {
    [CONTENT, &[kind]].concat()
}

fn octets(mut reader: Reader<'_>) -> Result<&[u8], KeyError> {
    let bytes = reader.take(der::OCTET_STRING).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    Ok(bytes)
}

/// The HMAC over everything, under a key from the password (RFC 7292 §4, appendix B).
fn check(mut mac: Reader<'_>, safe: &[u8], password: &str, effort: &mut Effort) -> Result<(), KeyError> {
    let mut info = mac.inside(der::SEQUENCE).map_err(malformed)?;
    let mut identifier = info.inside(der::SEQUENCE).map_err(malformed)?;
    let oid = identifier.take(der::OID).map_err(malformed)?;
    let (hash, algorithm) = match oid {
        SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        [prefix @ .., 1] if prefix == SHA2 => (&digest::SHA256, hmac::HMAC_SHA256),
        [prefix @ .., 2] if prefix == SHA2 => (&digest::SHA384, hmac::HMAC_SHA384),
        [prefix @ .., 3] if prefix == SHA2 => (&digest::SHA512, hmac::HMAC_SHA512),
        other => return Err(KeyError::EncryptionUnknown(dotted(other))),
    };
    identifier.maybe(der::NULL).map_err(malformed)?;
    identifier.end().map_err(malformed)?;
    let expected = info.take(der::OCTET_STRING).map_err(malformed)?;
    info.end().map_err(malformed)?;
    let salt = mac.take(der::OCTET_STRING).map_err(malformed)?;
    let rounds = if mac.is_done() { 1 } else { effort.spend(&mut mac)?.get() };
    mac.end().map_err(malformed)?;
    let key = mac_key(hash, password, salt, rounds);
    hmac::verify(&hmac::Key::new(algorithm, &key), safe, expected).map_err(|_| KeyError::Password)
}

/// RFC 7292 §B.2 with purpose 3, for as many bytes as the hash has: one round of the outer loop.
fn mac_key(hash: &'static Algorithm, password: &str, salt: &[u8], rounds: u32) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let fill = |bytes: &[u8]| -> Zeroizing<Vec<u8>> {
        let len = bytes.len().div_ceil(block) * block;
        Zeroizing::new(bytes.iter().copied().cycle().take(len).collect())
    };
    // UTF-16 with its most significant byte first, and a zero at the end.
    let password: Zeroizing<Vec<u8>> =
        Zeroizing::new(password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect());
    let input = Zeroizing::new([&vec![3; block][..], &fill(salt), &fill(&password)].concat());
    let mut key = Zeroizing::new(digest::digest(hash, &input).as_ref().to_vec());
    for _ in 1..rounds {
        let next = digest::digest(hash, &key);
        key.copy_from_slice(next.as_ref());
    }
    key
}
