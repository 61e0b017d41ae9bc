//! Leaves a source alone that keeps failing, and tries it again with one call at a time.

use portcullis_model::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// After so many failures in a row nothing is asked for a while; then one call is let through, and its outcome decides.
pub(crate) struct Breaker {
    failures: u32,
    open: Duration,
    state: Mutex<State>,
    gauge: metrics::Gauge,
    /// Whose it is, for the log.
    source: String,
}

#[derive(Default)]
struct State {
    in_a_row: u32,
    /// While open: until when, and why.
    open: Option<(Timestamp, Arc<str>)>,
    probing: bool,
}

/// Whether a call may be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Yes.
    Closed,
    /// Yes, as the one that decides.
    Probe,
    /// No.
    Open {
        /// What it failed with last.
        reason: Arc<str>,
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

impl Breaker {
    /// `failures` in a row open it for `open`.
    pub fn new(source: impl Into<String>, failures: u32, open: Duration) -> Self {
        let source = source.into();
        let gauge = metrics::gauge!("portcullis_resolution_breaker_open", "source" => source.clone());
        gauge.set(0.0);
        Self { failures: failures.max(1), open, state: Mutex::default(), gauge, source }
    }

    /// May a call be made at `now`?
    pub fn admit(&self, now: Timestamp) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((until, reason)) = &state.open else { return Admission::Closed };
        let wait = until.since(now);
        if wait.is_zero() && !state.probing {
            state.probing = true;
            return Admission::Probe;
        }
        Admission::Open { reason: reason.clone(), retry_after: wait.max(Duration::from_secs(1)) }
    }

    /// How it stands, for whoever explains: failures in a row, and while it is open, until when and why.
    pub fn state(&self) -> (u32, Option<(Timestamp, Arc<str>)>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.in_a_row, state.open.clone())
    }

    /// A call went well.
    pub fn succeeded(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_a_row = 0;
        if state.open.take().is_some() {
            self.gauge.set(0.0);
            tracing::info!(source = self.source, "the directory answers again");
        }
    }

    /// A call failed at `now`; returns when it is worth trying again.
    pub fn failed(&self, now: Timestamp, reason: &str) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_a_row = state.in_a_row.saturating_add(1);
        if state.in_a_row < self.failures {
            return Duration::from_secs(1);
        }
        if state.open.is_none() {
            tracing::error!(
                source = self.source,
                reason,
                failures = state.in_a_row,
                "the directory keeps failing and is left alone for a while"
            );
        }
        state.open = Some((now.plus(self.open), reason.into()));
        self.gauge.set(1.0);
        self.open.max(Duration::from_secs(1))
    }

    /// The deciding call is over, whether or not it said how it went.
    pub fn probe_ended(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn opens_probes_and_closes() {
        let breaker = Breaker::new("test", 2, Duration::from_secs(5));
        breaker.failed(at(0), "down");
        assert_eq!(breaker.admit(at(0)), Admission::Closed);
        breaker.succeeded();
        breaker.failed(at(0), "down");
        assert_eq!(breaker.admit(at(0)), Admission::Closed, "not in a row");
        breaker.failed(at(0), "down");
        let refused =
            |after| Admission::Open { reason: "down".into(), retry_after: Duration::from_secs(after) };
        assert_eq!(breaker.admit(at(1)), refused(4));
        assert_eq!(breaker.admit(at(5)), Admission::Probe);
        assert_eq!(breaker.admit(at(5)), refused(1), "one at a time");
        breaker.failed(at(6), "down");
        breaker.probe_ended();
        assert_eq!(breaker.admit(at(10)), refused(1));
        assert_eq!(breaker.admit(at(11)), Admission::Probe);
        breaker.succeeded();
        breaker.probe_ended();
        assert_eq!(breaker.admit(at(11)), Admission::Closed);
    }
}
