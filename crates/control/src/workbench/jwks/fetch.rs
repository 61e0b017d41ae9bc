//! Fetching a key set, and saying what is in it. The fetching itself is not here: whoever has a way out hands over what
//! came.

use super::super::hidden::{Json, unseen};
use super::super::keys::audit::Exposure;
use super::super::{At, KeyFacts, LeftOut, Problem};
use super::audit;
use portcullis_jose::{Finding, JwkSet};
use serde::{Deserialize, Serialize};

/// A key set to fetch. Exactly one member of the first two.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FetchJwksRequest)]
pub struct Request {
    /// Where it is: https, a public host.
    pub jwks_url: Option<String>,
    /// An issuer, whose key set is found by OpenID discovery.
    pub issuer: Option<String>,
    /// The time to judge certificates by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// What came.
#[derive(Clone)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: String,
    /// The document.
    pub body: Vec<u8>,
    /// `Cache-Control`, when there is one.
    pub cache_control: Option<String>,
}

/// A key set, and what is to be said about it.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = FetchJwksAnswer)]
pub struct Answer {
    /// Where it came from in the end, redirects followed.
    pub url: String,
    /// The key set, as it came.
    #[schema(value_type = Object)]
    pub jwks: Json,
    /// How long it may be believed, as its server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Whether nothing is broken or open to attack. Not a proof of strength.
    pub sound: bool,
    /// The keys that are sound enough to be used.
    pub keys: Vec<KeyFacts>,
    /// The members that are not used, and why.
    pub left_out: Vec<LeftOut>,
    /// What an audit of it found.
    #[schema(value_type = Vec<super::super::Finding>)]
    pub findings: Vec<Finding>,
}

unseen!(Answer, Fetched);

impl Fetched {
    /// The document as the text of a key set.
    ///
    /// # Errors
    /// It is none. What it is instead is not repeated: it is nobody's business here.
    pub fn key_set(&self) -> Result<&str, Problem> {
        let place = if self.url.is_empty() { "jwks_url" } else { &self.url };
        let next = "check the address: a JWK set is a JSON object with `keys`";
        JwkSet::parse_public(&self.body).map_err(|error| Problem::of(&error, place, next))?;
        // It was parsed, so it is UTF-8.
        Ok(std::str::from_utf8(&self.body).unwrap_or_default())
    }
}

/// Says what is in a key set that was fetched.
///
/// # Errors
/// It is no key set, or has more keys than are read.
pub fn run(request: &Request, fetched: &Fetched, at: &At) -> Result<Answer, Problem> {
    let now = at.judged(request.now.as_deref())?;
    let text = fetched.key_set()?;
    let audit::Answer { sound, keys, left_out, findings } =
        audit::of(text, Exposure::Public, now, at, &fetched.url)?;
    Ok(Answer {
        url: fetched.url.clone(),
        jwks: text.into(),
        cache_control: fetched.cache_control.clone(),
        sound,
        keys,
        left_out,
        findings,
    })
}
