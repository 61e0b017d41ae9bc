//! What an answer is remembered under.

use portcullis_model::{Name, TenantId};
use quick_cache::Equivalent;
use std::hash::{Hash, Hasher};

/// A subject in the cache: the rule, the tenant, and the claim as it stands in the token, with those that the rule falls
/// back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: Box<str>,
    pub fallbacks: Box<[Box<str>]>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRef<'a> {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: &'a str,
    pub fallbacks: &'a [&'a str],
}

impl SubjectRef<'_> {
    pub fn to_key(self) -> SubjectKey {
        SubjectKey {
            rule: self.rule,
            tenant: self.tenant,
            raw: self.raw.into(),
            fallbacks: self.fallbacks.iter().map(|text| Box::from(*text)).collect(),
        }
    }
}

impl Hash for SubjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.rule, self.tenant, &self.raw, self.fallbacks.iter().map(|text| &**text), state);
    }
}

impl Hash for SubjectRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.rule, self.tenant, self.raw, self.fallbacks.iter().copied(), state);
    }
}

fn hash<'a, H: Hasher>(
    rule: u64,
    tenant: TenantId,
    raw: &str,
    fallbacks: impl Iterator<Item = &'a str>,
    state: &mut H,
) {
    state.write_u64(rule);
    state.write_u128(tenant.0.as_u128());
    state.write(raw.as_bytes());
    for text in fallbacks {
        // Parted, so that what moves from one claim to the next is another key.
        state.write_u8(0xff);
        state.write(text.as_bytes());
    }
}

impl Equivalent<SubjectKey> for SubjectRef<'_> {
    fn equivalent(&self, key: &SubjectKey) -> bool {
        self.rule == key.rule
            && self.tenant == key.tenant
            && *self.raw == *key.raw
            && self.fallbacks.iter().copied().eq(key.fallbacks.iter().map(|text| &**text))
    }
}

/// A machine's client in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    pub tenant: TenantId,
    pub issuer: Name,
    pub client: Box<str>,
}
