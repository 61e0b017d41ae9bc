//! The keys of one source, as they are now: the one place that decides when to fetch.
//!
//! The rules, from the callers' side:
//! - A set is believed for its life, and past it for the issuer's `stale` bound while it cannot be refreshed.
//! - A `kid` that is not in the set is refused as unknown only when a fetch that began after this very token first
//!   arrived lacks it. Strangers can make the ring fetch once per ten seconds for that, and once per ten seconds for a
//!   signature that does not match; who comes in between waits for up to a second and is then asked to come again.
//! - What is fetched and is no good set changes nothing.

use super::{Fetch, Fetched, Served};
use crate::metric;
use arc_swap::ArcSwapOption;
use portcullis_jose::{Alg, KeySet};
use portcullis_model::{Clock, Name, Timestamp};
use quick_cache::sync::Cache;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// How long a call waits for a fetch.
const PATIENCE: Duration = Duration::from_secs(1);
/// For metadata and key set together, whatever the way out allows.
const FETCH_LIMIT: Duration = Duration::from_secs(12);
/// After a failure: one second, doubling up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Previous sets that are remembered.
const HISTORY: usize = 8;
/// Tokens with unknown keys that are remembered, with when they first came.
const ARRIVALS: usize = 4_096;
/// After this a token counts as new: its key may have been published meanwhile.
const ARRIVAL_LIFE: Duration = Duration::from_secs(60);

/// A set of keys in use.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Another number for other keys; unique in the process. The same when a fetch brought the same keys.
    pub version: u64,
    /// The keys.
    pub set: KeySet,
    /// One key was configured by hand: a token's `kid` does not choose.
    pub only: bool,
    /// The fetch that last confirmed the set.
    number: u64,
    began_at: Timestamp,
    refresh_at: Timestamp,
    fresh_until: Timestamp,
}

impl Keys {
    /// The keys that could have signed a token with this header.
    pub fn candidates<'k>(
        &'k self,
        kid: Option<&'k str>,
        alg: Alg,
    ) -> impl Iterator<Item = &'k portcullis_jose::VerifyingKey> {
        self.set.candidates(kid.filter(|_| !self.only), alg)
    }

    fn knows(&self, kid: Option<&str>) -> bool {
        match kid {
            Some(kid) if !self.only => self.set.has(kid),
            _ => !self.set.is_empty(),
        }
    }
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The issuer does not publish it.
    Unknown {
        /// For the record.
        context: &'static str,
    },
    /// It cannot be known at the moment.
    Unavailable {
        /// For the record.
        reason: String,
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// What a ring is made of.
pub(crate) struct RingParts {
    pub issuer: Name,
    pub clock: Arc<dyn Clock>,
    pub tasks: TaskTracker,
    /// Numbers for versions, shared by all rings.
    pub versions: Arc<AtomicU64>,
    /// How often strangers can make it fetch; zero for files.
    pub ration: Duration,
}

/// The keys of one source.
pub(crate) struct Ring {
    parts: RingParts,
    source: Option<Arc<dyn Fetch>>,
    current: ArcSwapOption<Keys>,
    state: Mutex<State>,
    done: watch::Sender<u64>,
    arrivals: Cache<[u8; 32], (u64, Timestamp)>,
}

#[derive(Default)]
struct State {
    /// Fetches begun.
    begun: u64,
    in_flight: bool,
    unknown_kid_at: Option<Timestamp>,
    bad_signature_at: Option<Timestamp>,
    failures: u32,
    retry_at: Option<Timestamp>,
    last_error: Option<String>,
    history: VecDeque<(Timestamp, Arc<Keys>)>,
}

/// What a fetch is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Refresh,
    First,
    UnknownKid,
    BadSignature,
}

enum Begun {
    Flying,
    Denied(Duration),
}

impl Ring {
    /// A ring whose keys are fetched.
    pub fn fetched(parts: RingParts, source: Arc<dyn Fetch>) -> Arc<Self> {
        Arc::new(Self::new(parts, Some(source)))
    }

    /// A ring whose keys were configured. With `only`, they are tried whatever `kid` a token names.
    pub fn fixed(parts: RingParts, set: KeySet, only: bool) -> Arc<Self> {
        let ring = Self::new(parts, None);
        let end = Timestamp::from_micros(i64::MAX);
        let began_at = ring.parts.clock.now();
        let version = ring.parts.versions.fetch_add(1, Ordering::Relaxed);
        ring.current.store(Some(Arc::new(Keys {
            version,
            set,
            only,
            number: 0,
            began_at,
            refresh_at: end,
            fresh_until: end,
        })));
        Arc::new(ring)
    }

    fn new(parts: RingParts, source: Option<Arc<dyn Fetch>>) -> Self {
        Self {
            parts,
            source,
            current: ArcSwapOption::empty(),
            state: Mutex::default(),
            done: watch::Sender::new(0),
            arrivals: Cache::new(ARRIVALS),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set in use, if it may still be believed. Starts a refresh when one is due, and waits for nothing.
    pub fn current(self: &Arc<Self>, now: Timestamp, stale: Duration, live: bool) -> Option<Arc<Keys>> {
        let keys = self.current.load_full()?;
        if live && now >= keys.refresh_at {
            self.begin(Need::Refresh, now);
        }
        (now < keys.fresh_until.plus(stale)).then_some(keys)
    }

    /// Starts a refresh when one is due; reports age. To be called about once a second.
    pub fn tick(self: &Arc<Self>, now: Timestamp) {
        match self.current.load_full() {
            Some(keys) => {
                if now >= keys.refresh_at {
                    self.begin(Need::Refresh, now);
                }
                if self.source.is_some() {
                    let age = now.since(keys.began_at).as_secs_f64();
                    metric::key_set(
                        &self.parts.issuer.shared(),
                        age,
                        now >= keys.fresh_until,
                        keys.set.len(),
                    );
                }
            }
            None => {
                self.begin(Need::First, now);
            }
        }
    }

    /// The set in use; the first caller of all waits for the first fetch.
    async fn set(
        self: &Arc<Self>,
        stale: Duration,
        live: bool,
        deadline: Instant,
    ) -> Result<Arc<Keys>, Missing> {
        loop {
            let now = self.parts.clock.now();
            if let Some(keys) = self.current(now, stale, live) {
                return Ok(keys);
            }
            if !live {
                return Err(self.unavailable("no key set is at hand", Duration::from_secs(1)));
            }
            let mut done = self.done.subscribe();
            match self.begin(Need::First, now) {
                Begun::Flying if tokio::time::timeout_at(deadline, done.changed()).await.is_ok() => {}
                Begun::Flying => {
                    return Err(self.unavailable("the issuer has not answered yet", Duration::from_secs(1)));
                }
                Begun::Denied(pause) => self.pause(pause, deadline).await?,
            }
        }
    }

    /// A set with a key for a token with this header. `digest`, of its signing input, tells it from other tokens.
    pub async fn keys_for(
        self: &Arc<Self>,
        kid: Option<&str>,
        digest: &[u8; 32],
        stale: Duration,
        live: bool,
    ) -> Result<Arc<Keys>, Missing> {
        let deadline = Instant::now() + PATIENCE;
        let mut keys = self.set(stale, live, deadline).await?;
        if keys.knows(kid) {
            return Ok(keys);
        }
        if self.source.is_none() {
            return Err(Missing::Unknown { context: "the configured keys do not have it" });
        }
        if !live {
            return Err(Missing::Unknown {
                context: "the set at hand lacks it, and none was fetched to explain this",
            });
        }
        let arrived = self.arrival(digest);
        loop {
            if keys.number > arrived {
                return Err(Missing::Unknown { context: "a set fetched after this token arrived lacks it" });
            }
            let mut done = self.done.subscribe();
            match self.begin(Need::UnknownKid, self.parts.clock.now()) {
                Begun::Flying if tokio::time::timeout_at(deadline, done.changed()).await.is_ok() => {}
                Begun::Flying => {
                    return Err(self.unavailable("the issuer has not answered yet", Duration::from_secs(1)));
                }
                // It was published once and is no longer, and that was looked at a moment ago.
                Begun::Denied(_) if kid.is_some_and(|kid| self.was_published(kid)) => {
                    return Err(Missing::Unknown {
                        context: "the issuer published it before and no longer does",
                    });
                }
                Begun::Denied(pause) => self.pause(pause, deadline).await?,
            }
            keys = self.set(stale, live, deadline).await?;
            if keys.knows(kid) {
                return Ok(keys);
            }
        }
    }

    /// After a signature did not match any candidate of `keys`: another set, if the issuer has one by now.
    pub async fn after_mismatch(
        self: &Arc<Self>,
        keys: &Keys,
        stale: Duration,
        live: bool,
    ) -> Option<Arc<Keys>> {
        if !live || self.source.is_none() {
            return None;
        }
        let mut done = self.done.subscribe();
        let now = self.parts.clock.now();
        if let Begun::Flying = self.begin(Need::BadSignature, now) {
            tokio::time::timeout(PATIENCE, done.changed()).await.ok()?.ok()?;
        }
        self.current(now, stale, false).filter(|other| other.version != keys.version)
    }

    /// Waits until a fetch may be made, if that is within the caller's patience.
    async fn pause(&self, pause: Duration, deadline: Instant) -> Result<(), Missing> {
        if Instant::now() + pause > deadline {
            return Err(self.unavailable("the key set was asked for a moment ago", pause));
        }
        // At least a little, so that a clock that stands still does not make this spin.
        tokio::time::sleep(pause.max(Duration::from_millis(10))).await;
        Ok(())
    }

    fn unavailable(&self, what: &str, retry_after: Duration) -> Missing {
        let reason = match &self.state().last_error {
            Some(error) => format!("{what}; the last attempt failed: {error}"),
            None => what.to_owned(),
        };
        Missing::Unavailable { reason, retry_after }
    }

    /// How many fetches had begun when this token first came.
    fn arrival(&self, digest: &[u8; 32]) -> u64 {
        let now = self.parts.clock.now();
        if let Some((begun, at)) = self.arrivals.get(digest)
            && now.since(at) < ARRIVAL_LIFE
        {
            return begun;
        }
        let begun = self.state().begun;
        self.arrivals.insert(*digest, (begun, now));
        begun
    }

    fn was_published(&self, kid: &str) -> bool {
        self.state().history.iter().any(|(_, keys)| keys.set.has(kid))
    }

    /// Starts a fetch, or joins the one under way, if `need` allows it now.
    fn begin(self: &Arc<Self>, need: Need, now: Timestamp) -> Begun {
        let Some(source) = &self.source else { return Begun::Denied(LONGEST_PAUSE) };
        let mut state = self.state();
        if state.in_flight {
            return Begun::Flying;
        }
        if let Some(wait) = state.retry_at.map(|at| at.since(now)).filter(|wait| !wait.is_zero()) {
            return Begun::Denied(wait);
        }
        let ration = self.parts.ration;
        let budget = match need {
            Need::Refresh | Need::First => None,
            Need::UnknownKid => Some(&mut state.unknown_kid_at),
            Need::BadSignature => Some(&mut state.bad_signature_at),
        };
        if let Some(last) = budget {
            if let Some(wait) = last.map(|at| at.plus(ration).since(now)).filter(|wait| !wait.is_zero()) {
                return Begun::Denied(wait);
            }
            *last = Some(now);
        }
        state.in_flight = true;
        state.begun += 1;
        let number = state.begun;
        drop(state);
        let again = self.current.load().is_some();
        let (landing, source) =
            (Landing { ring: self.clone(), number, began_at: now, landed: false }, source.clone());
        self.parts.tasks.spawn(async move {
            let result = tokio::time::timeout(FETCH_LIMIT, source.fetch(again)).await;
            landing
                .land(result.unwrap_or_else(|_| {
                    Err(format!("no answer in full within {} s", FETCH_LIMIT.as_secs()))
                }));
        });
        Begun::Flying
    }

    fn landed(&self, number: u64, began_at: Timestamp, result: Result<Fetched, String>) {
        let issuer = self.parts.issuer.as_str();
        let now = self.parts.clock.now();
        let previous = self.current.load_full();
        let mut state = self.state();
        let (version, set, life) = match (result, &previous) {
            (Ok(Fetched::Same(life)), Some(keys)) => (keys.version, keys.set.clone(), life),
            (Ok(Fetched::Keys(set, life)), Some(keys)) if same(&keys.set, &set) => {
                (keys.version, keys.set.clone(), life)
            }
            (Ok(Fetched::Keys(set, life)), _) => {
                (self.parts.versions.fetch_add(1, Ordering::Relaxed), set, life)
            }
            (Ok(Fetched::Same(_)), None) => {
                let error = "it answered that nothing has changed, and nothing was there before";
                return self.failed(&mut state, now, error.to_owned());
            }
            (Err(error), _) => return self.failed(&mut state, now, error),
        };
        if state.failures > 0 {
            tracing::info!(issuer, "the issuer's keys can be fetched again");
        }
        (state.failures, state.retry_at, state.last_error) = (0, None, None);
        let changed = previous.as_ref().is_none_or(|keys| keys.version != version);
        metric::fetched(issuer, if changed { "changed" } else { "unchanged" });
        if changed {
            let kids: Vec<_> = set.iter().map(|key| key.kid().unwrap_or("none")).collect();
            tracing::info!(issuer, version, ?kids, "the issuer has a new key set");
            if let Some(keys) = previous {
                state.history.push_front((now, keys));
                state.history.truncate(HISTORY);
            }
        }
        let keys = Keys {
            version,
            set,
            only: false,
            number,
            began_at,
            // Life counts from when the question was asked; nodes that started together drift apart.
            refresh_at: began_at.plus(life.mul_f64(0.65 + 0.1 * spread(issuer, number))),
            fresh_until: began_at.plus(life),
        };
        // Within the lock, so that an older fetch cannot overwrite a newer one.
        self.current.store(Some(Arc::new(keys)));
    }

    fn failed(&self, state: &mut State, now: Timestamp, error: String) {
        let issuer = self.parts.issuer.as_str();
        state.failures = state.failures.saturating_add(1);
        // A file is looked at again in a second; whoever runs the issuer's server is given time.
        let doublings = if self.parts.ration.is_zero() { 0 } else { (state.failures - 1).min(5) };
        state.retry_at = Some(now.plus(Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)));
        if state.last_error.as_ref() != Some(&error) {
            tracing::warn!(issuer, error, "the issuer's keys could not be fetched");
        }
        state.last_error = Some(error);
        metric::fetched(issuer, "failed");
    }

    /// The sets before the current one, latest first, and the state of the source: for the doctor.
    pub fn facts(&self) -> KeySetFacts {
        let state = self.state();
        let current = self.current.load_full();
        KeySetFacts {
            issuer: self.parts.issuer.clone(),
            keys: current.as_ref().map(|keys| keys.set.clone()),
            fetched_at: current.as_ref().map(|keys| keys.began_at),
            fresh_until: current.as_ref().map(|keys| keys.fresh_until),
            last_error: state.last_error.clone(),
            served: self.source.as_ref().and_then(|source| source.served()).unwrap_or_default(),
            history: state
                .history
                .iter()
                .map(|(at, keys)| History { replaced_at: *at, keys: keys.set.clone() })
                .collect(),
        }
    }
}

/// A fetch under way. However it ends, the next may begin.
struct Landing {
    ring: Arc<Ring>,
    number: u64,
    began_at: Timestamp,
    landed: bool,
}

impl Landing {
    fn land(mut self, result: Result<Fetched, String>) {
        self.ring.landed(self.number, self.began_at, result);
        self.landed = true;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.landed {
            self.ring.landed(self.number, self.began_at, Err("the fetch was abandoned".to_owned()));
        }
        self.ring.state().in_flight = false;
        self.ring.done.send_replace(self.number);
    }
}

/// Whether two sets have the same keys under the same ids.
fn same(a: &KeySet, b: &KeySet) -> bool {
    let is_in = |set: &KeySet, key: &portcullis_jose::VerifyingKey| {
        set.iter().any(|other| {
            (other.kid(), other.thumbprint(), other.accepts()) == (key.kid(), key.thumbprint(), key.accepts())
        })
    };
    a.len() == b.len() && a.iter().all(|key| is_in(b, key)) && b.iter().all(|key| is_in(a, key))
}

/// A number from 0 to 1 that differs between issuers and fetches.
fn spread(issuer: &str, number: u64) -> f64 {
    let hash = issuer.bytes().fold(number ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    #[expect(clippy::cast_precision_loss, reason = "ten bits")]
    let tenths = ((hash >> 32) % 1_024) as f64;
    tenths / 1_024.0
}

/// The state of an issuer's keys.
#[derive(Clone, Debug)]
pub struct KeySetFacts {
    /// The issuer's name.
    pub issuer: Name,
    /// The set in use.
    pub keys: Option<KeySet>,
    /// When it was last confirmed.
    pub fetched_at: Option<Timestamp>,
    /// Until when it needs no confirmation.
    pub fresh_until: Option<Timestamp>,
    /// What the last attempt failed with, if it did.
    pub last_error: Option<String>,
    /// What its server said beside the keys when it last answered.
    pub served: Served,
    /// The sets before, latest first.
    pub history: Vec<History>,
}

/// A set that is no longer in use.
#[derive(Clone, Debug)]
pub struct History {
    /// When another took its place.
    pub replaced_at: Timestamp,
    /// Its keys.
    pub keys: KeySet,
}
