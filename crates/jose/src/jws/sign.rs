//! Making a compact JWS.

use serde_json::{Map, Value};

use crate::b64;
use crate::jwk::SigningKey;

/// Signing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Nobody to sign.
    #[error("no key to sign with")]
    NoKey,
    /// A JWT must encode its payload (RFC 7797 §7).
    #[error("a jwt must not have an unencoded payload")]
    UnencodedJwt,
    /// The cryptographic library refused: out of memory or entropy.
    #[error("signing failed in the cryptographic library")]
    Library,
}

impl SignError {
    /// Stable name for catalogues and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoKey => "sign_no_key",
            Self::UnencodedJwt => "sign_unencoded_jwt",
            Self::Library => "sign_library",
        }
    }
}

/// The header of a token to be made. `alg` always comes from the key, and `kid` too unless another is given.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    typ: Option<String>,
    cty: Option<String>,
    kid: Option<String>,
    extra: Map<String, Value>,
}

impl Protected {
    /// Only `alg`, and the key's `kid` if it has one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The media type of the token: `JWT`, `at+jwt`, …
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.typ = Some(typ.into());
        self
    }

    /// The media type of the payload.
    #[must_use]
    pub fn cty(mut self, cty: impl Into<String>) -> Self {
        self.cty = Some(cty.into());
        self
    }

    /// Another key id than the key's own.
    #[must_use]
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Any other parameter. `alg`, `typ`, `cty` and `kid` given this way are ignored.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    fn json(&self, key: &SigningKey) -> String {
        Value::Object(self.members(key.alg().name(), key.kid(), &[])).to_string()
    }

    /// All members: `alg`, the key's `kid` unless another was given, and what else was given but for `reserved`.
    pub(crate) fn members(&self, alg: &str, kid: Option<&str>, reserved: &[&str]) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("alg".into(), alg.into());
        for (name, value) in
            [("typ", self.typ.as_deref()), ("cty", self.cty.as_deref()), ("kid", self.kid.as_deref().or(kid))]
        {
            if let Some(value) = value {
                all.insert(name.into(), value.into());
            }
        }
        for (name, value) in &self.extra {
            if !["alg", "typ", "cty", "kid"].contains(&name.as_str()) && !reserved.contains(&name.as_str()) {
                all.insert(name.clone(), value.clone());
            }
        }
        all
    }
}

/// Signs `payload` into a compact JWS. An RSA private operation takes around a millisecond: keep it off event loops.
///
/// # Errors
/// The cryptographic library refused.
pub fn sign_compact(header: &Protected, payload: &[u8], key: &SigningKey) -> Result<String, SignError> {
    let header = header.json(key);
    let mut token = String::with_capacity((header.len() + payload.len() + 600) * 4 / 3);
    b64::encode_onto(header.as_bytes(), &mut token);
    token.push('.');
    b64::encode_onto(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    b64::encode_onto(&signature, &mut token);
    Ok(token)
}
