//! Names of what the configuration has (issuers, services, models), as they come in with what is to be written down. A
//! name that nothing has would be kept and never mean anything: a subject that no token brings, a key that opens nothing, a
//! revocation that revokes nothing. So it is refused, with what was probably meant; for what is configured later, whoever
//! writes it down ahead says so.
//!
//! Not here: names of what the store has (tenants, users, teams, applications), which are looked up where they are used.

use crate::Control;
use crate::answer::{Refused, absent, invalid};
use portcullis_config::{AI_SERVICE, Config, LOCAL_ISSUER, not_among};
use portcullis_identity::sources::foreign::identity_of;
use portcullis_model::issuer::TenantRule;
use portcullis_model::{Name, Tenant, TenantId};
use portcullis_store::entity;
use serde::Deserialize;
use std::sync::Arc;

/// Whether names may come before what has them.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ahead {
    /// Take names of issuers, services and models that the configuration in force does not have: for what is configured
    /// later. Default `false`.
    #[param(required = false)]
    pub allow_unknown: bool,
}

/// What the configuration in force has, for one tenant or for all.
pub(crate) struct Known {
    config: Arc<Config>,
    tenant: Option<Tenant>,
    ahead: Ahead,
}

impl Known {
    /// For all tenants together.
    pub(crate) fn everywhere(control: &Control, ahead: Ahead) -> Self {
        Self { config: control.publisher().config(), tenant: None, ahead }
    }

    /// For one.
    pub(crate) fn of(control: &Control, tenant: &Tenant, ahead: Ahead) -> Self {
        Self { config: control.publisher().config(), tenant: Some(tenant.clone()), ahead }
    }

    /// For the one of this id.
    pub(crate) async fn of_id(control: &Control, tenant: TenantId, ahead: Ahead) -> Result<Self, Refused> {
        let tenant = entity::tenants::find(control.store(), tenant).await?;
        Ok(Self::of(control, &tenant.ok_or_else(|| absent("tenant"))?, ahead))
    }

    /// Passes when there is this issuer, or a user source that is named like one (`source:hr`).
    pub(crate) fn issuer(&self, member: &str, issuer: &Name) -> Result<(), Refused> {
        self.check(member, "issuer", issuer.as_str(), &self.issuers())
    }

    /// Passes when there are these services.
    pub(crate) fn services(&self, member: &str, services: &[String]) -> Result<(), Refused> {
        let known = self.config.services.iter().filter(|service| self.is_of(&service.tenant));
        let known: Vec<Name> =
            known.map(|service| service.name.clone()).chain(Name::new(AI_SERVICE)).collect();
        services.iter().try_for_each(|service| self.check(member, "service", service, &known))
    }

    /// Passes when there are these models, and the tenant is granted them. `*` is no name.
    pub(crate) fn models(&self, member: &str, models: &[String]) -> Result<(), Refused> {
        let granted = |name: &Name| self.tenant.as_ref().is_none_or(|tenant| tenant.grants(name.as_str()));
        let known = self.config.models.iter().map(|model| &model.name);
        let known: Vec<Name> = known.filter(|name| granted(name)).cloned().collect();
        let mut named = models.iter().filter(|model| *model != "*");
        named.try_for_each(|model| self.check(member, "model", model, &known))
    }

    /// The issuers that may be named; `None`: any.
    pub(crate) fn issuers_to_name(&self) -> Option<Vec<Name>> {
        (!self.ahead.allow_unknown).then(|| self.issuers())
    }

    /// Issuers whose tokens are, or may be, the tenant's. What a source's people are linked under stands beside them.
    fn issuers(&self) -> Vec<Name> {
        let speaks = |rule: &TenantRule| match rule {
            TenantRule::Named(tenant) => self.is_of(tenant),
            TenantRule::Mapped(rule) => rule.map.values().any(|tenant| self.is_of(tenant)),
        };
        let issuers = self.config.issuers.iter().filter(|issuer| speaks(&issuer.tenant));
        let sources = self.config.sources.iter().filter(|source| self.is_of(&source.tenant));
        issuers
            .map(|issuer| issuer.name.clone())
            .chain(Name::new(LOCAL_ISSUER))
            .chain(sources.map(|source| identity_of(&source.name)))
            .collect()
    }

    fn is_of(&self, tenant: &Name) -> bool {
        self.tenant.as_ref().is_none_or(|own| own.name == *tenant)
    }

    fn check(&self, member: &str, what: &str, name: &str, known: &[Name]) -> Result<(), Refused> {
        if self.ahead.allow_unknown {
            return Ok(());
        }
        let whose = self.tenant.as_ref().map_or_else(String::new, |own| format!("of tenant `{}`", own.name));
        let known: Vec<&str> = known.iter().map(Name::as_str).collect();
        let Some(why) = not_among(what, &whose, name, &known) else { return Ok(()) };
        Err(invalid(format!("`{member}`: {why} (for one that is configured later: `allow_unknown`)")))
    }
}
