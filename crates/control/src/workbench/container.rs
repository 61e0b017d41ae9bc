//! Keys out of the containers in which people have them: PEM, DER, certificates, encrypted PKCS#8, PKCS#12. What a
//! container is, is read from its bytes.

use super::der::{Shape, shape};
use super::problem::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_jose::jwk::{Pkcs12, Roots};
use portcullis_jose::{Jwk, KeyError};
use zeroize::Zeroizing;

/// How a container is opened.
pub(super) struct Opening<'o> {
    /// Where it stands in the request.
    pub place: &'o str,
    /// Its password.
    pub password: Option<&'o str>,
    /// How many more containers may be opened with a password.
    pub left: &'o mut usize,
    /// Certificates that must vouch for it, and the time to judge them by.
    pub roots: Option<(&'o Roots, i64)>,
}

impl Opening<'_> {
    fn refused(&self, error: &KeyError) -> Problem {
        let next = match error {
            KeyError::PemEncrypted => "give its `password`",
            KeyError::Password => "check the password",
            KeyError::SecretIsKey => "give the key as `pem`, `der` or `jwk`: it is no secret",
            KeyError::PemLabel(_) => "convert it to PKCS#8 or SubjectPublicKeyInfo",
            _ => "give a key that is sound, in a form that is supported",
        };
        Problem::of(error, self.place, next)
    }

    fn password(&mut self) -> Result<Zeroizing<String>, Problem> {
        let Some(password) = self.password else { return Err(self.refused(&KeyError::PemEncrypted)) };
        *self.left = self.left.checked_sub(1).ok_or_else(|| {
            Problem::invalid(
                "too_many_passwords",
                self.place,
                "more keys with passwords than are opened in one request",
                "open them one by one, or on the command line: `portcullis jose key convert`",
            )
        })?;
        Ok(Zeroizing::new(password.to_owned()))
    }

    /// Every key of a PEM text. Of a chain of certificates only the first, which is the owner's; no public key whose
    /// private half is there too.
    pub(super) fn pem(&mut self, text: &str) -> Result<Vec<Jwk>, Problem> {
        let mut keys: Vec<Jwk> = Vec::new();
        let mut chain: Vec<Vec<u8>> = Vec::new();
        let mut owners = None;
        let mut rest = text;
        while let Some(begin) = rest.find("-----BEGIN ") {
            let offset = text.len() - rest.len() + begin;
            let block = &rest[begin..];
            let malformed = |this: &Self| this.refused(&KeyError::PemMalformed(offset));
            let label = block["-----BEGIN ".len()..].split("-----").next().unwrap_or_default();
            let end = format!("-----END {label}-----");
            let found = block.find(&end).ok_or_else(|| malformed(self))?;
            let (block, behind) = block.split_at(found + end.len());
            rest = behind;
            if label == "EC PARAMETERS" {
                continue;
            }
            if label.contains("CERTIFICATE") && self.roots.is_some() {
                // Between the dashes of both lines, which a block of nothing shares.
                let body = block.get("-----BEGIN -----".len() + label.len()..found).unwrap_or_default();
                chain.push(super::content::unbase64(body).ok_or_else(|| malformed(self))?.to_vec());
                continue;
            }
            if label.contains("CERTIFICATE") && owners.is_some() {
                continue;
            }
            let key = match Jwk::from_pem(block.as_bytes()) {
                Err(KeyError::PemEncrypted) if label == "ENCRYPTED PRIVATE KEY" => {
                    Jwk::from_encrypted_pem(block.as_bytes(), self.password()?.as_bytes())
                }
                Err(KeyError::PemEncrypted) => {
                    return Err(Problem::of(
                        &KeyError::EncryptionUnknown("the encryption of old OpenSSL".into()),
                        self.place,
                        "convert it: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out key.pem`",
                    ));
                }
                Err(KeyError::PemMalformed(_)) => Err(KeyError::PemMalformed(offset)),
                other => other,
            };
            let key = key.map_err(|error| self.refused(&error))?;
            if label.contains("CERTIFICATE") {
                owners = Some(key.thumbprint());
            }
            match keys.iter_mut().find(|other| other.thumbprint() == key.thumbprint()) {
                Some(other) if key.is_private() => *other = key,
                Some(_) => {}
                None => keys.push(key),
            }
        }
        if let Some((roots, now)) = self.roots {
            keys.push(self.vouched(&chain, roots, now)?);
        }
        if keys.is_empty() { Err(self.refused(&KeyError::PemMissing)) } else { Ok(keys) }
    }

    fn vouched(&self, chain: &[Vec<u8>], roots: &Roots, now: i64) -> Result<Jwk, Problem> {
        Jwk::from_chain(chain, roots, now).map_err(|error| {
            Problem::of(
                &error,
                self.place,
                "give the whole chain, the owner's certificate first, and its root",
            )
        })
    }

    /// The keys of a DER file.
    pub(super) fn der(&mut self, bytes: &[u8]) -> Result<Vec<Jwk>, Problem> {
        let labelled = |label: &str| {
            let body = Zeroizing::new(STANDARD.encode(bytes));
            let pem = Zeroizing::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *body));
            Jwk::from_pem(pem.as_bytes())
        };
        let key = match shape(bytes) {
            Shape::Pkcs12 => return self.pkcs12(bytes),
            Shape::Encrypted => Jwk::from_encrypted_pkcs8(bytes, self.password()?.as_bytes()),
            Shape::Pkcs8 => Jwk::from_pkcs8(bytes),
            Shape::Pkcs1 => labelled("RSA PRIVATE KEY"),
            Shape::Pkcs1Public => labelled("RSA PUBLIC KEY"),
            Shape::Sec1 => labelled("EC PRIVATE KEY"),
            Shape::Spki => Jwk::from_spki(bytes),
            Shape::Certificate => match self.roots {
                Some((roots, now)) => return Ok(vec![self.vouched(&[bytes.to_vec()], roots, now)?]),
                None => labelled("CERTIFICATE"),
            },
        };
        Ok(vec![key.map_err(|error| self.refused(&error))?])
    }

    /// The private keys of a PKCS#12 file; where it has none, the key of its first certificate.
    fn pkcs12(&mut self, bytes: &[u8]) -> Result<Vec<Jwk>, Problem> {
        let password = self.password()?;
        let found = Pkcs12::parse(bytes, &password).map_err(|error| self.refused(&error))?;
        if !found.keys.is_empty() {
            return Ok(found.keys);
        }
        match found.certificates.first() {
            Some(first) => self.der(first),
            None => Err(Problem::invalid(
                "pkcs12_empty",
                self.place,
                "the file holds no key and no certificate",
                "check how it was made",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound EncryptedPrivateKeyInfo around nothing that any password opens.
    const SEALED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMH0wSQYJKoZIhvcNAQUNMDwwGwYJKoZIhvcNAQUMMA4ECAAAAAAAAAAAAgIIADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";

    #[test]
    fn no_more_passwords_than_are_tried() {
        for (password, mut left, name, behind) in [
            (None, 1, "pem_encrypted", 1),
            (Some("hunter2"), 1, "key_password", 0),
            (Some("hunter2"), 0, "too_many_passwords", 0),
        ] {
            let mut opening = Opening { place: "keys[0]", password, left: &mut left, roots: None };
            assert_eq!(opening.pem(SEALED).unwrap_err().name, name);
            assert_eq!(left, behind);
        }
    }
}
