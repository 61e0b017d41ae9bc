//! What a service asks of its callers, prepared once per configuration.

use crate::authenticate::Caller;
use http::Method;
use portcullis_fault::{Fault, codes};
use portcullis_model::service::AuthMode;
use portcullis_model::{Name, Principal, Problem, Service, Tenant, TenantId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// What authorisation needs to know about the call.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path, normalised, without query.
    pub path: &'r str,
    /// The caller's address, after trusted proxies.
    pub client: IpAddr,
    /// The time of the call.
    pub now: Timestamp,
    /// The credential, for policies that look at claims.
    pub caller: Option<&'r Caller>,
}

/// What a service asks of its callers.
#[derive(Clone, Debug)]
pub struct ServiceRules {
    pub(super) name: Name,
    /// Whose it is. The AI routes are everybody's: there the model decides.
    pub(super) tenant: Option<Arc<Tenant>>,
    auth: AuthMode,
    scopes: Vec<String>,
    roles: Vec<String>,
    users: Vec<String>,
    applications: Vec<String>,
    allow_roles: Vec<String>,
    allow_teams: Vec<String>,
}

impl ServiceRules {
    /// Prepares a service's rules.
    ///
    /// # Errors
    /// Its tenant is not there.
    pub fn compile(service: &Service, tenants: &[Arc<Tenant>]) -> Result<Self, Problem> {
        let tenant =
            tenants.iter().find(|tenant| tenant.name == service.tenant).cloned().ok_or_else(|| {
                let message =
                    format!("there is no tenant `{}`; add `[[tenants]]` with this name", service.tenant);
                Problem::new(format!("services.{}.tenant", service.name), message)
            })?;
        Ok(Self {
            name: service.name.clone(),
            tenant: Some(tenant),
            auth: service.auth,
            scopes: service.scopes.clone(),
            roles: service.roles.clone(),
            users: service.allow.users.clone(),
            applications: service.allow.applications.clone(),
            allow_roles: service.allow.roles.clone(),
            allow_teams: service.allow.teams.clone(),
        })
    }

    /// The AI routes: open to every tenant, confined by the models granted. `name` is how records call them.
    pub fn ai(name: Name, auth: AuthMode) -> Self {
        Self {
            name,
            tenant: None,
            auth,
            scopes: Vec::new(),
            roles: Vec::new(),
            users: Vec::new(),
            applications: Vec::new(),
            allow_roles: Vec::new(),
            allow_teams: Vec::new(),
        }
    }

    /// The service's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whose the service is; the AI routes are nobody's.
    pub fn tenant_id(&self) -> Option<TenantId> {
        self.tenant.as_ref().map(|tenant| tenant.id)
    }

    /// Whether callers must be known.
    pub fn auth(&self) -> AuthMode {
        self.auth
    }

    /// A permit for everybody, where that is what the service wants.
    pub(crate) fn open(&self, principal: Option<Arc<Principal>>) -> Result<super::Permit, Fault> {
        match self.auth {
            AuthMode::None | AuthMode::Monitor => Ok(super::Permit::open(principal, self.name.clone())),
            AuthMode::Required => Err(Fault::new(codes::CREDENTIAL_MISSING)),
        }
    }

    /// Everything but policies, in the order of the codes.
    pub(super) fn check(&self, principal: &Principal, client: IpAddr) -> Result<(), Fault> {
        if let Some(tenant) = &self.tenant
            && tenant.id != principal.tenant.id
        {
            let context = format!(
                "service `{}` is of tenant `{}`, the caller of `{}`",
                self.name, tenant.name, principal.tenant.name
            );
            return Err(Fault::new(codes::SERVICE_FOREIGN).context(context));
        }
        if principal.tenant.disabled || self.tenant.as_ref().is_some_and(|tenant| tenant.disabled) {
            return Err(
                Fault::new(codes::TENANT_DISABLED).context(format!("tenant `{}`", principal.tenant.name))
            );
        }
        if let Some(key) = &principal.api_key {
            let limits = &key.limits;
            if !limits.services.is_empty() && !limits.services.iter().any(|name| self.name == **name) {
                return Err(Fault::new(codes::API_KEY_CONFINED)
                    .detail("the API key may not be used for this service")
                    .context(format!("key `{}` is for: {}", key.name, limits.services.join(", "))));
            }
            if !limits.addresses.is_empty() && !limits.addresses.iter().any(|net| net.contains(&client)) {
                return Err(Fault::new(codes::API_KEY_CONFINED)
                    .detail("the API key may not be used from this address")
                    .context(format!("key `{}`, address {client}", key.name)));
            }
        }
        self.check_allow(principal)?;
        // API keys carry no scopes; they are confined by their limits.
        if principal.api_key.is_none()
            && let Some(missing) = self.scopes.iter().find(|scope| !principal.scopes.contains(scope))
        {
            return Err(Fault::new(codes::SCOPE_INSUFFICIENT)
                .detail(format!("the token lacks the scope `{missing}`"))
                .context(format!("the token has: {}", principal.scopes.join(" ")))
                .scope(self.scopes.join(" ")));
        }
        if !self.roles.is_empty() && !any(&self.roles, &principal.roles) {
            let context = format!(
                "needed, one of: {}; the principal has: {}",
                self.roles.join(", "),
                principal.roles.join(", ")
            );
            return Err(Fault::new(codes::ROLE_MISSING).context(context));
        }
        Ok(())
    }

    /// The lists are alternatives; all empty admits everybody of the tenant.
    fn check_allow(&self, principal: &Principal) -> Result<(), Fault> {
        let lists = [&self.users, &self.applications, &self.allow_roles, &self.allow_teams];
        if lists.into_iter().all(Vec::is_empty) {
            return Ok(());
        }
        let user = principal.user.as_ref().is_some_and(|user| {
            let id = user.id.to_string();
            let names = [Some(id.as_str()), user.external_id.as_deref(), user.username.as_deref()];
            self.users.iter().any(|allowed| names.contains(&Some(allowed.as_str())))
        });
        let application = principal
            .application
            .as_ref()
            .is_some_and(|application| self.applications.iter().any(|name| application.name == **name));
        let team = || self.allow_teams.iter().any(|team| principal.is_in(team));
        if user || application || any(&self.allow_roles, &principal.roles) || team() {
            return Ok(());
        }
        Err(Fault::new(codes::NOT_ALLOWED).context(format!(
            "`allow` of service `{}` names neither the principal nor a role or team of it",
            self.name
        )))
    }
}

fn any(wanted: &[String], present: &[String]) -> bool {
    wanted.iter().any(|role| present.contains(role))
}
