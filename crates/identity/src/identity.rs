//! The three questions, compiled for one configuration.

use crate::authenticate::{
    Caller, ConnectionFacts, Credential, CredentialKind, Places, Presented, TokenCaller,
};
use crate::authorize::{CallFacts, ModelPermit, Models, Permit, Policies, ServiceRules};
use crate::claims::Path;
use crate::decryption::{Openers, OwnKeys};
use crate::groups::Groups;
use crate::issuer::{Plan, TenantBinding, TrustedIssuer};
use crate::jwks::KeySource;
use crate::local;
use crate::metric;
use crate::observe::{Effects, Fact, Observer};
use crate::resolve::{ClientKey, SubjectPlan, Who, token_principal};
use crate::runtime::Runtime;
use crate::sources::Outside;
use crate::standing::{self, Again, Standing};
use portcullis_fault::{Fault, codes};
use portcullis_jose::Claimed;
use portcullis_model::issuer::{GroupsOverage, TenantRule};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Issuer, Name, Principal, Problem, RequestId, Specification, Tenant, TenantId};
use std::collections::HashMap;
use std::sync::Arc;

mod diagnosis;

pub use diagnosis::{Examined, GroupsRead, Looked, RememberedAnswer, Signer, SourceAtHand, UnderRule};

/// Who may call, and what: compiled for one configuration, immutable.
pub struct Identity {
    runtime: Arc<Runtime>,
    issuers: Vec<Arc<TrustedIssuer>>,
    by_name: HashMap<Name, usize>,
    by_iss: HashMap<Box<str>, usize>,
    templates: Vec<usize>,
    openers: Openers,
    tenants: HashMap<TenantId, Arc<Tenant>>,
    policies: Policies,
    models: Models,
    /// They and what is remembered of their answers, for as long as a configuration has them.
    sources: HashMap<Name, Arc<Outside>>,
}

impl Identity {
    /// Compiles a specification. Key sets of issuers whose key source is unchanged are kept; no issuer has to be up.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn compile(
        specification: &Specification,
        runtime: &Arc<Runtime>,
        secrets: &dyn SecretSource,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut issuers: Vec<Arc<TrustedIssuer>> = Vec::with_capacity(specification.issuers.len() + 1);
        let mut sources = HashMap::new();
        for source in &specification.sources {
            match runtime.outside(source, secrets) {
                Ok(outside) => drop(sources.insert(source.name.clone(), outside)),
                Err((at, message)) => {
                    let at = if at.is_empty() { String::new() } else { format!(".{at}") };
                    problems.push(Problem::new(format!("sources.{}{at}", source.name), message));
                }
            }
        }
        for issuer in &specification.issuers {
            match compile_issuer(issuer, specification, &sources, runtime, secrets) {
                Ok(compiled) => issuers.push(Arc::new(compiled)),
                Err(wrong) => {
                    problems.extend(
                        wrong.into_iter().map(|(at, message)| {
                            Problem::new(format!("issuers.{}.{at}", issuer.name), message)
                        }),
                    );
                }
            }
        }
        match compile_local(&specification.tenants, runtime) {
            Ok(compiled) => issuers.extend(compiled.map(Arc::new)),
            Err(message) => problems.push(Problem::new("issuers", message)),
        }
        let (mut by_name, mut by_iss, mut templates) = (HashMap::new(), HashMap::new(), Vec::new());
        for (index, issuer) in issuers.iter().enumerate() {
            if by_name.insert(issuer.name.clone(), index).is_some() {
                let message = if issuer.local {
                    "the name `local` is that of this installation's own issuer"
                } else {
                    "another issuer has this name"
                };
                problems.push(Problem::new(format!("issuers.{}.name", issuer.name), message));
            }
            let text = issuer.iss.text();
            let taken = match &issuer.iss {
                crate::issuer::IssPattern::Exact(text) => by_iss.insert(text.clone(), index).is_some(),
                crate::issuer::IssPattern::Template { .. } => {
                    let taken = templates.iter().any(|other: &usize| issuers[*other].iss.text() == text);
                    templates.push(index);
                    taken
                }
            };
            if taken {
                let message = format!(
                    "another issuer has the `issuer` `{text}` too: a token could not be told to be of one of them"
                );
                problems.push(Problem::new(format!("issuers.{}.issuer", issuer.name), message));
            }
        }
        let policies = Policies::compile(&specification.policies, &specification.tenants)
            .map_err(|wrong| problems.extend(wrong))
            .ok();
        match policies {
            Some(policies) if problems.is_empty() => Ok(Self {
                runtime: runtime.clone(),
                openers: Openers::of(issuers.iter().filter_map(|issuer| issuer.own_keys.as_ref())),
                issuers,
                by_name,
                by_iss,
                templates,
                tenants: specification.tenants.iter().map(|tenant| (tenant.id, tenant.clone())).collect(),
                policies,
                models: Models::of(&specification.models),
                sources,
            }),
            _ => Err(problems),
        }
    }

    /// Who presents what: finds the one credential of a request and checks it.
    ///
    /// # Errors
    /// None, several, malformed, not believed; or it cannot be checked at the moment (503).
    pub async fn authenticate<'r, O: Observer>(
        &self,
        request: impl Into<Presented<'r>>,
        places: &Places,
        connection: &ConnectionFacts,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Caller, Fault> {
        let request = request.into();
        let checked = match Credential::find(&request, places) {
            Ok(credential) => self.check(&credential, connection, effects, observer).await,
            Err(fault) => Err(fault),
        };
        checked.inspect_err(|fault| {
            if effects.live() {
                metric::refused("authenticate", fault.code());
            }
        })
    }

    /// Checks a credential that was found elsewhere: pasted, or in a file.
    ///
    /// # Errors
    /// As [`Identity::authenticate`].
    pub async fn check<O: Observer>(
        &self,
        credential: &Credential<'_>,
        connection: &ConnectionFacts,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Caller, Fault> {
        observer.note(Fact::Credential { place: credential.place, kind: credential.kind });
        match credential.kind {
            CredentialKind::Token => {
                let token = self.token(&credential.text, connection, effects, observer).await?;
                if token.trusted().single_use {
                    // In a box: few issuers' tokens are for one call, and every call carries this future along.
                    Box::pin(self.runtime.uses().check(&token, effects)).await?;
                }
                Ok(Caller::Token(token))
            }
            CredentialKind::ApiKey => {
                self.api_key(&credential.text, effects, observer).await.map(Caller::ApiKey)
            }
        }
    }

    /// Who that is here. On a hit in memory this neither waits nor allocates.
    ///
    /// # Errors
    /// Nobody, nobody who may call; or that cannot be known at the moment (503).
    pub async fn resolve<O: Observer>(
        &self,
        caller: &Caller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        let resolved = match caller {
            Caller::Token(token) => self.resolve_token(token, effects, observer).await,
            Caller::ApiKey(key) => {
                let tenant = self.tenant(key.key().tenant, observer);
                tenant.and_then(|tenant| self.runtime.resolver().key_principal(key, tenant, observer))
            }
        };
        resolved.inspect_err(|fault| {
            if effects.live() {
                metric::refused("resolve", fault.code());
            }
        })
    }

    async fn resolve_token<O: Observer>(
        &self,
        token: &TokenCaller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        let issuer = token.trusted();
        let claims = token.claims();
        let tenant = issuer.tenant.tenant(claims).map_err(|value| {
            let value = value.map_or("has no tenant claim".to_owned(), |value| {
                format!("says `{}`", value.chars().take(256).collect::<String>().escape_debug())
            });
            Fault::new(codes::TENANT_UNKNOWN)
                .context(format!("the token of issuer `{}` {value}, which is no tenant here", issuer.name))
        })?;
        observer.note(Fact::Tenant(tenant));
        check_enabled(tenant)?;
        if let Some(claim) = token.machine_claim() {
            let Some(client) = issuer.client(claims) else {
                let detail =
                    format!("the machine token names no client: it has none of {}", issuer.client_claims());
                return Err(Fault::new(codes::CLAIM_MISSING).detail(detail));
            };
            observer.note(Fact::Machine { client: &client, claim });
            let key = ClientKey { tenant: tenant.id, issuer: issuer.name.clone(), client: client.into() };
            let found =
                self.runtime.resolver().client(key, issuer.local, token.now(), effects, observer).await?;
            let principal = token_principal(token, tenant.clone(), Who::Application(found));
            return if token.names_groups() {
                Box::pin(self.with_groups(token, principal, effects, observer)).await
            } else {
                Ok(principal)
            };
        }
        let plan = SubjectPlan {
            issuer: &issuer.name,
            rule: &issuer.subject,
            number: issuer.number,
            tenant: tenant.id,
            source: issuer.source.as_ref(),
        };
        let user = self.runtime.resolver().subject(&plan, token, effects, observer).await?;
        if let Some(why) = self.runtime.revocations().await?.user(user.user.id, claims) {
            return Err(Fault::new(codes::TOKEN_REVOKED).context(why));
        }
        let principal = token_principal(token, tenant.clone(), Who::User(user));
        if !token.names_groups() {
            return Ok(principal);
        }
        // In a box: few issuers' groups stand for teams, and every call carries this future along.
        Box::pin(self.with_groups(token, principal, effects, observer)).await
    }

    /// The principal with the teams that the token's groups stand for, where they stand for any.
    async fn with_groups<O: Observer>(
        &self,
        token: &TokenCaller,
        mut principal: Principal,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        if let Some(shown_by) = token.groups_overage() {
            observer.note(Fact::GroupsOverage { shown_by });
            let groups = token.trusted().groups.as_ref();
            if groups.is_some_and(|groups| groups.overage == GroupsOverage::Refuse) {
                return Err(Fault::new(codes::GROUPS_OVERAGE).context(format!(
                    "issuer `{}`, claim `{}`: {shown_by}",
                    token.issuer(),
                    groups.map_or("", Groups::claim)
                )));
            }
        }
        if !token.teams().is_empty() {
            let resolver = self.runtime.resolver();
            let (tenant, own) = (principal.tenant.id, &principal.teams);
            let at = (token.now(), effects);
            principal.teams = resolver.with_token_teams(tenant, own, token.teams(), at, observer).await?;
        }
        Ok(principal)
    }

    fn tenant<O: Observer>(&self, id: TenantId, observer: &mut O) -> Result<&Arc<Tenant>, Fault> {
        let Some(tenant) = self.tenants.get(&id) else {
            return Err(Fault::new(codes::TENANT_UNKNOWN)
                .context(format!("tenant {id} is not in the configuration in force")));
        };
        observer.note(Fact::Tenant(tenant));
        check_enabled(tenant)?;
        Ok(tenant)
    }

    /// Whether the principal may call the service.
    ///
    /// # Errors
    /// Why not.
    pub fn authorize(
        &self,
        principal: Arc<Principal>,
        service: &ServiceRules,
        call: &CallFacts<'_>,
    ) -> Result<Permit, Fault> {
        self.policies
            .authorize(principal, service, call)
            .inspect_err(|fault| metric::refused("authorize", fault.code()))
    }

    /// Lets this call be the one that the credential is for, where it is for one: afterwards it lets nobody in. Asked once
    /// everything else is known of who calls, and before anything is done for them. Any other credential is as good as before.
    ///
    /// # Errors
    /// Another call with it was first; or that cannot be known at the moment (503).
    pub async fn use_up(
        &self,
        caller: &Caller,
        principal: &Principal,
        request: RequestId,
    ) -> Result<(), Fault> {
        match caller {
            Caller::Token(token) if token.trusted().single_use => {
                Box::pin(self.runtime.uses().use_up(token, principal.tenant.id, request))
                    .await
                    .inspect_err(|fault| metric::refused("authenticate", fault.code()))
            }
            Caller::Token(_) | Caller::ApiKey(_) => Ok(()),
        }
    }

    /// A permit for a service that lets everybody through (`auth` is `none` or `monitor`), for whoever was recognised, if
    /// anybody was.
    ///
    /// # Errors
    /// The service requires that callers are known.
    pub fn authorize_open(
        &self,
        principal: Option<Arc<Principal>>,
        service: &ServiceRules,
    ) -> Result<Permit, Fault> {
        service.open(principal)
    }

    /// Whether the caller may use the model.
    ///
    /// # Errors
    /// It is not there, not granted, or denied by the key's limits or a policy.
    pub fn authorize_model(&self, permit: &Permit, model: &str) -> Result<ModelPermit, Fault> {
        self.models
            .authorize(&self.policies, permit, model)
            .inspect_err(|fault| metric::refused("authorize", fault.code()))
    }

    /// Whether policies let the caller use a tool of this kind that runs at the model's provider; `server`: of an MCP server,
    /// where it is.
    ///
    /// # Errors
    /// A policy denies it.
    pub fn authorize_tool(
        &self,
        permit: &ModelPermit,
        tool: &str,
        server: Option<&str>,
    ) -> Result<(), Fault> {
        self.policies
            .authorize_tool(permit, tool, server)
            .inspect_err(|fault| metric::refused("authorize", fault.code()))
    }

    /// The models that the caller may use.
    pub fn models_for<'i>(&'i self, permit: &'i Permit) -> impl Iterator<Item = &'i Name> {
        self.models
            .names()
            .filter(move |name| self.models.authorize(&self.policies, permit, name.as_str()).is_ok())
    }

    /// Whether a principal that was let in may still call, by what the directory says now.
    ///
    /// # Errors
    /// Why not; with status 503 when that cannot be known at the moment.
    pub async fn standing(&self, principal: &Principal) -> Result<(), Fault> {
        standing::present(&self.runtime, principal, None).await.map(drop)
    }

    /// Watches over a principal for as long as its stream runs; with `again`, also over what it was let in by, for which
    /// `caller` has to be who it was recognised by.
    pub fn watch(
        &self,
        principal: Arc<Principal>,
        caller: Option<&Caller>,
        again: Option<Again>,
    ) -> Standing {
        Standing::new(self.runtime.clone(), principal, caller, again)
    }

    /// What outlives this configuration.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    pub(crate) fn issuer(&self, name: &Name) -> Option<&Arc<TrustedIssuer>> {
        self.by_name.get(name).map(|index| &self.issuers[*index])
    }

    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.issuers.iter()
    }

    /// The keys that tokens may be encrypted to.
    pub(crate) fn openers(&self) -> &Openers {
        &self.openers
    }

    /// The issuer that an unverified token says it is of. An exact one wins over one with a claim in it.
    pub(crate) fn issuer_of(&self, iss: &str, claimed: Claimed<'_>) -> Option<&Arc<TrustedIssuer>> {
        let exact = self.by_iss.get(iss).copied();
        let index = exact.or_else(|| {
            self.templates.iter().copied().find(|index| self.issuers[*index].claims_to_be(iss, claimed))
        })?;
        self.issuers.get(index)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("issuers", &self.by_name.keys())
            .field("tenants", &self.tenants.len())
            .finish_non_exhaustive()
    }
}

fn check_enabled(tenant: &Tenant) -> Result<(), Fault> {
    if tenant.disabled {
        return Err(Fault::new(codes::TENANT_DISABLED).context(format!("tenant `{}`", tenant.name)));
    }
    Ok(())
}

type Wrong = (&'static str, String);

fn compile_issuer(
    issuer: &Issuer,
    specification: &Specification,
    sources: &HashMap<Name, Arc<Outside>>,
    runtime: &Runtime,
    secrets: &dyn SecretSource,
) -> Result<TrustedIssuer, Vec<Wrong>> {
    let plan = Plan::of(issuer);
    let tenant = binding(issuer, &specification.tenants);
    let (plan, tenant) = match (plan, tenant) {
        (Ok(plan), Ok(tenant)) => (plan, tenant),
        (plan, tenant) => return Err(plan.err().into_iter().flatten().chain(tenant.err()).collect()),
    };
    let (source, keys) = KeySource::of(issuer, plan.algorithms, secrets).map_err(|wrong| vec![wrong])?;
    let ring = runtime.ring(&issuer.name, &source, keys).map_err(|wrong| vec![wrong])?;
    let own_keys = OwnKeys::of(issuer, secrets).map_err(|message| vec![("decryption_keys", message)])?;
    if let Some(keys) = &own_keys {
        runtime.note_own_keys(keys);
    }
    let source = source_of(issuer, &tenant, specification, sources).map_err(|wrong| vec![wrong])?;
    Ok(plan.with(issuer, runtime.number(issuer), tenant, (ring, own_keys), source, false))
}

/// The user source that an issuer's subjects are looked up in, if in one. Its people are of one tenant, and so are the
/// issuer's: nobody becomes a user of a tenant by another tenant's directory.
fn source_of(
    issuer: &Issuer,
    tenant: &TenantBinding,
    specification: &Specification,
    sources: &HashMap<Name, Arc<Outside>>,
) -> Result<Option<Arc<Outside>>, Wrong> {
    let Some(name) = &issuer.subject.source else { return Ok(None) };
    let Some(source) = sources.get(name) else {
        // One that is there and cannot be opened is a problem of its own.
        let there = specification.sources.iter().any(|source| source.name == *name);
        let message = if there {
            "the user source cannot be used"
        } else {
            "there is no such user source; add `[[sources]]` with this name"
        };
        return Err(("subject.source", format!("`{name}`: {message}")));
    };
    let foreign = match tenant {
        TenantBinding::One(tenant) => Some(tenant).filter(|tenant| tenant.name != source.tenant),
        TenantBinding::ByClaim { tenants, .. } => {
            tenants.values().find(|tenant| tenant.name != source.tenant)
        }
    };
    match foreign {
        None => Ok(Some(source.clone())),
        Some(tenant) => Err((
            "subject.source",
            format!(
                "the people of `{name}` are users of tenant `{}`, and this issuer's are of `{}`; make a source for each",
                source.tenant, tenant.name
            ),
        )),
    }
}

fn binding(issuer: &Issuer, tenants: &[Arc<Tenant>]) -> Result<TenantBinding, Wrong> {
    let find = |name: &Name| {
        let found = tenants.iter().find(|tenant| tenant.name == *name).cloned();
        found.ok_or_else(|| {
            ("tenant", format!("there is no tenant `{name}`; add `[[tenants]]` with this name"))
        })
    };
    match &issuer.tenant {
        TenantRule::Named(name) => find(name).map(TenantBinding::One),
        TenantRule::Mapped(map) => {
            let tenants = map
                .map
                .iter()
                .map(|(value, name)| Ok((value.as_str().into(), find(name)?)))
                .collect::<Result<_, _>>()?;
            Ok(TenantBinding::ByClaim { claim: Path::new(&map.claim), tenants })
        }
    }
}

/// The issuer of this installation serves every tenant by name.
fn compile_local(tenants: &[Arc<Tenant>], runtime: &Runtime) -> Result<Option<TrustedIssuer>, String> {
    let Some(local) = runtime.local() else { return Ok(None) };
    let issuer = local::configuration(Name::new(local::NAME)?);
    let plan = Plan::of(&issuer)
        .map_err(|wrong| wrong.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("; "))?;
    let keys = local.keys();
    let digest = keys.iter().next().map_or([0; 32], |key| *key.thumbprint());
    let ring = runtime
        .ring(&issuer.name, &KeySource::Fixed { digest }, Some(keys))
        .map_err(|(_, message)| message)?;
    let tenant = TenantBinding::ByClaim {
        claim: Path::new(local::TENANT_CLAIM),
        tenants: tenants.iter().map(|tenant| (tenant.name.as_str().into(), tenant.clone())).collect(),
    };
    Ok(Some(plan.with(&issuer, runtime.number(&issuer), tenant, (ring, None), None, true)))
}
