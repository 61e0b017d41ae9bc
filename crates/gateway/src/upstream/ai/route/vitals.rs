//! What lives longer than a configuration: how deployments and keys are doing. A change of one model does not close the
//! breakers of the others, nor use keys that are to rest.

use super::breaker::{Breaker, Change};
use super::class::Class;
use super::keys::Rest;
use super::pace::Pace;
use crate::upstream::google::Tokens;
use metrics::{Counter, Gauge, Histogram};
use portcullis_model::provider;
use portcullis_model::{Name, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a deployment is doing.
#[derive(Debug)]
pub(crate) struct Vitals {
    provider: Name,
    model: Name,
    pub(crate) breaker: Breaker,
    pub(crate) pace: Pace,
    under_way: AtomicU32,
    calls: Counter,
    first_byte: Histogram,
    busy: Gauge,
    open: Gauge,
}

impl Vitals {
    fn new(provider: &Name, model: &Name) -> Self {
        let labels = || [("provider", provider.to_string()), ("deployment", model.to_string())];
        let open = metrics::gauge!("portcullis_ai_breaker_open", &labels());
        open.set(0.0);
        Self {
            provider: provider.clone(),
            model: model.clone(),
            breaker: Breaker::default(),
            pace: Pace::default(),
            under_way: AtomicU32::new(0),
            calls: metrics::counter!("portcullis_ai_calls_total", &labels()),
            first_byte: metrics::histogram!("portcullis_ai_first_byte_seconds", &labels()),
            busy: metrics::gauge!("portcullis_ai_calls_under_way", &labels()),
            open,
        }
    }

    /// Calls under way.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// A call begins, if the breaker lets it.
    pub(crate) fn begin(self: &Arc<Self>, rule: provider::Breaker, now: Timestamp) -> Option<Busy> {
        let probe = self.breaker.admit(now)?;
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.calls.increment(1);
        self.busy.increment(1.0);
        Some(Busy { vitals: self.clone(), rule, probe })
    }
}

/// A call under way at a deployment, until its answer has ended.
#[derive(Debug)]
pub(crate) struct Busy {
    vitals: Arc<Vitals>,
    rule: provider::Breaker,
    probe: bool,
}

impl Busy {
    /// Its answer began, `took` after it was sent.
    pub(crate) fn answered(&mut self, took: Duration, now: Timestamp) {
        self.vitals.first_byte.record(took);
        self.vitals.pace.took(took, now);
        self.lives(now);
    }

    /// The provider is there, whatever it said.
    pub(crate) fn lives(&mut self, now: Timestamp) {
        if self.vitals.breaker.succeeded(now, self.probe) == Change::Closed {
            self.vitals.open.set(0.0);
            let Vitals { provider, model, .. } = &*self.vitals;
            tracing::info!(%provider, deployment = %model, "the deployment answers again");
        }
        self.probe_ended();
    }

    /// It failed; `answered`: in the provider's own words, so that it is there.
    pub(crate) fn failed(&mut self, class: Class, answered: bool, why: &str, now: Timestamp) {
        let vitals = &*self.vitals;
        metrics::counter!("portcullis_ai_failures_total",
            "provider" => vitals.provider.to_string(), "deployment" => vitals.model.to_string(), "class" => class.as_str())
        .increment(1);
        if !class.is_the_providers_fault() {
            // What was never sent says nothing about whoever would have got it.
            if answered {
                self.lives(now);
            }
            return self.probe_ended();
        }
        if vitals.breaker.failed(now, self.probe, self.rule, why) == Change::Opened {
            vitals.open.set(1.0);
            let (provider, deployment) = (&vitals.provider, &vitals.model);
            let failures = vitals.breaker.in_a_row();
            tracing::warn!(%provider, %deployment, why, failures, "the deployment keeps failing and is left alone for a while");
        }
        self.probe_ended();
    }

    fn probe_ended(&mut self) {
        if std::mem::take(&mut self.probe) {
            self.vitals.breaker.probe_ended();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.probe_ended();
        self.vitals.under_way.fetch_sub(1, Ordering::Relaxed);
        self.vitals.busy.decrement(1.0);
    }
}

/// How everything is doing, by what it is.
#[derive(Debug, Default)]
pub(crate) struct Health {
    deployments: Mutex<HashMap<(Name, Name, String), Arc<Vitals>>>,
    keys: Mutex<HashMap<(Name, u64), Arc<Rest>>>,
    tokens: Mutex<HashMap<(Name, u64), Arc<Tokens>>>,
}

impl Health {
    /// Of the deployment of `model` at `provider`, whose place is `base`: at another place it is another one.
    pub(crate) fn deployment(&self, provider: &Name, model: &Name, base: &str) -> Arc<Vitals> {
        find(&self.deployments, (provider.clone(), model.clone(), base.to_owned()), || {
            Vitals::new(provider, model)
        })
    }

    /// Of a key of `provider`, by a digest of it.
    pub(crate) fn key(&self, provider: &Name, digest: u64) -> Arc<Rest> {
        find(&self.keys, (provider.clone(), digest), Rest::default)
    }

    /// The tokens of an account at `provider`, by a digest of its credentials and of how it is reached.
    pub(crate) fn tokens(&self, provider: &Name, digest: u64, make: impl FnOnce() -> Tokens) -> Arc<Tokens> {
        find(&self.tokens, (provider.clone(), digest), make)
    }

    /// Forgets what no configuration and no call refers to any more.
    pub(crate) fn sweep(&self) {
        forget(&self.deployments);
        forget(&self.keys);
        forget(&self.tokens);
    }
}

fn forget<K: Eq + Hash, V>(known: &Mutex<HashMap<K, Arc<V>>>) {
    known.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, value| Arc::strong_count(value) > 1);
}

fn find<K: Eq + Hash, V>(known: &Mutex<HashMap<K, Arc<V>>>, key: K, make: impl FnOnce() -> V) -> Arc<V> {
    known
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(key)
        .or_insert_with(|| Arc::new(make()))
        .clone()
}

/// Says what the metrics are.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "portcullis_ai_calls_total",
        "calls sent to a deployment, attempts that failed among them"
    );
    metrics::describe_counter!(
        "portcullis_ai_failures_total",
        "calls that a deployment did not answer, by why"
    );
    metrics::describe_counter!(
        "portcullis_ai_hedges_total",
        "calls for which a deployment was asked as the second beside a silent one, by whether it was heard: won, lost, failed"
    );
    metrics::describe_gauge!("portcullis_ai_calls_under_way", "calls under way at a deployment");
    metrics::describe_gauge!(
        "portcullis_ai_breaker_open",
        "1 while a deployment is left alone because it keeps failing"
    );
    metrics::describe_histogram!(
        "portcullis_ai_first_byte_seconds",
        metrics::Unit::Seconds,
        "from sending a call to a deployment until its answer begins"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often a configuration changes, only what is in use is kept, and that as it was.
    #[test]
    fn what_nobody_refers_to_is_forgotten() {
        let health = Health::default();
        let name = |text: &str| Name::new(text).unwrap();
        let kept = health.deployment(&name("p"), &name("m"), "https://a.example");
        let rule = provider::Breaker { failures: 1, ..provider::Breaker::default() };
        kept.breaker.failed(Timestamp::from_seconds(0), false, rule, "down");
        for number in 0..1_000 {
            drop(health.deployment(&name("p"), &name(&format!("m{number}")), "https://a.example"));
            drop(health.key(&name("p"), number));
            health.sweep();
        }
        let known = |map: &Mutex<HashMap<_, Arc<Vitals>>>| map.lock().unwrap().len();
        assert_eq!((known(&health.deployments), health.keys.lock().unwrap().len()), (1, 0));
        let again = health.deployment(&name("p"), &name("m"), "https://a.example");
        assert_eq!((Arc::ptr_eq(&kept, &again), again.breaker.in_a_row()), (true, 1));
        // At another place it is another one.
        assert!(!Arc::ptr_eq(&kept, &health.deployment(&name("p"), &name("m"), "https://b.example")));
    }
}
