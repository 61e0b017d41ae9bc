//! What makes remembered answers untrue: events of the directory, and not hearing of them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::watch;
use uuid::Uuid;

/// Ids of the records that an answer depends on: few.
pub(crate) type Tags = Vec<Uuid>;

/// Something that can be made untrue.
pub(crate) trait Invalidate: Send + Sync {
    fn invalidate(&self);
}

/// Tags that were touched are remembered this far back: more than can happen during one look-up.
const RECENT: usize = 8_192;

/// The state that every hit compares itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub epoch: u64,
    pub births: u64,
    pub deaf: bool,
}

/// The state of the world at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub epoch: u64,
    pub births: u64,
    sequence: u64,
}

/// Who depends on what.
pub(crate) struct Invalidation {
    /// Grows when everything must be asked again.
    epoch: AtomicU64,
    /// Grows when somebody may exist who did not: answers that keep somebody out are asked again.
    births: AtomicU64,
    /// The event stream is lost.
    deaf: AtomicBool,
    /// Touches so far. Whoever reads a number sees everything that was touched up to it as invalid.
    sequence: AtomicU64,
    index: Mutex<Index>,
    changes: watch::Sender<u64>,
    capacity: usize,
}

#[derive(Default)]
struct Index {
    recent: VecDeque<(u64, Uuid)>,
    dependants: HashMap<Uuid, Dependants>,
}

/// Who depends on one record. A team's are as many as its members: so they are swept when they have doubled, and not with
/// each that is added.
#[derive(Default)]
struct Dependants {
    all: Vec<Weak<dyn Invalidate>>,
    /// How many there were after the last sweep.
    swept: usize,
}

impl Dependants {
    const FEW: usize = 8;

    fn add(&mut self, one: Weak<dyn Invalidate>) {
        if self.all.len() >= 2 * self.swept.max(Self::FEW) {
            self.sweep();
        }
        self.all.push(one);
    }

    /// Whether anybody is left.
    fn sweep(&mut self) -> bool {
        self.all.retain(|one| one.strong_count() > 0);
        self.swept = self.all.len();
        !self.all.is_empty()
    }
}

impl Invalidation {
    /// For caches that hold about `capacity` answers together.
    pub fn new(capacity: usize) -> Self {
        Self {
            epoch: AtomicU64::new(0),
            births: AtomicU64::new(0),
            deaf: AtomicBool::new(false),
            sequence: AtomicU64::new(0),
            index: Mutex::default(),
            changes: watch::Sender::new(0),
            capacity,
        }
    }

    pub fn state(&self) -> State {
        State {
            epoch: self.epoch.load(Ordering::Acquire),
            births: self.births.load(Ordering::Acquire),
            deaf: self.deaf.load(Ordering::Acquire),
        }
    }

    /// The state of the world, to be taken before anything is believed of it.
    pub fn look(&self) -> Seen {
        let sequence = self.sequence.load(Ordering::Acquire);
        let State { epoch, births, .. } = self.state();
        Seen { epoch, births, sequence }
    }

    /// Enters an answer, unless an event has overtaken it since `seen`.
    pub fn register<S: Invalidate + 'static>(&self, slot: &Arc<S>, tags: &[Uuid], seen: &Seen) -> bool {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.load(Ordering::Acquire) != seen.epoch || index.touched_since(tags, seen.sequence) {
            return false;
        }
        let weak: Weak<dyn Invalidate> = {
            let strong: Arc<dyn Invalidate> = slot.clone();
            Arc::downgrade(&strong)
        };
        for tag in tags {
            index.dependants.entry(*tag).or_default().add(weak.clone());
        }
        // Answers leave the caches silently; what they leave behind here is swept when it is half of the whole.
        if index.dependants.len() > 4 * self.capacity.max(1_024) {
            index.dependants.retain(|_, dependants| dependants.sweep());
        }
        true
    }

    /// Records with these ids have changed.
    pub fn touch(&self, tags: &[Uuid]) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in tags {
            let sequence = self.sequence.load(Ordering::Relaxed) + 1;
            index.recent.push_back((sequence, *tag));
            if index.recent.len() > RECENT {
                index.recent.pop_front();
            }
            for dependant in index.dependants.remove(tag).unwrap_or_default().all {
                if let Some(dependant) = dependant.upgrade() {
                    dependant.invalidate();
                }
            }
            // Last, so that whoever sees the number cannot find an answer still valid that it made untrue.
            self.sequence.store(sequence, Ordering::Release);
        }
    }

    /// Somebody may exist who did not.
    pub fn birth(&self) {
        self.births.fetch_add(1, Ordering::AcqRel);
    }

    /// The event stream is lost or back: everything is asked again.
    pub fn doubt_everything(&self, deaf: bool) {
        {
            // Under the lock, so that no look-up registers between the two.
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            self.deaf.store(deaf, Ordering::Release);
            self.epoch.fetch_add(1, Ordering::AcqRel);
            index.dependants.clear();
        }
        self.announce();
    }

    /// Wakes whoever watches for changes.
    pub fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Counts announcements.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether one of these records may have changed since the state of the world was `seen`.
    pub fn touched_since(&self, tags: &[Uuid], seen: &Seen) -> bool {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        self.epoch.load(Ordering::Acquire) != seen.epoch || index.touched_since(tags, seen.sequence)
    }
}

impl Index {
    fn touched_since(&self, tags: &[Uuid], sequence: u64) -> bool {
        // What was forgotten may have been about anybody.
        let forgotten = self.recent.len() >= RECENT
            && self.recent.front().is_some_and(|(first, _)| *first > sequence + 1);
        forgotten
            || self
                .recent
                .iter()
                .rev()
                .take_while(|(at, _)| *at > sequence)
                .any(|(_, tag)| tags.contains(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Invalidate for Flag {
        fn invalidate(&self) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[test]
    fn an_event_reaches_every_dependant_and_nobody_else() {
        let invalidation = Invalidation::new(8);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (one, both) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        assert!(invalidation.register(&one, &[a], &invalidation.look()));
        assert!(invalidation.register(&both, &[a, b], &invalidation.look()));
        invalidation.touch(&[b]);
        assert!(!one.0.load(Ordering::Acquire) && both.0.load(Ordering::Acquire));
    }

    #[test]
    fn an_answer_that_was_overtaken_is_not_kept() {
        let invalidation = Invalidation::new(8);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let before = invalidation.look();
        invalidation.touch(&[a]);
        let flag = Arc::new(Flag::default());
        assert!(!invalidation.register(&flag, &[a], &before));
        assert!(invalidation.register(&flag, &[b], &before));
        let before = invalidation.look();
        invalidation.doubt_everything(false);
        assert!(!invalidation.register(&flag, &[b], &before));
        // More happened than is remembered.
        let before = invalidation.look();
        for n in 0..=RECENT as u128 {
            invalidation.touch(&[Uuid::from_u128(100 + n)]);
        }
        assert!(!invalidation.register(&flag, &[b], &before));
    }

    #[test]
    fn what_left_a_large_team_is_swept() {
        let invalidation = Invalidation::new(8);
        let team = Uuid::from_u128(1);
        let kept: Vec<_> = (0..100).map(|_| Arc::new(Flag::default())).collect();
        for flag in &kept {
            assert!(invalidation.register(flag, &[team], &invalidation.look()));
        }
        for _ in 0..100_000 {
            let flag = Arc::new(Flag::default());
            assert!(invalidation.register(&flag, &[team], &invalidation.look()));
        }
        assert!(invalidation.index.lock().unwrap().dependants[&team].all.len() <= 2 * 101);
        invalidation.touch(&[team]);
        assert!(kept.iter().all(|flag| flag.0.load(Ordering::Acquire)));
    }

    #[test]
    fn what_left_the_caches_is_swept() {
        let invalidation = Invalidation::new(1);
        for n in 0..20_000 {
            let flag = Arc::new(Flag::default());
            assert!(invalidation.register(&flag, &[Uuid::from_u128(n)], &invalidation.look()));
        }
        assert!(invalidation.index.lock().unwrap().dependants.len() <= 4 * 1_024 + 1);
    }
}
