//! A signed token inside of an encrypted one (RFC 7519 §11.2): signed first, so that the signature is hidden too and
//! covers what the reader sees.

use super::decrypt::Decryption;
use super::encrypt::{EncryptError, Encryption};
use super::error::DecryptError;
use super::header::Header;
use crate::jwa::Algs;
use crate::jwk::{DecryptionKey, EncryptionKey, SigningKey, VerifyingKey};
use crate::jws::{self, Protected, SignError, SignatureError};
use crate::jwt::{Unverified, Verified, encode};

/// A nested token was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NestedSealError {
    /// The inner token was not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The outer one was not encrypted.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
}

/// A nested token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NestedError {
    /// The outer token.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    /// `cty` does not say that the content is a token (RFC 7519 §5.2 wants it said).
    #[error("encrypted token does not say that its content is a token: `cty` is not `JWT`")]
    ContentType,
    /// The inner token's shape. A second layer of encryption is one.
    #[error("inner {0}")]
    Parse(#[from] jws::ParseError),
    /// The inner token's signature.
    #[error("inner {0}")]
    Signature(#[from] SignatureError),
}

impl NestedError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Decrypt(error) => error.name(),
            Self::ContentType => "nested_content_type",
            Self::Parse(error) => error.name(),
            Self::Signature(error) => error.name(),
        }
    }
}

impl Encryption {
    /// Signs a claims set and encrypts the token, with `cty` `JWT` on the outside.
    ///
    /// # Errors
    /// As signing and encrypting.
    pub fn signed(
        &self,
        inner: &Protected,
        claims: &[u8],
        from: &SigningKey,
        to: &EncryptionKey,
    ) -> Result<String, NestedSealError> {
        let token = encode(inner, claims, from)?;
        let outer = self.clone().with_content_type("JWT");
        Ok(outer.compact(token.as_bytes(), to)?)
    }
}

impl Decryption {
    /// Decrypts a token, and verifies the signed token inside. Exactly two layers: what is inside is signed.
    ///
    /// # Errors
    /// As decrypting; the content is not said to be a token; as verifying.
    pub fn open_signed(
        &self,
        message: &[u8],
        key: &DecryptionKey,
        from: &VerifyingKey,
        allowed: Algs,
    ) -> Result<(Header, Verified), NestedError> {
        let opened = self.open(message, key)?;
        if !says_token(opened.header().cty()) {
            return Err(NestedError::ContentType);
        }
        let verified =
            Unverified::parse_bytes(opened.content(), jws::DEFAULT_LIMIT)?.verify(from, allowed)?;
        Ok((opened.header().clone(), verified))
    }
}

/// Whether a `cty` says that the content is a token (RFC 7519 §5.2).
pub fn says_token(cty: Option<&str>) -> bool {
    cty.is_some_and(|cty| cty.eq_ignore_ascii_case("JWT") || cty.eq_ignore_ascii_case("application/jwt"))
}
