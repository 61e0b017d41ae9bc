//! Keys from PEM (RFC 7468): the blocks, and what each label promises. Of a certificate only the key is taken: dates,
//! names and chains are not looked at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::asn1::{pkcs1, pkcs1_public, pkcs8, sec1, spki};
use super::error::{KeyError, cut};
use super::material::{Jwk, Material, Private};
use super::parse::utf8;

/// PEM is read up to this many bytes: more is no key file.
const LIMIT: usize = 256 << 10;

/// At most this many blocks are read.
const BLOCKS: usize = 256;

impl Jwk {
    /// Reads the one key of a PEM file, public or private, or the first certificate of a chain (the end entity's).
    /// Text around the blocks is ignored.
    ///
    /// # Errors
    /// No block, several keys, an encrypted one, a kind that is not supported, or a key that is not sound.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let blocks = blocks(pem)?;
        if blocks.len() > 1 && !blocks.iter().all(|block| block.label == "CERTIFICATE") {
            return Err(KeyError::PemCount(blocks.len()));
        }
        blocks.first().ok_or(KeyError::PemMissing)?.key()
    }

    /// Reads the one private key of a PEM file, encrypted (`ENCRYPTED PRIVATE KEY`) or not.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and as [`from_encrypted_pkcs8`](Self::from_encrypted_pkcs8).
    pub fn from_encrypted_pem(pem: &[u8], password: &[u8]) -> Result<Self, KeyError> {
        match &*blocks(pem)? {
            [block] if block.label == "ENCRYPTED PRIVATE KEY" => {
                Self::from_encrypted_pkcs8(&block.der, password)
            }
            _ => Self::from_pem(pem),
        }
    }

    /// Reads every key of a PEM file, in order.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), for any of them.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, KeyError> {
        blocks(pem)?.iter().map(Block::key).collect()
    }
}

impl Jwk {
    /// Reads a public key from DER (SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// Not DER, a kind that is not supported, or a key that is not sound.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        Self::bare(spki(der)?)
    }

    /// Reads a private key from DER (PKCS#8).
    ///
    /// # Errors
    /// As [`from_spki`](Self::from_spki).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::bare(pkcs8(der)?)
    }
}

struct Block<'p> {
    label: &'p str,
    der: Private,
}

/// The blocks that could be keys.
fn blocks(pem: &[u8]) -> Result<Vec<Block<'_>>, KeyError> {
    if pem.len() > LIMIT {
        return Err(KeyError::PemMalformed(LIMIT));
    }
    let text = utf8(pem).map_err(|_| KeyError::PemMissing)?;
    let mut blocks = Vec::new();
    let mut from = 0;
    while let Some(found) = text[from..].find("-----BEGIN ") {
        let begin = from + found;
        let malformed = KeyError::PemMalformed(begin);
        let rest = &text[begin + "-----BEGIN ".len()..];
        let (label, rest) = rest.split_once("-----").ok_or_else(|| malformed.clone())?;
        let end = format!("-----END {label}-----");
        let body_len = rest.find(&end).ok_or_else(|| malformed.clone())?;
        let body = &rest[..body_len];
        from = text.len() - rest.len() + body_len + end.len();
        // OpenSSL's own encryption, with one round of MD5: not read at all.
        if body.contains("Proc-Type:") {
            return Err(KeyError::PemEncrypted);
        }
        // OpenSSL writes the curve before the key, which names it too.
        if label == "EC PARAMETERS" {
            continue;
        }
        let dense: Zeroizing<Vec<u8>> =
            Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(&*dense).map_err(|_| malformed)?);
        blocks.push(Block { label, der });
        if blocks.len() > BLOCKS {
            return Err(KeyError::PemCount(blocks.len()));
        }
    }
    if blocks.is_empty() { Err(KeyError::PemMissing) } else { Ok(blocks) }
}

impl Block<'_> {
    fn key(&self) -> Result<Jwk, KeyError> {
        Jwk::bare(match self.label {
            "PUBLIC KEY" => spki(&self.der)?,
            "RSA PUBLIC KEY" => Material::Rsa(pkcs1_public(&self.der)?),
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => certificate(&self.der)?,
            "PRIVATE KEY" => pkcs8(&self.der)?,
            "RSA PRIVATE KEY" => Material::Rsa(pkcs1(&self.der)?),
            "EC PRIVATE KEY" => sec1(&self.der, None)?,
            // Some tools write PKCS#8 under the name of the algorithm.
            "RSA-PSS PRIVATE KEY" => pkcs8(&self.der)?,
            "ED25519 PRIVATE KEY" | "X25519 PRIVATE KEY" | "ED448 PRIVATE KEY" | "X448 PRIVATE KEY" => {
                pkcs8(&self.der)?
            }
            label if label.contains("ENCRYPTED") => return Err(KeyError::PemEncrypted),
            label => return Err(KeyError::PemLabel(cut(label))),
        })
    }
}

fn certificate(der: &[u8]) -> Result<Material, KeyError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => spki(certificate.tbs_certificate.subject_pki.raw),
        _ => Err(KeyError::Der("certificate")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_names() {
        let block =
            |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        for (pem, want) in [
            (String::new(), "pem_missing"),
            ("MFkw".to_owned(), "pem_missing"),
            ("-----BEGIN PUBLIC KEY".to_owned(), "pem_malformed"),
            ("-----BEGIN PUBLIC KEY-----\nMFkw".to_owned(), "pem_malformed"),
            ("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PRIVATE KEY-----".to_owned(), "pem_malformed"),
            (block("PUBLIC KEY", "M*kw"), "pem_malformed"),
            (block("PUBLIC KEY", "MAMC"), "der_malformed"),
            (block("PRIVATE KEY", "MAMC"), "der_malformed"),
            (block("EC PRIVATE KEY", "MAMC"), "der_malformed"),
            (block("RSA PRIVATE KEY", "MAMC"), "der_malformed"),
            (block("CERTIFICATE", "MAMC"), "der_malformed"),
            (block("ENCRYPTED PRIVATE KEY", "MAMC"), "pem_encrypted"),
            (block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"), "pem_encrypted"),
            (block("DH PARAMETERS", "MAMC"), "pem_label"),
            (block("EC PARAMETERS", "MAMC"), "pem_missing"),
            (block("PUBLIC KEY", "MAMC") + &block("PUBLIC KEY", "MAMC"), "pem_count"),
        ] {
            assert_eq!(Jwk::from_pem(pem.as_bytes()).expect_err(&pem).name(), want, "{pem}");
        }
    }
}
