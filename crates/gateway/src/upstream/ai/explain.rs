//! A dry run: the very choice that a call would get at this moment, with what it was made from. Sends nothing and changes
//! nothing: no probe is taken, no key is used up, no refusal is counted.

mod candidates;
mod supposed;

use self::supposed::Supposed;
use super::journey::{known, look_inside};
use super::route::{Class, Draw, Facts, Health, Target, Turn, price};
use super::{Deployment, Way};
use crate::gateway::Gateway;
use crate::snapshot::AiRoutes;
use portcullis_config::Config;
use portcullis_fault::{Fault, codes};
use portcullis_identity::{CallFacts, Identity, Runtime, ServiceRules};
use portcullis_model::provider::Strategy;
use portcullis_model::route::{
    RouteError, RouteExplanation, RoutePermission, RouteQuestion, RouteStandby, RouteStandbyModel,
};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Name, Principal, Specification, Timestamp, UserStatus};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// What a question is answered from.
struct Ground<'a> {
    models: &'a HashMap<Name, Target>,
    identity: &'a Identity,
    rules: &'a ServiceRules,
    now: Timestamp,
    seed: u64,
    /// Whether a process is running whose state counts.
    live: bool,
}

impl Gateway {
    /// Which deployment a call would get now.
    pub fn explain(&self, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        let snapshot = self.snapshot().ok_or(RouteError::NotReady)?;
        let ai = snapshot.ai().ok_or(RouteError::NotReady)?;
        let mut seed = [0; 8];
        self.rng.fill(&mut seed);
        let ground = Ground {
            models: &ai.models,
            identity: &snapshot.identity,
            rules: &ai.rules,
            now: self.clock.now(),
            seed: u64::from_ne_bytes(seed),
            live: true,
        };
        ground.explain(question)
    }
}

/// The same by the configuration alone, where no process is running.
pub fn explain_cold(
    config: &Config,
    question: &RouteQuestion,
    runtime: &Arc<Runtime>,
    secrets: &dyn SecretSource,
    now: Timestamp,
) -> Result<RouteExplanation, RouteError> {
    let wrong = |problems: Vec<portcullis_model::Problem>| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        RouteError::Invalid(format!("the configuration cannot be used: {}", all.join("; ")))
    };
    // Only what decides about models: issuers and sources would be reached out for.
    let tenant = question.principal.as_ref().map(|principal| principal.tenant.clone());
    let concerns = |policy: &&portcullis_model::Policy| {
        policy.tenant.as_ref().is_none_or(|of| tenant.as_ref().is_some_and(|tenant| tenant.name == *of))
    };
    let specification = Specification {
        version: 0,
        policies: config.policies.iter().filter(concerns).cloned().collect(),
        tenants: tenant.iter().cloned().collect(),
        issuers: Vec::new(),
        sources: Vec::new(),
        providers: config.providers.clone(),
        models: config.models.clone(),
        services: Vec::new(),
    };
    let identity = Identity::compile(&specification, runtime, secrets).map_err(wrong)?;
    let ai = AiRoutes::cold(&specification, config, &Health::default()).map_err(wrong)?;
    let ground =
        Ground { models: &ai.models, identity: &identity, rules: &ai.rules, now, seed: 0, live: false };
    ground.explain(question)
}

/// Whether another call like this may get another one of the same priority.
fn by_chance(target: &Target, order: &[usize], facts: &Facts<'_>, conversation: Option<u64>) -> bool {
    let place = |at: usize| {
        let deployment = &target.deployments[at];
        let cheapest = target.strategy == Strategy::Cheapest;
        let known = deployment.known.as_deref().filter(|_| cheapest);
        (deployment.priority, deployment.weight == 0, known.and_then(|known| price(known, facts)))
    };
    order.windows(2).any(|pair| place(pair[0]) == place(pair[1]))
        && match target.strategy {
            Strategy::Priority => false,
            Strategy::Sticky => conversation.is_none(),
            _ => true,
        }
}

impl Ground<'_> {
    fn explain(&self, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        let found = self.models.iter().find(|(name, _)| name.as_str() == question.model);
        let target = found.ok_or(RouteError::UnknownModel)?.1;
        let supposed = Supposed::of(question)?;
        let call = supposed.call(self.now, self.seed);
        let principal = question.principal.as_deref();
        let mut facts = known(target, &call, principal);
        let mut conversation = None;
        if question.body.is_none() {
            (facts.bytes, facts.text) = (0, 0);
        }
        if target.looks_inside {
            let read = call.format().and_then(|chat| chat.read_request(&call.incoming()).ok());
            look_inside(&call, read.as_ref(), &mut facts, &mut conversation);
        }
        let mut turn = Turn { draw: Draw::new(self.seed), conversation };
        let serves = |deployment: &Deployment| super::Plan::of(deployment, &call).is_some();
        let choice = target.choose(&facts, serves, self.now, &mut turn);
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Ok(RouteExplanation {
            model: target.name.to_string(),
            strategy: target.strategy.as_str().to_owned(),
            dialect: call.dialect.name().to_owned(),
            operation: call.served.operation.name().to_owned(),
            live: self.live,
            by_chance: by_chance(target, &choice.order, &facts, conversation),
            permission: self.permission(question.principal.as_ref(), &supposed, target.name.as_str()),
            bytes: facts.bytes,
            tokens_at_least: facts.tokens_at_least(),
            needs: facts.needs.iter().map(|need| need.as_str().to_owned()).collect(),
            candidates: self.candidates(target, &choice, &facts, &call),
            standby: self.standby(question.principal.as_ref(), &supposed, target),
            retries: target.retries,
            deadline_ms: target.deadline.map(millis),
            hedge_after_ms: target.hedge.map(millis),
        })
    }

    /// Whether the caller may use the model: by the very checks of a call, but for what only a credential says.
    fn permission(
        &self,
        principal: Option<&Arc<Principal>>,
        supposed: &Supposed,
        model: &str,
    ) -> Option<RoutePermission> {
        let allowed = self.may_use(principal?, supposed, model);
        Some(match allowed {
            Ok(()) => RoutePermission { allowed: true, ..RoutePermission::default() },
            Err(fault) => RoutePermission {
                allowed: false,
                code: Some(fault.code().name().to_owned()),
                why: Some(fault.private_context().unwrap_or_else(|| fault.public_detail().to_owned())),
            },
        })
    }

    fn may_use(&self, principal: &Arc<Principal>, supposed: &Supposed, model: &str) -> Result<(), Fault> {
        let user = principal.user.as_deref();
        match user.map(|user| user.status) {
            None | Some(UserStatus::Active) => {}
            Some(UserStatus::Pending) => return Err(codes::USER_PENDING.into()),
            Some(UserStatus::Suspended) => return Err(codes::USER_SUSPENDED.into()),
            Some(UserStatus::Deleted | UserStatus::Merged) => return Err(codes::USER_DELETED.into()),
        }
        if principal.application.as_deref().is_some_and(|application| application.disabled) {
            return Err(codes::APPLICATION_DISABLED.into());
        }
        if user.is_none() && principal.application.is_none() {
            // Somebody of the tenant: policies need to know who.
            return match (principal.tenant.disabled, principal.tenant.grants(model)) {
                (true, _) => Err(codes::TENANT_DISABLED.into()),
                (_, false) => Err(Fault::new(codes::MODEL_NOT_GRANTED).context(format!(
                    "model `{model}` is not granted to tenant `{}`",
                    principal.tenant.name
                ))),
                _ => Ok(()),
            };
        }
        let facts = CallFacts {
            method: &http::Method::POST,
            path: supposed.uri.path(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            now: self.now,
            caller: None,
        };
        self.identity.would_use(principal.clone(), self.rules, &facts, model)
    }

    /// The models that stand by, in the order in which a call would come to them.
    fn standby(
        &self,
        principal: Option<&Arc<Principal>>,
        supposed: &Supposed,
        target: &Target,
    ) -> Vec<RouteStandby> {
        let classes = [Class::RateLimited, Class::ContextTooLong, Class::ContentFilter, Class::Outage];
        let chain = |class: Class| {
            let mut asked = vec![&target.name];
            let mut next: VecDeque<&Name> = target.fallback(class).iter().collect();
            let mut models = Vec::new();
            while let Some(name) = next.pop_front() {
                let Some(other) = self.models.get(name).filter(|_| !asked.contains(&name)) else { continue };
                asked.push(name);
                let permission = self.permission(principal, supposed, name.as_str());
                if permission.as_ref().is_none_or(|permission| permission.allowed) {
                    other.fallback(class).iter().rev().for_each(|name| next.push_front(name));
                }
                models.push(RouteStandbyModel { model: name.clone(), permission });
            }
            RouteStandby { class: class.as_str().to_owned(), models }
        };
        classes.into_iter().map(chain).filter(|standby| !standby.models.is_empty()).collect()
    }
}
