//! Issuers bound to their keys: a token counts only under the keys of the issuer that it names, with the algorithms and
//! the rules that are stated for that issuer (RFC 8725 §3.8).
//!
//! Not for: fetching keys, or remembering what was verified.

use super::{Rules, Violation};
use crate::jwa::Algs;
use crate::jwk::KeySet;
use crate::jws::{ParseError, SignatureError};
use crate::jwt::{Text, Unverified, Verified};

/// Of a set without `kid`s each key would be tried: at most so many are.
const TRIED: usize = 4;

/// The issuers that are believed. Empty by default, and then nobody is.
///
/// ```
/// use portcullis_jose::{Alg, Issuers, JwkSet, Protected, Rules, SigningKey, encode};
///
/// let key = SigningKey::generate(Alg::ES256)?;
/// let published = JwkSet::from_iter(key.public_jwk());
/// let issuers = Issuers::new().with(
///     "https://idp.example",
///     published.verifying_keys().0,
///     Alg::ES256.into(),
///     Rules::new().audiences(["api://acme"]),
/// );
///
/// let claims = br#"{"iss":"https://idp.example","aud":"api://acme","sub":"ada","exp":1900000000}"#;
/// let token = encode(&Protected::new(), claims, &key)?;
/// let verified = issuers.verify(&token, 1_800_000_000 * 1_000_000)?;
/// assert_eq!(verified.claims().sub().text().as_deref(), Some("ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Issuers(Vec<Issuer>);

#[derive(Clone, Debug)]
struct Issuer {
    keys: KeySet,
    allowed: Algs,
    rules: Rules,
}

/// Why a token was refused, in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its shape.
    #[error(transparent)]
    Shape(#[from] ParseError),
    /// It names no issuer, or one that is not believed. Its signature was not looked at: there is no key for it.
    #[error("issuer is not among those that are believed")]
    Issuer,
    /// The issuer has no key of that id, or none that goes with the algorithm.
    #[error("issuer has no key for this token")]
    Key,
    /// Its signature, or its algorithm.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Its claims: all violations, in order.
    #[error("claims are not what was expected: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Claims(Vec<Violation>),
}

impl Refused {
    /// Stable name for catalogues and tests; of several violations the first one's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shape(error) => error.name(),
            Self::Issuer => "issuer_unknown",
            Self::Key => "key_unknown",
            Self::Signature(error) => error.name(),
            Self::Claims(violations) => violations.first().map_or("claims", Violation::name),
        }
    }
}

impl Issuers {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes this issuer too: what it writes into `iss`, exactly, and the keys, algorithms and rules that go with it.
    /// Of one that is there already all is replaced: two sets of keys for one name would be one issuer with both.
    #[must_use]
    pub fn with(mut self, issuer: impl Into<Box<str>>, keys: KeySet, allowed: Algs, rules: Rules) -> Self {
        let rules = rules.issuer(issuer);
        self.0.retain(|other| other.rules.issuer != rules.issuer);
        self.0.push(Issuer { keys, allowed, rules });
        self
    }

    /// Verifies a token and all its claims. `now` is in microseconds since 1970.
    ///
    /// # Errors
    /// In this order: its shape, its issuer, its algorithm, its key, its signature, its claims.
    pub fn verify(&self, token: &str, now: i64) -> Result<Verified, Refused> {
        let parsed = Unverified::parse(token)?;
        let named = match parsed.claimed().iss() {
            Text::Is(iss) => self.0.iter().find(|issuer| issuer.rules.issuer.as_deref() == Some(&*iss)),
            Text::Missing | Text::Other(_) => None,
        };
        let issuer = named.ok_or(Refused::Issuer)?;
        let alg = parsed.allowed_alg(issuer.allowed)?;
        let mut refused = Refused::Key;
        for key in issuer.keys.candidates(parsed.kid(), alg).take(TRIED) {
            match parsed.verify(key, issuer.allowed) {
                Ok(verified) => {
                    return match issuer.rules.check(verified.claims(), verified.header(), now) {
                        Ok(()) => Ok(verified),
                        Err(violations) => Err(Refused::Claims(violations)),
                    };
                }
                Err(error) => refused = error.into(),
            }
        }
        Err(refused)
    }
}
