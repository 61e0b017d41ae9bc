//! Leaves a deployment alone that keeps failing, and tries it again with one call at a time.
//!
//! What counts as a failure is decided elsewhere (`class.rs`): only what is the provider's fault.

use portcullis_model::Timestamp;
use portcullis_model::provider::Breaker as Rule;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls of so long are looked at together, and so many are enough for a judgement.
const WINDOW: Duration = Duration::from_secs(10);
const ENOUGH: u32 = 20;
/// How often the time doubles while probes fail.
const DOUBLINGS: u32 = 3;

/// A breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    window: Option<Timestamp>,
    calls: u32,
    failed: u32,
    open: Option<Open>,
    probing: bool,
}

#[derive(Debug)]
struct Open {
    until: Timestamp,
    why: Arc<str>,
    /// Failed probes so far.
    times: u32,
}

/// How a breaker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Calls go there.
    Closed,
    /// One call may go there, and decides.
    HalfOpen,
    /// None does, until then; what it failed with.
    Open(Timestamp, Arc<str>),
}

/// What a failure or a success changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened,
    Closed,
}

impl Breaker {
    /// How it stands at `now`; changes nothing.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        self.state(|state| state.standing(now))
    }

    /// Failures in a row.
    pub(crate) fn in_a_row(&self) -> u32 {
        self.state(|state| state.in_a_row)
    }

    /// May a call be made? `Some(true)`: as the one that decides, which says so when it is over ([`Breaker::probe_ended`]).
    pub(crate) fn admit(&self, now: Timestamp) -> Option<bool> {
        self.state(|state| match state.standing(now) {
            Standing::Closed => Some(false),
            Standing::HalfOpen => {
                state.probing = true;
                Some(true)
            }
            Standing::Open(..) => None,
        })
    }

    /// A call went well. While it is open, only a probe's word counts: others were on their way since before.
    pub(crate) fn succeeded(&self, now: Timestamp, probe: bool) -> Change {
        self.state(|state| {
            if state.open.is_some() {
                if !probe {
                    return Change::None;
                }
                *state = State::default();
                return Change::Closed;
            }
            state.in_a_row = 0;
            state.count(now, false);
            Change::None
        })
    }

    /// A call failed.
    pub(crate) fn failed(&self, now: Timestamp, probe: bool, rule: Rule, why: &str) -> Change {
        if rule.failures == 0 {
            return Change::None;
        }
        self.state(|state| {
            state.in_a_row = state.in_a_row.saturating_add(1);
            if let Some(open) = &mut state.open {
                if probe {
                    open.times = (open.times + 1).min(DOUBLINGS);
                    open.until = now.plus(rule.open.0.saturating_mul(1 << open.times));
                    open.why = why.into();
                }
                return Change::None;
            }
            state.count(now, true);
            let many = state.calls >= ENOUGH && state.failed.saturating_mul(2) >= state.calls;
            if state.in_a_row < rule.failures && !many {
                return Change::None;
            }
            state.open = Some(Open { until: now.plus(rule.open.0), why: why.into(), times: 0 });
            Change::Opened
        })
    }

    /// The deciding call is over, whether or not it said how it went.
    pub(crate) fn probe_ended(&self) {
        self.state(|state| state.probing = false);
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn standing(&self, now: Timestamp) -> Standing {
        match &self.open {
            None => Standing::Closed,
            Some(open) if open.until <= now && !self.probing => Standing::HalfOpen,
            // While a probe is out, a moment is worth waiting for.
            Some(open) => Standing::Open(open.until.max(now.plus(Duration::from_secs(1))), open.why.clone()),
        }
    }

    fn count(&mut self, now: Timestamp, failed: bool) {
        if self.window.is_none_or(|start| now.since(start) >= WINDOW) {
            (self.window, self.calls, self.failed) = (Some(now), 0, 0);
        }
        self.calls = self.calls.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::Span;

    const RULE: Rule = Rule { failures: 3, open: Span::seconds(10) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn opens_probes_one_at_a_time_and_closes() {
        let breaker = Breaker::default();
        breaker.failed(at(0), false, RULE, "down");
        breaker.failed(at(0), false, RULE, "down");
        breaker.succeeded(at(0), false);
        breaker.failed(at(0), false, RULE, "down");
        breaker.failed(at(0), false, RULE, "down");
        assert_eq!(breaker.admit(at(0)), Some(false), "not three in a row");
        assert_eq!(breaker.failed(at(0), false, RULE, "down"), Change::Opened);
        assert_eq!(breaker.standing(at(1)), Standing::Open(at(10), "down".into()));
        // Late words of calls from before change nothing.
        assert_eq!(breaker.succeeded(at(2), false), Change::None);
        breaker.failed(at(9), false, RULE, "late");
        assert_eq!(breaker.admit(at(9)), None);
        assert_eq!(breaker.admit(at(10)), Some(true));
        assert_eq!(breaker.admit(at(10)), None, "one at a time");
        breaker.failed(at(11), true, RULE, "still down");
        breaker.probe_ended();
        assert_eq!(breaker.standing(at(12)), Standing::Open(at(31), "still down".into()), "twice the time");
        assert_eq!(breaker.admit(at(31)), Some(true));
        // A probe that was dropped says nothing, and the next one may go.
        breaker.probe_ended();
        assert_eq!(breaker.admit(at(31)), Some(true));
        assert_eq!(breaker.succeeded(at(32), true), Change::Closed);
        breaker.probe_ended();
        assert_eq!((breaker.admit(at(32)), breaker.in_a_row()), (Some(false), 0));
    }

    #[test]
    fn half_of_many_is_enough() {
        let breaker = Breaker::default();
        let mut opened = false;
        for _ in 0..10 {
            breaker.succeeded(at(0), false);
            opened |= breaker.failed(at(0), false, RULE, "flaky") == Change::Opened;
        }
        assert!(opened);
        let breaker = Breaker::default();
        for second in 0..100 {
            breaker.succeeded(at(second), false);
            breaker.failed(at(second), false, RULE, "flaky");
        }
        assert_ne!(breaker.standing(at(100)), Standing::Closed);
    }

    #[test]
    fn zero_is_never() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(at(0), false, Rule { failures: 0, ..RULE }, "down");
        }
        assert_eq!(breaker.standing(at(0)), Standing::Closed);
    }
}
