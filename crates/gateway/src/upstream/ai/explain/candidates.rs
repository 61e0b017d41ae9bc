//! The deployments of a model as they stand for a call.

use super::{Deployment, Facts, Ground, Target, Way};
use crate::upstream::ai::route::{Choice, Standing, lacks, price};
use crate::upstream::ai::{AiCall, Plan};
use portcullis_llm::dialect::Operation;
use portcullis_model::provider::Api;
use portcullis_model::route::RouteCandidate;

/// Prices of tokens are for so many.
const MILLION: u128 = 1_000_000;

impl Ground<'_> {
    /// All of them: first those that would be tried, in their order.
    pub(super) fn candidates(
        &self,
        target: &Target,
        choice: &Choice,
        facts: &Facts<'_>,
        call: &AiCall<'_>,
    ) -> Vec<RouteCandidate> {
        let tried = choice.order.iter().enumerate().map(|(place, at)| {
            let place = u16::try_from(place + 1).ok();
            RouteCandidate {
                place,
                reason: self.against(target, *at, facts),
                ..self.stands(target, *at, facts, call)
            }
        });
        let out = choice.out.iter().map(|(at, reason)| RouteCandidate {
            reason: Some(reason.to_string()),
            ..self.stands(target, *at, facts, call)
        });
        tried.chain(out).collect()
    }

    /// What speaks against one that is tried all the same, since no better one is left.
    fn against(&self, target: &Target, at: usize, facts: &Facts<'_>) -> Option<String> {
        let deployment = &target.deployments[at];
        if let Some(until) = deployment.resting(self.now) {
            return Some(format!("its keys are to rest until {}, and nobody else is left", until.rfc3339()));
        }
        let lacking = deployment.known.as_deref().and_then(|known| lacks(known, facts))?;
        Some(format!("{lacking}; nobody else is left"))
    }

    fn stands(&self, target: &Target, at: usize, facts: &Facts<'_>, call: &AiCall<'_>) -> RouteCandidate {
        let deployment = &target.deployments[at];
        let vitals = &deployment.vitals;
        let plan = Plan::of(deployment, call);
        let way = plan.as_ref().map(|plan| match plan {
            Plan::Pass(_) => "as it is",
            Plan::Translate(_) | Plan::Exchange(_) => "translated",
        });
        let api = plan.and_then(|plan| api(deployment, &plan));
        let keys: &[_] = match &deployment.way {
            Way::Http(way) => &way.keys,
            Way::Echo(_) => &[],
        };
        let count = |count: usize| u16::try_from(count).ok().filter(|_| self.live);
        let breaker = match vitals.breaker.standing(self.now) {
            Standing::Closed => "closed",
            Standing::HalfOpen => "half_open",
            Standing::Open(..) => "open",
        };
        let known = deployment.known.as_deref();
        let price = known.and_then(|known| price(known, facts));
        RouteCandidate {
            place: None,
            provider: deployment.provider.to_string(),
            deployment: deployment.model.to_string(),
            way: way.map(str::to_owned),
            api: api.map(|api| api.as_str().to_owned()),
            reason: None,
            priority: deployment.priority,
            weight: deployment.weight,
            region: deployment.region.clone(),
            breaker: self.live.then(|| breaker.to_owned()),
            failures: self.live.then(|| vitals.breaker.in_a_row()),
            keys: count(keys.len()),
            resting: count(keys.iter().filter(|key| key.rest.until(self.now).is_some()).count()),
            under_way: self.live.then(|| vitals.under_way()),
            latency_ms: vitals.pace.value(self.now).and_then(|pace| u64::try_from(pace.as_millis()).ok()),
            price_nanos: price.and_then(|price| u64::try_from(price.div_ceil(MILLION)).ok()),
            currency: price.and_then(|_| Some(known?.tariff.as_ref()?.currency.to_string())),
        }
    }
}

/// Which of OpenAI's endpoints gets a conversation that is served so; `None`: the provider has none of them, or it is no
/// conversation.
fn api(deployment: &Deployment, plan: &Plan) -> Option<Api> {
    let asked = match plan {
        Plan::Pass(row) => row.operation,
        Plan::Translate(_) => deployment.asked_for(),
        Plan::Exchange(_) => return None,
    };
    let there = |api: &&Api| Operation::at(**api) == asked && deployment.way.preset().has(**api);
    Api::ALL.iter().find(there).copied()
}
