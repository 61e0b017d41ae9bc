//! What a tenant's administrator may see: a case of its own tenant, with the issuers, services and users of that tenant.
//! Whatever is another tenant's looks as if it were not there.

use crate::case::{Course, Refusal};
use crate::witness::Witness;
use portcullis_config::Config;
use portcullis_fault::{Fault, codes};
use portcullis_identity::CredentialKind;
use portcullis_model::issuer::TenantRule;
use portcullis_model::record::TokenFacts;
use portcullis_model::{Name, Record, Tenant, TenantId};
use std::sync::Arc;

/// The bounds of what is shown.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The tenant.
    pub tenant: TenantId,
    name: Name,
    issuers: Vec<Name>,
}

impl Scope {
    /// Of one tenant, under this configuration.
    pub(crate) fn of(tenant: &Tenant, config: &Config) -> Self {
        let leads_here = |rule: &TenantRule| match rule {
            TenantRule::Named(name) => *name == tenant.name,
            TenantRule::Mapped(map) => map.map.values().any(|name| *name == tenant.name),
        };
        let issuers = config.issuers.iter().filter(|issuer| leads_here(&issuer.tenant));
        Self {
            tenant: tenant.id,
            name: tenant.name.clone(),
            issuers: issuers.map(|issuer| issuer.name.clone()).collect(),
        }
    }

    /// The configuration as far as it is the tenant's.
    pub(crate) fn config(&self, config: &Config) -> Config {
        let mut own = config.clone();
        own.tenants.retain(|tenant| tenant.name == self.name);
        own.issuers.retain(|issuer| self.issuers.contains(&issuer.name));
        for issuer in &mut own.issuers {
            if let TenantRule::Mapped(map) = &mut issuer.tenant {
                map.map.retain(|_, name| *name == self.name);
            }
        }
        own.sources.retain(|source| source.tenant == self.name);
        own.services.retain(|service| service.tenant == self.name);
        own.policies.retain(|policy| policy.tenant.as_ref().is_some_and(|name| *name == self.name));
        own
    }

    /// Whether a record is the tenant's. One of nobody in particular is no tenant's.
    pub(crate) fn has(&self, record: &Record) -> bool {
        record.tenant == Some(self.tenant)
    }

    /// Whether an issuer's tokens lead to the tenant.
    pub(crate) fn knows(&self, issuer: &Name) -> bool {
        self.issuers.contains(issuer)
    }

    /// Makes a credential of another tenant one of nobody: of an issuer or a tenant, or with a key, that is not there.
    pub(crate) fn confine(&self, course: &mut Course) {
        let seen = &course.seen;
        let foreign = seen.issuer.as_ref().is_some_and(|issuer| !self.knows(issuer));
        let elsewhere = foreign
            || seen.tenant.as_ref().is_some_and(|tenant| tenant.id != self.tenant)
            || seen.application.as_ref().is_some_and(|application| application.tenant != self.tenant)
            || seen.user.as_ref().is_some_and(|user| user.tenant != self.tenant);
        if elsewhere {
            // An issuer of several tenants is there for each of them; what its token names is not.
            let issuer = seen.issuer.clone().filter(|_| !foreign);
            let code = match (seen.kind, &issuer) {
                (Some(CredentialKind::ApiKey), _) => codes::API_KEY_UNKNOWN,
                (_, Some(_)) => codes::TENANT_UNKNOWN,
                (_, None) => codes::ISSUER_UNKNOWN,
            };
            let token = seen.token.as_ref();
            let named = issuer.as_ref().map(Name::shared);
            *course = Course {
                seen: Witness {
                    kind: seen.kind,
                    token: token.map(|facts| Arc::new(TokenFacts { issuer: named, ..(**facts).clone() })),
                    issuer,
                    header: seen.header.clone(),
                    ..Witness::default()
                },
                refusal: Some(Refusal::from(&Fault::new(code))),
                ..Course::default()
            };
        }
        // What is told of these names all issuers that are configured, or speaks of a key that may be anybody's.
        if let Some(refusal) = &mut course.refusal
            && matches!(refusal.code.as_str(), "issuer_unknown" | "api_key_unknown")
        {
            refusal.context = None;
        }
    }
}
