//! Policies as code, compiled: validated strictly against the schema, one set per tenant and action.

use super::memo::{Asked, Memo};
use super::mentions::Mentions;
use super::schema::Words;
use super::{CallFacts, ModelPermit, Permit, ServiceRules, entities};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Effect, Entities, EntityUid, Policy as Cedar, PolicyId,
    PolicySet, Request, RestrictedExpression, ValidationMode, Validator,
};
use portcullis_fault::{Fault, codes};
use portcullis_model::team::TeamOf;
use portcullis_model::{
    ApplicationId, Name, Policy, Principal, Problem, Tenant, TenantId, Timestamp, UserId,
};
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock};

/// Every tenant's policies.
pub(crate) struct Policies {
    /// For tenants without policies of their own.
    everybody: TenantPolicies,
    own: HashMap<TenantId, TenantPolicies>,
    authorizer: Authorizer,
    /// Callers and services in the words of policies.
    described: Cache<Described, Arc<Parties>>,
    /// What was permitted before.
    memo: Memo,
}

/// How many descriptions of callers are kept; each is a few hundred bytes.
const MOST_DESCRIBED: usize = 10_000;

/// What a description is of. A user or an application that changes is another one here.
#[derive(PartialEq, Eq, Hash)]
struct Described {
    tenant: TenantId,
    user: Option<(UserId, Timestamp)>,
    application: Option<(ApplicationId, Timestamp)>,
    teams: Arc<[TeamOf]>,
    service: Name,
}

/// The policies that apply to a tenant, by action; `None` where none speaks of the action.
#[derive(Default)]
struct TenantPolicies {
    call: Option<PolicySet>,
    use_model: Option<PolicySet>,
    use_tool: Option<PolicySet>,
    /// What any of them looks at.
    mentions: Mentions,
}

/// A caller and a service in the words of policies.
struct Parties {
    principal: EntityUid,
    service: EntityUid,
    /// Empty where no policy looks at what belongs to them.
    entities: Entities,
}

/// A call in the words of policies, kept for later questions about models.
pub(crate) struct Question {
    parties: Arc<Parties>,
    /// The parties and the token, where policies look at its claims.
    with_token: Option<Entities>,
    context: Context,
    /// The models that it may use, as far as somebody has asked: where the question is remembered, so is this.
    models: RwLock<Vec<Name>>,
}

/// How many models are remembered with a question; callers use few.
const MOST_MODELS: usize = 32;

impl Question {
    fn new(parties: Arc<Parties>, with_token: Option<Entities>, context: Context) -> Self {
        Self { parties, with_token, context, models: RwLock::default() }
    }

    fn entities(&self) -> &Entities {
        self.with_token.as_ref().unwrap_or(&self.parties.entities)
    }

    fn may_use(&self, model: &Name) -> bool {
        self.models.read().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    fn remember(&self, model: &Name) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() < MOST_MODELS && !models.contains(model) {
            models.push(model.clone());
        }
    }
}

/// One parsed policy and where it is from.
struct Parsed {
    tenant: Option<TenantId>,
    cedar: Cedar,
}

impl Policies {
    /// Compiles policies; with problems, none.
    pub fn compile(policies: &[Policy], tenants: &[Arc<Tenant>]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        for policy in policies {
            match parse(policy, tenants) {
                Ok(more) => parsed.extend(more),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let words = Words::known().map_err(|error| vec![Problem::new("policies", error)])?;
        let set_for = |tenant: Option<TenantId>| -> Result<TenantPolicies, Vec<Problem>> {
            let applies: Vec<&Cedar> = parsed
                .iter()
                .filter(|one| one.tenant.is_none() || one.tenant == tenant)
                .map(|one| &one.cedar)
                .collect();
            let wrong = |error: String| vec![Problem::new("policies", error)];
            let mut mentions = Mentions::default();
            for policy in &applies {
                mentions.and(&Mentions::of(policy).map_err(wrong)?);
            }
            let of = |action: &EntityUid| speaking_of(&applies, action).map_err(wrong);
            Ok(TenantPolicies {
                call: of(&words.call)?,
                use_model: of(&words.use_model)?,
                use_tool: of(&words.use_tool)?,
                mentions,
            })
        };
        let mut own = HashMap::new();
        for tenant in parsed.iter().filter_map(|one| one.tenant) {
            if let Entry::Vacant(place) = own.entry(tenant) {
                place.insert(set_for(Some(tenant))?);
            }
        }
        let described = Cache::new(MOST_DESCRIBED);
        Ok(Self {
            everybody: set_for(None)?,
            own,
            authorizer: Authorizer::new(),
            described,
            memo: Memo::new(),
        })
    }

    fn of(&self, tenant: TenantId) -> &TenantPolicies {
        self.own.get(&tenant).unwrap_or(&self.everybody)
    }

    /// All checks for a service; the permit, when they pass.
    pub fn authorize(
        &self,
        principal: Arc<Principal>,
        service: &ServiceRules,
        call: &CallFacts<'_>,
    ) -> Result<Permit, Fault> {
        service.check(&principal, call.client)?;
        let policies = self.of(principal.tenant.id);
        let later = policies.use_model.is_some() || policies.use_tool.is_some();
        if policies.call.is_none() && !later {
            return Ok(Permit::call(principal, service.name().clone(), None));
        }
        let asked = Asked::of(&principal, service, call, &policies.mentions);
        if let Some(question) = asked.as_ref().and_then(|asked| self.memo.permitted(asked)) {
            return Ok(Permit::call(principal, service.name().clone(), question));
        }
        let words = Words::known().map_err(broken)?;
        let question = self.question(words, &principal, service, call, &policies.mentions).map_err(broken)?;
        // Kept only where somebody will ask about models or their tools.
        let later = later.then(|| question.context.clone());
        if let Some(policies) = &policies.call {
            let parties = &question.parties;
            let request = Request::new(
                parties.principal.clone(),
                words.call.clone(),
                parties.service.clone(),
                question.context,
                None,
            );
            self.decide(
                policies,
                &request.map_err(broken)?,
                question.with_token.as_ref().unwrap_or(&parties.entities),
            )?;
        }
        let question =
            later.map(|context| Arc::new(Question::new(question.parties, question.with_token, context)));
        if let Some(asked) = asked {
            self.memo.keep(asked, question.clone());
        }
        Ok(Permit::call(principal, service.name().clone(), question))
    }

    /// What policies say of a model, for a call that was permitted.
    pub fn authorize_model(&self, permit: &Permit, model: &Name) -> Result<(), Fault> {
        let words = Words::known().map_err(broken)?;
        self.authorize_use(permit, model, &words.use_model, |policies| policies.use_model.as_ref(), None)
    }

    /// What policies say of a tool that runs at the provider of a model which was permitted; `server`: of an MCP server, where
    /// it is.
    pub fn authorize_tool(
        &self,
        permit: &ModelPermit,
        tool: &str,
        server: Option<&str>,
    ) -> Result<(), Fault> {
        let words = Words::known().map_err(broken)?;
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let mut said = vec![("tool".to_owned(), text(tool))];
        said.extend(server.map(|server| ("server".to_owned(), text(server))));
        let (permit, model) = (permit.permit(), permit.model());
        self.authorize_use(permit, model, &words.use_tool, |policies| policies.use_tool.as_ref(), Some(said))
    }

    /// Whether a call that was permitted may do something with a model; `more`: what its context has beside the call's.
    fn authorize_use(
        &self,
        permit: &Permit,
        model: &Name,
        action: &EntityUid,
        of: fn(&TenantPolicies) -> Option<&PolicySet>,
        more: Option<Vec<(String, RestrictedExpression)>>,
    ) -> Result<(), Fault> {
        let Some(principal) = permit.principal() else { return Ok(()) };
        let of_tenant = self.of(principal.tenant.id);
        let Some(policies) = of(of_tenant) else { return Ok(()) };
        if permit.is_open() {
            // The service lets everybody through; what is granted to the tenant still bounds what that can cost.
            return Ok(());
        }
        let Some(question) = &permit.question else {
            return Err(broken("the permit is of a configuration without policies"));
        };
        // Nothing but the question and the model's name decides, unless there is more.
        let whole = more.is_none();
        if whole && question.may_use(model) {
            return Ok(());
        }
        let words = Words::known().map_err(broken)?;
        let resource = entities::model_uid(words, model);
        let principal_uid = question.parties.principal.clone();
        let mut context = question.context.clone();
        if let Some(more) = more {
            context = context.merge(more).map_err(broken)?;
        }
        let request = Request::new(principal_uid, action.clone(), resource, context, None).map_err(broken)?;
        if of_tenant.mentions.entities {
            let model_entity = entities::model(words, model).map_err(broken)?;
            let all = question.entities().clone().add_entities([model_entity], None).map_err(broken)?;
            self.decide(policies, &request, &all)?;
        } else {
            self.decide(policies, &request, question.entities())?;
        }
        if whole {
            question.remember(model);
        }
        Ok(())
    }

    /// The call in the words of policies, as far as they look.
    fn question(
        &self,
        words: &Words,
        principal: &Principal,
        service: &ServiceRules,
        call: &CallFacts<'_>,
        mentions: &Mentions,
    ) -> Result<Question, String> {
        let claims =
            call.caller.and_then(crate::authenticate::Caller::claims).filter(|_| mentions.has("token"));
        let parties = self.described(words, principal, service, mentions)?;
        let with_token = match claims {
            Some(claims) => {
                let token = entities::token(words, claims)?;
                Some(
                    parties
                        .entities
                        .clone()
                        .add_entities([token], None)
                        .map_err(|error| error.to_string())?,
                )
            }
            None => None,
        };
        let context = entities::context(words, principal, service, call, mentions, claims.is_some())?;
        Ok(Question::new(parties, with_token, context))
    }

    fn described(
        &self,
        words: &Words,
        principal: &Principal,
        service: &ServiceRules,
        mentions: &Mentions,
    ) -> Result<Arc<Parties>, String> {
        let key = Described {
            tenant: principal.tenant.id,
            user: principal.user.as_ref().map(|user| (user.id, user.updated_at)),
            application: principal.application.as_ref().map(|app| (app.id, app.updated_at)),
            teams: principal.teams.clone(),
            service: service.name().clone(),
        };
        if let Some(known) = self.described.get(&key) {
            return Ok(known);
        }
        let made = Arc::new(Parties {
            principal: entities::principal_uid(words, principal)
                .ok_or("the principal is neither a user nor an application")?,
            service: entities::service_uid(words, service.name()),
            entities: if mentions.entities {
                entities::entities(words, principal, service)?
            } else {
                Entities::empty()
            },
        });
        self.described.insert(key, made.clone());
        Ok(made)
    }

    /// The request is not checked against the schema again: it is made from our own types, and policies were.
    fn decide(&self, policies: &PolicySet, request: &Request, all: &Entities) -> Result<(), Fault> {
        let response = self.authorizer.is_authorized(request, policies, all);
        // Cedar passes over a policy that fails. One that may forbid must not be passed over.
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(failed) = error;
            let forbids =
                policies.policy(failed.policy_id()).is_none_or(|policy| policy.effect() == Effect::Forbid);
            if forbids {
                return Err(Fault::new(codes::POLICY_DENIED)
                    .context(format!("a policy could not be decided: {error}")));
            }
        }
        match response.decision() {
            Decision::Allow => Ok(()),
            Decision::Deny => {
                let reasons: Vec<_> = response.diagnostics().reason().map(|id| format!("`{id}`")).collect();
                let context = if reasons.is_empty() {
                    "no policy permits it".to_owned()
                } else {
                    format!("forbidden by {}", reasons.join(", "))
                };
                Err(Fault::new(codes::POLICY_DENIED).context(context))
            }
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Fault {
    // Fails closed: what cannot be put to the policies is denied.
    Fault::new(codes::POLICY_DENIED).context(format!("the call cannot be put to the policies: {error}"))
}

/// The policies that speak of `action`; `None` when none does.
fn speaking_of(policies: &[&Cedar], action: &EntityUid) -> Result<Option<PolicySet>, String> {
    let mut set = PolicySet::new();
    let (mut any, mut permits) = (false, false);
    for policy in policies {
        let speaks = match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(one) => one == *action,
            ActionConstraint::In(some) => some.contains(action),
        };
        if !speaks {
            continue;
        }
        any = true;
        permits |= policy.effect() == Effect::Permit;
        set.add((*policy).clone()).map_err(|error| error.to_string())?;
    }
    if !any {
        return Ok(None);
    }
    if !permits {
        // Nobody has said who may: everybody whom nothing forbids.
        let open = Cedar::parse(Some(PolicyId::new("open")), "permit (principal, action, resource);")
            .map_err(|error| error.to_string())?;
        set.add(open).map_err(|error| error.to_string())?;
    }
    Ok(Some(set))
}

/// Reads and validates one entry of the configuration.
fn parse(policy: &Policy, tenants: &[Arc<Tenant>]) -> Result<Vec<Parsed>, Vec<Problem>> {
    let at = |field: &str| format!("policies.{}.{field}", policy.name);
    let one = |field: &str, message: String| vec![Problem::new(at(field), message)];
    let tenant = match &policy.tenant {
        None => None,
        Some(name) => {
            let found = tenants.iter().find(|tenant| tenant.name == *name);
            Some(
                found
                    .ok_or_else(|| {
                        one(
                            "tenant",
                            format!("there is no tenant `{name}`; add `[[tenants]]` with this name"),
                        )
                    })?
                    .id,
            )
        }
    };
    let (field, text) = match (&policy.cedar, &policy.file) {
        (Some(text), None) => ("cedar", text.clone()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| one("file", format!("`{}` cannot be read: {error}", path.display())))?;
            ("file", text)
        }
        _ => return Err(one("cedar", "a policy has either `cedar` or `file`".to_owned())),
    };
    let set: PolicySet = text.parse().map_err(|error: cedar_policy::ParseErrors| {
        error.iter().map(|error| Problem::new(at(field), explained(error))).collect::<Vec<_>>()
    })?;
    if set.num_of_templates() > 0 {
        return Err(one(
            field,
            "a policy with `?principal` or `?resource` is a template; write the principal or resource out"
                .to_owned(),
        ));
    }
    let words = Words::known().map_err(|error| one(field, error.to_owned()))?;
    let result = Validator::new(words.schema.clone()).validate(&set, ValidationMode::Strict);
    // A policy that can never apply does nothing, and whoever wrote it believes that it does.
    let mut problems: Vec<_> =
        result.validation_errors().map(|error| Problem::new(at(field), explained(error))).collect();
    problems.extend(result.validation_warnings().map(|warning| Problem::new(at(field), explained(warning))));
    if !problems.is_empty() {
        return Err(problems);
    }
    let policies: Vec<_> = set.policies().collect();
    if policies.is_empty() {
        return Err(one(field, "there is no policy in it".to_owned()));
    }
    // Named after the entry, so that a refusal says which one it was.
    let id = |policy_in_set: &Cedar| match policies.len() {
        1 => PolicyId::new(policy.name.as_str()),
        _ => PolicyId::new(format!(
            "{}/{}",
            policy.name,
            policy_in_set.annotation("id").unwrap_or(policy_in_set.id().as_ref())
        )),
    };
    Ok(policies.iter().map(|cedar| Parsed { tenant, cedar: cedar.new_id(id(cedar)) }).collect())
}

/// A diagnostic with its help, in one line.
fn explained(error: &(impl std::fmt::Display + miette::Diagnostic)) -> String {
    match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}
