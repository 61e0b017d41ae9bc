//! Which deployment gets a call: what is decided before anything is sent, from what is known at the moment. No input, no
//! output: time and chance are arguments, so that the same question has the same answer in tests and in a dry run.
//!
//! Not here: sending, and what is done when it fails (`journey.rs`).

mod breaker;
mod class;
mod draw;
pub(crate) mod facts;
mod keys;
mod pace;
mod reason;
mod strategy;
mod vitals;

pub(crate) use breaker::Standing;
pub(crate) use class::{Class, is_gone, is_model_unknown};
pub(crate) use draw::{Draw, Hash};
pub(crate) use facts::Facts;
pub(crate) use keys::{Key, pick, resting};
pub(crate) use reason::Reason;
pub(crate) use strategy::{Candidate, Turn};
pub(crate) use vitals::{Busy, Health, Vitals, describe};

use super::Deployment;
use super::reach::Within;
use portcullis_llm::catalog::{self, Ability, Class as Tokens};
use portcullis_model::provider::{Breaker, Fallback, Need, Strategy};
use portcullis_model::{Model, Name, Problem, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// A model, and how its calls are spread over its deployments.
pub(crate) struct Target {
    pub(crate) name: Name,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) strategy: Strategy,
    pub(crate) retries: u8,
    pub(crate) deadline: Option<Duration>,
    pub(crate) tags: bool,
    /// After how long a second deployment is asked beside the first.
    pub(crate) hedge: Option<Duration>,
    pub(crate) fallback: Fallback,
    pub(crate) breaker: Breaker,
    /// Whether what is inside a call decides anything.
    pub(crate) looks_inside: bool,
    /// What calls may reach for at its providers.
    pub(crate) within: Within,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Which are tried, in this order.
    pub(crate) order: Vec<usize>,
    /// Which are not, and why.
    pub(crate) out: Vec<(usize, Reason)>,
}

impl Target {
    /// Of a model whose deployments are compiled.
    pub(crate) fn new(model: &Model, deployments: Vec<Deployment>) -> Self {
        // Where deployments do not differ in what they can do, nobody need look.
        let known: Vec<_> = deployments.iter().filter_map(|deployment| deployment.known.as_deref()).collect();
        let differ = known.windows(2).any(|pair| {
            NEEDS.iter().any(|need| able(pair[0], *need) != able(pair[1], *need))
                || pair[0].context != pair[1].context
        });
        let asked = model
            .deployments
            .iter()
            .any(|deployment| deployment.when.as_ref().is_some_and(|when| !when.needs.is_empty()));
        let sticky = model.strategy == Strategy::Sticky;
        Self {
            name: model.name.clone(),
            looks_inside: deployments.len() > 1 && (differ || sticky || model.hedge.is_some()) || asked,
            deployments,
            strategy: model.strategy,
            retries: model.retries,
            deadline: model.deadline.map(|span| span.0),
            tags: model.tags,
            hedge: model.hedge.map(|hedge| hedge.after.0),
            fallback: model.fallback.clone(),
            breaker: model.breaker,
            within: Within::of(model),
        }
    }

    /// Decides. `serves`: whether a deployment speaks what the caller does, or can be translated for.
    pub(crate) fn choose(
        &self,
        facts: &Facts<'_>,
        serves: impl Fn(&Deployment) -> bool,
        now: Timestamp,
        turn: &mut Turn,
    ) -> Choice {
        let (mut fit, mut unable, mut resting, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, deployment) in self.deployments.iter().enumerate() {
            let reason = if serves(deployment) {
                deployment
                    .when
                    .as_ref()
                    .and_then(|when| facts.miss(when))
                    .or_else(|| facts.elsewhere(deployment.region.as_deref()))
            } else {
                Some(Reason::Dialect)
            };
            if let Some(reason) = reason {
                out.push((at, reason));
            } else if let Standing::Open(until, why) = deployment.vitals.breaker.standing(now) {
                out.push((at, Reason::Open { until, why }));
            } else if let Some(until) = deployment.resting(now) {
                resting.push((at, Reason::Resting { until }));
            } else if let Some(reason) = deployment.known.as_deref().and_then(|known| lacks(known, facts)) {
                unable.push((at, reason));
            } else {
                fit.push(at);
            }
        }
        // The catalogue may be wrong, or behind; nobody is turned away on its word alone.
        if fit.is_empty() {
            fit.extend(unable.drain(..).map(|(at, _)| at));
        }
        // A key that is to rest is used before a caller is turned away, unless other models stand by.
        if fit.is_empty() && self.fallback.rate_limited.is_empty() {
            resting.sort_by_key(|(_, reason)| reason.until());
            let order = resting.drain(..).map(|(at, _)| at).collect();
            return Choice { order, out };
        }
        out.extend(unable);
        out.extend(resting);
        out.sort_by_key(|(at, _)| *at);
        // Among one there is nothing to choose.
        if fit.len() < 2 {
            return Choice { order: fit, out };
        }
        let mut candidates: Vec<Candidate> =
            fit.into_iter().map(|at| self.candidate(at, facts, now)).collect();
        strategy::order(self.strategy, &mut candidates, turn);
        Choice { order: candidates.into_iter().map(|candidate| candidate.at).collect(), out }
    }

    fn candidate(&self, at: usize, facts: &Facts<'_>, now: Timestamp) -> Candidate {
        let deployment = &self.deployments[at];
        Candidate {
            at,
            identity: deployment.identity,
            priority: deployment.priority,
            weight: deployment.weight,
            under_way: deployment.vitals.under_way(),
            latency: deployment.vitals.pace.value(now),
            price: deployment.known.as_deref().and_then(|known| price(known, facts)),
        }
    }

    /// Whether other models stand by, for any reason.
    pub(crate) fn has_fallbacks(&self) -> bool {
        let Fallback { rate_limited, context_too_long, content_filter, outage } = &self.fallback;
        [rate_limited, context_too_long, content_filter, outage].iter().any(|models| !models.is_empty())
    }

    /// Which models are asked when this one cannot answer for this reason.
    pub(crate) fn fallback(&self, class: Class) -> &[Name] {
        match class {
            Class::RateLimited => &self.fallback.rate_limited,
            Class::ContextTooLong => &self.fallback.context_too_long,
            Class::ContentFilter => &self.fallback.content_filter,
            Class::Outage | Class::KeyRefused | Class::ModelUnknown | Class::SaidNothing => {
                &self.fallback.outage
            }
            Class::Unsayable | Class::Refused => &[],
        }
    }
}

const NEEDS: [Need; 4] = [Need::Tools, Need::Vision, Need::StructuredOutput, Need::Reasoning];

fn able(model: &catalog::Model, need: Need) -> bool {
    match need {
        Need::Tools => model.has(Ability::Tools),
        Need::Vision => model.sees(),
        Need::StructuredOutput => model.has(Ability::StructuredOutput),
        Need::Reasoning => model.has(Ability::Reasoning),
    }
}

/// What a known model lacks for a call.
pub(crate) fn lacks(model: &catalog::Model, facts: &Facts<'_>) -> Option<Reason> {
    if let Some(need) = facts.needs.iter().find(|need| !able(model, **need)) {
        return Some(Reason::Unable(*need));
    }
    let context = model.context?;
    (facts.tokens_at_least() > context).then_some(Reason::TooLong { context })
}

/// What a call like this costs, in parts of a nano-unit.
pub(crate) fn price(model: &catalog::Model, facts: &Facts<'_>) -> Option<u128> {
    let (input, output) = facts.tokens_about();
    let rates = model.tariff.as_ref()?.rates(input, false);
    let of = |class| rates.of(class).map(u128::from);
    // What makes only vectors has no price for output.
    Some(of(Tokens::Input)? * u128::from(input) + of(Tokens::Output).unwrap_or(0) * u128::from(output))
}

/// Models whose fallbacks do not exist, or lead back to where they began.
pub(crate) fn check_fallbacks(models: &[Model]) -> Vec<Problem> {
    let known: HashMap<&Name, &Model> = models.iter().map(|model| (&model.name, model)).collect();
    let mut problems = Vec::new();
    for model in models {
        for (list, names) in model.fallback.lists() {
            for name in names.iter().filter(|name| !known.contains_key(name)) {
                let at = format!("models.{}.fallback.{list}", model.name);
                problems.push(Problem::new(
                    at,
                    format!("there is no model `{name}`; add `[[models]]` with this name"),
                ));
            }
        }
        // Everything that can be reached from it, each once.
        let next = |model: &Model| -> Vec<Name> {
            model.fallback.lists().iter().flat_map(|(_, names)| names.iter().cloned()).collect()
        };
        let mut open = next(model);
        let mut seen: Vec<Name> = Vec::new();
        while let Some(name) = open.pop() {
            if name == model.name {
                let message =
                    format!("the fallbacks lead back to `{name}`; take it out of one of their lists");
                problems.push(Problem::new(format!("models.{name}.fallback"), message));
                break;
            }
            if !seen.contains(&name) {
                open.extend(known.get(&name).map(|model| next(model)).unwrap_or_default());
                seen.push(name);
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(called: &str, falls: &[&str]) -> Model {
        let name = |text: &str| Name::new(text).unwrap();
        let outage = falls.iter().map(|text| name(text)).collect();
        Model { fallback: Fallback { outage, ..Fallback::default() }, ..Model::new(name(called), Vec::new()) }
    }

    #[test]
    fn fallbacks_exist_and_end() {
        let problems = |models: &[Model]| {
            check_fallbacks(models).into_iter().map(|problem| problem.to_string()).collect::<Vec<_>>()
        };
        assert!(problems(&[model("a", &["b", "c"]), model("b", &["c"]), model("c", &[])]).is_empty());
        let found = problems(&[model("a", &["b"]), model("b", &["c"]), model("c", &["b", "nobody"])]);
        assert!(found.iter().any(|problem| problem.contains("`nobody`")), "{found:?}");
        let back =
            |name: &str| found.iter().any(|problem| problem.contains(&format!("lead back to `{name}`")));
        assert!(back("b") && back("c") && !back("a"), "{found:?}");
        assert!(problems(&[model("a", &["a"])])[0].contains("lead back"));
    }
}
