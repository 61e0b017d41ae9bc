//! Questions to the directory, asked once and remembered for a while: the cache in front of it, one look-up in flight
//! per key, a bound on how many wait, a breaker, and prompt invalidation.
//!
//! A hit is synchronous, takes no lock that a look-up holds, and allocates nothing. Every answer carries tags (the ids
//! of the records it depends on); a directory event that names one makes the answer invalid at once, also when the
//! look-up was under way while the event happened.

mod invalidation;

pub(crate) use invalidation::{Invalidate, Invalidation, Seen, Tags};

use crate::breaker::{Admission, Breaker};
use crate::metric;
use futures_util::future::BoxFuture;
use portcullis_model::Timestamp;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// From where an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// From memory, within its time.
    Cached,
    /// The directory was asked.
    Asked,
    /// From memory, past its time, because the directory cannot be asked.
    Stale,
}

impl Freshness {
    /// As shown in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Asked => "asked",
            Self::Stale => "stale",
        }
    }
}

/// Bounds and times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Answers kept.
    pub capacity: usize,
    /// Look-ups under way.
    pub queue: usize,
    /// For one look-up.
    pub timeout: Duration,
    /// How long a positive answer is believed.
    pub positive: Duration,
    /// How long any other is.
    pub negative: Duration,
    /// How long past its time a positive answer is believed while the directory cannot be asked.
    pub stale: Duration,
}

/// The longest that any answer is believed while the event stream is lost: a change would not be heard of.
const DEAF: Duration = Duration::from_secs(1);

/// What a look-up found.
pub(crate) struct Found<A> {
    pub answer: A,
    /// Whether the answer lets somebody in.
    pub positive: bool,
    /// The records that it depends on.
    pub tags: Tags,
}

/// The directory could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// Too many look-ups are waiting.
    Overloaded,
    /// It failed, took too long, or failed so often that it is left alone for a while.
    Unavailable {
        /// For the record.
        reason: Arc<str>,
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

impl std::fmt::Display for Unasked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Overloaded => "too many look-ups are waiting",
            Self::Unavailable { reason, .. } => reason,
        })
    }
}

/// An answer in memory.
pub(crate) struct Slot<A> {
    pub answer: A,
    positive: bool,
    loaded_at: Timestamp,
    /// The state of the world before the look-up began.
    epoch: u64,
    births: u64,
    valid: AtomicBool,
}

impl<A: Send + Sync> Invalidate for Slot<A> {
    fn invalidate(&self) {
        self.valid.store(false, Ordering::Release);
    }
}

type Outcome<A> = Result<Arc<Slot<A>>, Unasked>;

/// One kind of question, with its cache.
pub(crate) struct Lookups<K, A> {
    kind: String,
    limits: Limits,
    cache: Cache<K, Arc<Slot<A>>>,
    flights: Mutex<HashMap<K, watch::Receiver<Option<Outcome<A>>>>>,
    shared: Shared,
    counts: metric::Lookups,
}

/// What the kinds of questions to one directory share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub clock: Arc<dyn portcullis_model::Clock>,
    pub invalidation: Arc<Invalidation>,
    pub breaker: Arc<Breaker>,
    pub tasks: TaskTracker,
}

/// How a question is asked; again when the answer was overtaken by an event.
pub(crate) type Ask<A> = Box<dyn Fn() -> BoxFuture<'static, Result<Found<A>, String>> + Send + Sync>;

/// How often an answer that was overtaken by events is asked for again before it is given without being kept.
const ATTEMPTS: usize = 3;

impl<K, A> Lookups<K, A>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Send + Sync + 'static,
{
    pub fn new(kind: impl Into<String>, limits: Limits, shared: Shared) -> Arc<Self> {
        let kind = kind.into();
        Arc::new(Self {
            limits,
            cache: Cache::new(limits.capacity.max(1)),
            flights: Mutex::new(HashMap::new()),
            shared,
            counts: metric::Lookups::new(&kind),
            kind,
        })
    }

    /// The answer in memory, if it may be believed at `now`.
    pub fn cached<Q>(&self, key: &Q, now: Timestamp) -> Option<Arc<Slot<A>>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let slot = self.cache.get(key).filter(|slot| self.is_fresh(slot, now));
        match &slot {
            Some(_) => self.counts.hits.increment(1),
            None => self.counts.misses.increment(1),
        }
        slot
    }

    fn is_fresh(&self, slot: &Slot<A>, now: Timestamp) -> bool {
        let state = self.shared.invalidation.state();
        let mut ttl = if slot.positive { self.limits.positive } else { self.limits.negative };
        if state.deaf {
            ttl = ttl.min(DEAF);
        }
        slot.valid.load(Ordering::Acquire)
            && slot.epoch == state.epoch
            && (slot.positive || slot.births == state.births)
            && now.since(slot.loaded_at) < ttl
    }

    /// The answer in memory, how old it is, and whether it is believed at `now`. Counts for nothing.
    pub fn peeked<Q>(&self, key: &Q, now: Timestamp) -> Option<(Arc<Slot<A>>, Duration, bool)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let slot = self.cache.peek(key)?;
        let (age, believed) = (now.since(slot.loaded_at), self.is_fresh(&slot, now));
        Some((slot, age, believed))
    }

    /// The breaker in front of the directory.
    pub fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    /// Asks the directory, or joins whoever is asking the same. The look-up goes on when the caller goes away.
    pub async fn ask(self: &Arc<Self>, key: K, ask: Ask<A>) -> Result<(Arc<Slot<A>>, Freshness), Unasked> {
        let mut answer = match self.join(key.clone(), ask) {
            Ok(Flight::Landed(slot)) => return Ok((slot, Freshness::Cached)),
            Ok(Flight::Joined(receiver)) => receiver,
            Err(unasked) => return self.or_stale(&key, unasked),
        };
        let outcome = match answer.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            // The task was dropped: the process is shutting down, or the look-up panicked.
            Err(_) => None,
        };
        match outcome {
            Some(Ok(slot)) => Ok((slot, Freshness::Asked)),
            Some(Err(unasked)) => self.or_stale(&key, unasked),
            None => self.or_stale(&key, unavailable("the look-up was abandoned", Duration::from_secs(1))),
        }
    }

    /// Asks without leaving a trace: fills nothing, counts for nothing.
    pub async fn ask_dry(&self, ask: Ask<A>) -> Result<A, Unasked> {
        match tokio::time::timeout(self.limits.timeout, ask()).await {
            Ok(Ok(found)) => Ok(found.answer),
            Ok(Err(reason)) => Err(unavailable(&reason, Duration::from_secs(1))),
            Err(_) => Err(unavailable(&self.too_slow(), Duration::from_secs(1))),
        }
    }

    fn too_slow(&self) -> String {
        format!("the directory did not answer within {} ms", self.limits.timeout.as_millis())
    }

    fn join(self: &Arc<Self>, key: K, ask: Ask<A>) -> Result<Flight<A>, Unasked> {
        let now = self.shared.clock.now();
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = flights.get(&key) {
            return Ok(Flight::Joined(receiver.clone()));
        }
        // Between the caller's miss and this lock another flight may have landed.
        if let Some(slot) = self.cache.peek(&key).filter(|slot| self.is_fresh(slot, now)) {
            return Ok(Flight::Landed(slot));
        }
        if flights.len() >= self.limits.queue {
            self.counts.overloaded.increment(1);
            return Err(Unasked::Overloaded);
        }
        let probe = match self.shared.breaker.admit(now) {
            Admission::Closed => false,
            Admission::Probe => true,
            Admission::Open { reason, retry_after } => {
                return Err(Unasked::Unavailable { reason, retry_after });
            }
        };
        let (sender, receiver) = watch::channel(None);
        flights.insert(key.clone(), receiver.clone());
        drop(flights);
        let this = self.clone();
        self.shared.tasks.spawn(async move {
            let landing = Landing { lookups: this, key, probe };
            let outcome = landing.fly(ask).await;
            drop(landing);
            sender.send_replace(Some(outcome));
        });
        Ok(Flight::Joined(receiver))
    }

    fn or_stale(&self, key: &K, unasked: Unasked) -> Result<(Arc<Slot<A>>, Freshness), Unasked> {
        let limit = self.limits.positive.saturating_add(self.limits.stale);
        let now = self.shared.clock.now();
        let usable = |slot: &Arc<Slot<A>>| {
            // What an event has contradicted is not believed for any longer, however far away the directory is.
            slot.positive && slot.valid.load(Ordering::Acquire) && now.since(slot.loaded_at) < limit
        };
        match self.cache.peek(key).filter(|slot| !self.limits.stale.is_zero() && usable(slot)) {
            Some(slot) => {
                self.counts.stale.increment(1);
                Ok((slot, Freshness::Stale))
            }
            None => Err(unasked),
        }
    }

    fn slot(&self, answer: A, positive: bool, now: Timestamp, seen: &Seen) -> Arc<Slot<A>> {
        Arc::new(Slot {
            answer,
            positive,
            loaded_at: now,
            epoch: seen.epoch,
            births: seen.births,
            valid: AtomicBool::new(true),
        })
    }
}

enum Flight<A> {
    Landed(Arc<Slot<A>>),
    Joined(watch::Receiver<Option<Outcome<A>>>),
}

/// A look-up under way. Gives its place back however it ends, a panic included.
struct Landing<K: Hash + Eq, A> {
    lookups: Arc<Lookups<K, A>>,
    key: K,
    probe: bool,
}

impl<K, A> Landing<K, A>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Send + Sync + 'static,
{
    async fn fly(&self, ask: Ask<A>) -> Outcome<A> {
        let lookups = &self.lookups;
        let shared = &lookups.shared;
        let mut attempt = 1;
        loop {
            let seen = shared.invalidation.look();
            // The answer is as old as the question.
            let asked_at = shared.clock.now();
            let answer = tokio::time::timeout(lookups.limits.timeout, ask()).await;
            let now = shared.clock.now();
            let found = match answer {
                Ok(Ok(found)) => found,
                Ok(Err(reason)) => return Err(self.failed(now, &reason)),
                Err(_) => return Err(self.failed(now, &lookups.too_slow())),
            };
            shared.breaker.succeeded();
            let slot = lookups.slot(found.answer, found.positive, asked_at, &seen);
            if shared.invalidation.register(&slot, &found.tags, &seen) {
                lookups.cache.insert(self.key.clone(), slot.clone());
                return Ok(slot);
            }
            if attempt == ATTEMPTS {
                return Ok(slot);
            }
            attempt += 1;
        }
    }

    fn failed(&self, now: Timestamp, reason: &str) -> Unasked {
        self.lookups.counts.failures.increment(1);
        tracing::warn!(kind = self.lookups.kind, reason, "a look-up in the directory failed");
        let retry_after = self.lookups.shared.breaker.failed(now, reason);
        unavailable(reason, retry_after)
    }
}

impl<K: Hash + Eq, A> Drop for Landing<K, A> {
    fn drop(&mut self) {
        self.lookups.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        if self.probe {
            self.lookups.shared.breaker.probe_ended();
        }
    }
}

fn unavailable(reason: &str, retry_after: Duration) -> Unasked {
    Unasked::Unavailable { reason: reason.into(), retry_after }
}

impl<A> Slot<A> {
    /// An answer that is in no cache.
    pub fn loose(answer: A, loaded_at: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            answer,
            positive: false,
            loaded_at,
            epoch: 0,
            births: 0,
            valid: AtomicBool::new(true),
        })
    }
}
