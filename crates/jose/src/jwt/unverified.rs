//! A token whose shape is sound and of which nothing else is known.

use std::fmt;
use std::sync::Arc;

use super::payload::Claims;
use super::time::Time;
use super::values::{Audience, Subject, Text};
use super::verified::Verified;
use crate::jwa::{Alg, AlgError, Algs};
use crate::jwk::VerifyingKey;
use crate::jws::{
    self, Compact, DEFAULT_LIMIT, Header, ParseError, Part, SignatureError, check_alg, check_signature,
};

/// A well-formed token that nobody has vouched for. Everything it says is a claim by whoever sent it.
///
/// ```text
/// parse → (choose keys by issuer, kid, alg) → verify, once per candidate key → Verified
/// ```
pub struct Unverified<'t> {
    compact: Compact<'t>,
    header: Arc<Header>,
    claims: Claims,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Takes a token of at most [`DEFAULT_LIMIT`] bytes apart.
    ///
    /// # Errors
    /// Anything about its shape. An `alg` that cannot be used is not among them: see [`alg`](Self::alg).
    pub fn parse(token: &'t str) -> Result<Self, ParseError> {
        Self::parse_bytes(token.as_bytes(), DEFAULT_LIMIT)
    }

    /// Takes a token of at most `limit` bytes apart.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_bytes(token: &'t [u8], limit: usize) -> Result<Self, ParseError> {
        let compact = Compact::parse(token, limit)?;
        // One buffer for what is dropped at the end of the call, and one for the payload, which may be kept.
        let longer = compact.header().len().max(compact.signature().len());
        let mut signature = Vec::with_capacity(longer.div_ceil(4) * 3);
        compact.decode(Part::Header, &mut signature)?;
        let header = Header::parse(&signature)?;
        signature.clear();
        let mut payload = Vec::new();
        compact.decode(Part::Payload, &mut payload)?;
        compact.decode(Part::Signature, &mut signature)?;
        let claims = Claims::parse(payload)?;
        Ok(Self { compact, header: Arc::new(header), claims, signature })
    }

    /// The algorithm that the token claims.
    ///
    /// # Errors
    /// `none`, or a name that means nothing here.
    pub fn alg(&self) -> Result<Alg, AlgError> {
        self.header.alg()
    }

    /// The algorithm, if the caller allows it: the question to ask before any key is looked for.
    ///
    /// # Errors
    /// It cannot be used, or not here.
    pub fn allowed_alg(&self, allowed: Algs) -> Result<Alg, SignatureError> {
        check_alg(&self.header, allowed)
    }

    /// The key id that the token claims.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid()
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as it stands in the token, for showing it and for records.
    pub fn header_json(&self) -> String {
        let mut bytes = Vec::new();
        // It was decoded and read as JSON before: neither fails now.
        if self.compact.decode(Part::Header, &mut bytes).is_err() {
            return String::new();
        }
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// What the token says about itself: to find the issuer whose keys to try, and to record a refused token.
    pub fn claimed(&self) -> Claimed<'_> {
        Claimed(&self.claims)
    }

    /// Checks the signature with one key. May be called again with another.
    ///
    /// # Errors
    /// In this order: the algorithm cannot be used, is not allowed, does not go with the key; the signature has the
    /// wrong length or does not match.
    pub fn verify(&self, key: &VerifyingKey, allowed: Algs) -> Result<Verified, SignatureError> {
        let alg = check_signature(&self.header, key, allowed, self.signing_input(), &self.signature)?;
        Ok(Verified::new(alg, self.header.clone(), self.claims.clone()))
    }

    /// The whole token.
    pub fn token_bytes(&self) -> &'t [u8] {
        self.compact.token_bytes()
    }

    /// What the signature covers.
    pub fn signing_input(&self) -> &'t [u8] {
        self.compact.signing_input()
    }

    /// SHA-256 of the signing input: what a record and a revocation list keep of a token.
    pub fn signing_digest(&self) -> [u8; 32] {
        jws::sha256(self.signing_input())
    }

    /// The decoded signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// For checking rules against a token that nobody vouches for, in order to explain it.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What an unverified token says. Not [`Claims`], and not convertible into them: nothing that decides takes it.
#[derive(Clone, Copy)]
pub struct Claimed<'u>(&'u Claims);

impl<'u> Claimed<'u> {
    /// `iss`.
    pub fn iss(self) -> Text<'u> {
        self.0.iss()
    }

    /// `sub`.
    pub fn sub(self) -> Subject<'u> {
        self.0.sub()
    }

    /// `aud`.
    pub fn aud(self) -> Audience<'u> {
        self.0.aud()
    }

    /// `jti`.
    pub fn jti(self) -> Text<'u> {
        self.0.jti()
    }

    /// `azp`.
    pub fn azp(self) -> Text<'u> {
        self.0.azp()
    }

    /// `exp`.
    pub fn exp(self) -> Time {
        self.0.exp()
    }

    /// `nbf`.
    pub fn nbf(self) -> Time {
        self.0.nbf()
    }

    /// `iat`.
    pub fn iat(self) -> Time {
        self.0.iat()
    }

    /// Any other claim that is a string, such as the one that names the tenant and so the issuer's metadata.
    pub fn string(self, name: &str) -> Text<'u> {
        self.0.string(name)
    }

    /// Scopes.
    pub fn scopes(self) -> Vec<std::borrow::Cow<'u, str>> {
        self.0.scopes()
    }

    /// The JSON text of one claim, of whatever type, for records.
    pub fn claim_json(self, name: &str) -> Option<&'u str> {
        self.0.claim_json(&[name])
    }

    /// The claims set as it stands in the token, for showing it.
    pub fn json(self) -> &'u str {
        self.0.json()
    }
}
