//! Shared secrets: the only thing that HMAC is ever keyed with.

use std::fmt;

use zeroize::Zeroizing;

use super::error::KeyError;
use super::material::{Jwk, Material, Private};
use super::{SigningKey, VerifyingKey};
use crate::b64;
use crate::der::{self, Reader};
use crate::jwa::Alg;

/// The weakest HMAC here is HS256, whose hash has this many bytes.
const LEAST: usize = 32;

/// A secret that two parties share, wiped when dropped and never shown.
#[derive(Clone)]
pub struct Secret(Private);

impl Secret {
    /// Takes the bytes as they are. A final line break of a file is part of them: cut it before.
    ///
    /// # Errors
    /// Fewer bytes than the weakest hash has (RFC 7518 §3.2), or the text of a public or private key, a certificate
    /// or a JWK: whoever has the public half of such a "secret" could forge every token.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(bytes.into());
        if is_key(&bytes) {
            return Err(KeyError::SecretIsKey);
        }
        match bytes.len() {
            found @ ..LEAST => Err(KeyError::SecretTooShort { found, needed: LEAST }),
            _ => Ok(Self(bytes)),
        }
    }

    /// Decodes a secret written as base64url without padding.
    ///
    /// # Errors
    /// Not base64url, and as for [`new`](Self::new).
    pub fn from_base64url(text: &str) -> Result<Self, KeyError> {
        let bytes =
            b64::decode(text.as_bytes()).map_err(|error| KeyError::Base64 { name: "secret", error })?;
        Self::new(bytes)
    }

    /// Prepares it for verifying: with one algorithm, or with each whose hash is no longer than the secret.
    ///
    /// # Errors
    /// Too short for the algorithm, or no HMAC algorithm.
    pub fn verifying_key(&self, alg: Option<Alg>) -> Result<VerifyingKey, KeyError> {
        self.jwk(alg)?.verifying_key()
    }

    /// Prepares it for signing.
    ///
    /// # Errors
    /// Too short for the algorithm, or no HMAC algorithm.
    pub fn signing_key(&self, alg: Alg) -> Result<SigningKey, KeyError> {
        self.jwk(Some(alg))?.signing_key(None)
    }

    /// As a JWK, whose id is not derived from the secret.
    ///
    /// # Errors
    /// Too short for the algorithm, or no HMAC algorithm.
    pub fn jwk(&self, alg: Option<Alg>) -> Result<Jwk, KeyError> {
        let mut jwk = Jwk::bare(Material::Oct(self.0.clone()))?;
        jwk.alg = alg.map(|alg| alg.name().into());
        jwk.accepts()?;
        Ok(jwk)
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a secret without bytes is refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether somebody mistook a key for a secret: PEM, JWK, OpenSSH, or the DER of a key or certificate.
pub(crate) fn is_key(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    contains(b"-----BEGIN ")
        || text.starts_with(b"ssh-")
        || (text.starts_with(b"{") && contains(b"\"kty\""))
        || is_structure(bytes)
}

/// One DER sequence that begins like a key or certificate and fills everything.
fn is_structure(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let Ok(mut inside) = reader.inside(der::SEQUENCE) else { return false };
    reader.end().is_ok() && (inside.take(der::SEQUENCE).is_ok() || inside.take(der::INTEGER).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_refused_per_algorithm() {
        assert_eq!(Secret::new("short").unwrap_err(), KeyError::SecretTooShort { found: 5, needed: 32 });
        let secret = Secret::new([7; 40]).unwrap();
        assert!(secret.signing_key(Alg::HS256).is_ok());
        assert_eq!(
            secret.signing_key(Alg::HS384).unwrap_err(),
            KeyError::SecretTooShort { found: 40, needed: 48 }
        );
        let any = secret.verifying_key(None).unwrap();
        assert!(any.accepts().contains(Alg::HS256) && !any.accepts().contains(Alg::HS384));
        assert_eq!(secret.verifying_key(Some(Alg::RS256)).unwrap_err().name(), "key_alg_mismatch");
    }

    #[test]
    fn keys_are_no_secrets() {
        for key in [
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
            "# ours\n-----BEGIN CERTIFICATE-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDZ",
            r#" {"kty":"RSA","n":"AQABAQABAQABAQABAQABAQABAQABAQAB","e":"AQAB"}"#,
        ] {
            assert_eq!(Secret::new(key).unwrap_err(), KeyError::SecretIsKey, "{key}");
        }
        let spki = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let spki = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(
            aws_lc_rs::signature::KeyPair::public_key(&spki),
        )
        .unwrap();
        assert_eq!(Secret::new(spki.as_ref()).unwrap_err(), KeyError::SecretIsKey);
        assert_eq!(format!("{:?}", Secret::new([1; 32]).unwrap()), "Secret(…)");
    }
}
