//! What an answer is remembered under.

use portcullis_model::{Name, TenantId};
use quick_cache::Equivalent;
use std::hash::{Hash, Hasher};

/// A subject in the cache: the rule, the tenant, and the claim as it stands in the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRef<'a> {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: &'a str,
}

impl Hash for SubjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        SubjectRef { rule: self.rule, tenant: self.tenant, raw: &self.raw }.hash(state);
    }
}

impl Hash for SubjectRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.rule);
        state.write_u128(self.tenant.0.as_u128());
        state.write(self.raw.as_bytes());
    }
}

impl Equivalent<SubjectKey> for SubjectRef<'_> {
    fn equivalent(&self, key: &SubjectKey) -> bool {
        self.rule == key.rule && self.tenant == key.tenant && *self.raw == *key.raw
    }
}

/// A machine's client in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    pub tenant: TenantId,
    pub issuer: Name,
    pub client: Box<str>,
}
