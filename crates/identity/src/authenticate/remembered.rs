//! Tokens whose signature was checked: digest of the token → its claims, the key that vouched for them, and the version of
//! the key set that the key was in. Nothing else is remembered: time, audience, revocation and binding are checked on
//! every call. Bounded in bytes.

use crate::issuer::TrustedIssuer;
use portcullis_jose::{Claims, Verified};
use portcullis_model::Name;
use portcullis_model::record::TokenFacts;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// A token whose signature was checked.
pub(crate) struct Remembered {
    pub issuer: Name,
    pub verified: Verified,
    /// The id of the key that vouched.
    pub kid: Option<Box<str>>,
    /// The version of the key set that the key was in.
    pub version: u64,
    /// The thumbprint of the key that opened it, where it came encrypted.
    pub opened_by: Option<[u8; 32]>,
    pub facts: Arc<TokenFacts>,
    pub derived: Derived,
}

/// What follows from the claims under one configuration of the issuer.
#[derive(Clone)]
pub(crate) struct Derived {
    /// That configuration's number.
    pub configuration: u64,
    pub scopes: Arc<[String]>,
    pub roles: Arc<[String]>,
    /// Names and paths of the teams that its groups stand for.
    pub teams: Box<[String]>,
    /// How it shows that the token leaves out its groups.
    pub overage: Option<&'static str>,
    /// The claim that shows that the token is a machine's.
    pub machine: Option<Arc<str>>,
}

impl Derived {
    pub fn of(issuer: &TrustedIssuer, claims: &Claims) -> Self {
        let granted = issuer.granted(claims);
        Self {
            configuration: issuer.number,
            scopes: claims.scopes().into_iter().map(std::borrow::Cow::into_owned).collect(),
            roles: issuer.roles(claims, &granted),
            teams: granted.teams.into(),
            overage: granted.overage,
            machine: issuer.machine_claim(claims).map(Arc::from),
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<[u8; 32], Arc<Remembered>> for Weight {
    fn weight(&self, _: &[u8; 32], token: &Arc<Remembered>) -> u64 {
        let texts =
            |texts: &[String]| texts.iter().map(|text| text.capacity() + size_of::<String>()).sum::<usize>();
        let facts = size_of::<TokenFacts>()
            + token.facts.header.capacity()
            + token.facts.claims.capacity()
            + token.facts.digest.capacity()
            + token.facts.encryption.as_ref().map_or(0, String::capacity);
        let own = size_of::<Remembered>()
            + OVERHEAD
            + texts(&token.derived.scopes)
            + texts(&token.derived.roles)
            + texts(&token.derived.teams);
        (own + facts + token.verified.weight()) as u64
    }
}

/// The cache's own memory for an entry, and the allocator's.
const OVERHEAD: usize = 192;
/// What a token usually weighs, to size the cache's tables.
const USUAL: u64 = 2_048;

/// The cache.
pub(crate) struct TokenCache(Cache<[u8; 32], Arc<Remembered>, Weight>);

impl TokenCache {
    /// Bounded by so many bytes.
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX).clamp(16, 1 << 24);
        Self(Cache::with_weighter(items, bytes, Weight))
    }

    pub fn find(&self, digest: &[u8; 32]) -> Option<Arc<Remembered>> {
        self.0.get(digest)
    }

    pub fn keep(&self, digest: [u8; 32], token: Arc<Remembered>) {
        self.0.insert(digest, token);
    }

    /// Bytes in use.
    pub fn weight(&self) -> u64 {
        self.0.weight()
    }

    /// Tokens in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
