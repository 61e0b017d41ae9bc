//! The drain's way into the database, and how much of the processors it asks for.
//!
//! Storing in the embedded database costs processor time here, and calls come first. The thread that does it runs in the
//! kernel's idle class: it gets what the calls leave, and a call that arrives is served at once instead of after the
//! thread's slice, which is milliseconds. Where the calls leave nothing, a transaction would stay open, and records wait,
//! for too long: then a thread with the usual share takes over for a while, and rests between its batches.
//!
//! SQLite works on a thread that begins with its connection, and takes after the thread that opens it. Hence a connection
//! of the drain's own for each share.

use crate::Store;
use std::time::Duration;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::time::Instant;

/// Between batches that were not full, with what calls leave: each is a transaction, with its own `fsync` and wake-ups, and a
/// few records at a time cost several times what they cost together.
const GATHER: Duration = Duration::from_millis(50);
/// A batch that takes this long with what calls leave is left too little.
const SLOW: Duration = Duration::from_millis(100);
/// What a thread that gets a turn waits for before a transaction.
const TURN: Duration = Duration::from_millis(1);
/// How long the usual share is kept.
const USUAL_FOR: Duration = Duration::from_secs(10);
/// With the usual share, after a batch that took `t` the drain leaves `3 t` to the calls, unless the spool is a quarter full.
const REST: u32 = 3;
/// Records of a batch with what calls leave: so few that a transaction that is interrupted soon ends.
const SMALL: usize = 100;

/// How much of the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// What nobody else wants.
    Spare,
    /// As much as anybody.
    Usual,
}

impl Share {
    /// For this thread and those that it will begin. A thread cannot go back without a privilege; another takes over.
    /// Where the kernel does not let us, storing has the usual share: slower calls, nothing lost.
    pub(super) fn take(self) {
        if self == Self::Usual {
            return;
        }
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
            tracing::debug!(%error, "the kernel keeps this thread's share as it is");
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Spare => Self::Usual,
            Self::Usual => Self::Spare,
        }
    }
}

/// The way into the database.
pub(super) struct Door {
    store: Store,
    /// For a connection of our own: which share it has, and since when.
    own: Option<(Share, Instant)>,
}

/// What comes after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next, after this time.
    Rest(Duration),
    /// The other share.
    Shift,
}

impl Door {
    /// In common with everybody else.
    pub(super) fn shared(store: Store) -> Self {
        Self { store, own: None }
    }

    /// Of our own, with this thread's share, which has to be `share`. For the embedded database.
    pub(super) async fn own(all: Store, share: Share) -> Self {
        match all.beside().await {
            Ok(store) => Self { store, own: Some((share, Instant::now())) },
            Err(error) => {
                tracing::warn!(%error, "no connection of its own for storing records; it shares that of everybody");
                Self::shared(all)
            }
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Records at most, of the `most` that are asked for.
    pub(super) fn batch(&self, most: usize) -> usize {
        if self.is_spare() { most.min(SMALL) } else { most }
    }

    /// Whether this thread gets its turns, asked before a batch. A transaction that is begun where it does not keeps whoever
    /// else writes waiting until it ends: for minutes, where other processes fill the processors as well.
    pub(super) async fn has_turns(&self) -> bool {
        if !self.is_spare() {
            return true;
        }
        let asked = Instant::now();
        tokio::time::sleep(TURN).await;
        asked.elapsed() < TURN + SLOW
    }

    /// What comes after a batch that took `took`; `full` when there were as many records as may be, `tight` when the spool is
    /// a quarter full.
    pub(super) fn then(&self, took: Duration, full: bool, tight: bool) -> Then {
        match self.own {
            Some((Share::Spare, _)) if tight || took > SLOW => Then::Shift,
            Some((Share::Spare, _)) => Then::Rest(if full { Duration::ZERO } else { GATHER }),
            Some((Share::Usual, since)) if !tight && since.elapsed() > USUAL_FOR => Then::Shift,
            _ if tight || !self.store.is_embedded() => Then::Rest(Duration::ZERO),
            _ => Then::Rest(took * REST),
        }
    }

    /// Closes the connection of our own.
    pub(super) async fn close(self) {
        if self.own.is_some() {
            self.store.close().await;
        }
    }

    fn is_spare(&self) -> bool {
        matches!(self.own, Some((Share::Spare, _)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Options};

    #[tokio::test]
    async fn a_thread_that_gets_no_turn_begins_no_transaction() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(Database::Sqlite(place.path().join("t.db")))).await.unwrap();
        let of = |share| Door { store: store.clone(), own: Some((share, Instant::now())) };
        // What else there is takes the thread for itself, as the kernel takes the processor from one that is idle.
        let kept_waiting = async |door: Door| {
            let busy = async { std::thread::sleep(SLOW * 2) };
            tokio::join!(door.has_turns(), busy).0
        };
        assert!(!kept_waiting(of(Share::Spare)).await);
        assert!(kept_waiting(of(Share::Usual)).await, "who has the usual share does not ask");
        assert!(kept_waiting(Door::shared(store.clone())).await);
        store.close().await;
    }
}
