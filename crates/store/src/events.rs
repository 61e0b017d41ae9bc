//! Reading the event log: everything in order, on every node, soon after it was committed.
//!
//! Wake-ups (a commit in this process, a message of Redis or a PostgreSQL notification) only say when to look; what is
//! delivered is always read from the log by position, so none is lost, doubled or out of order, and a wake-up that is
//! missed costs half a second.

use crate::entity::events::{CHANNEL, read_after};
use crate::listener::Listener;
use crate::{Error, Store};
use portcullis_model::event::Event;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the log is looked at without a wake-up. Half of the second in which a change has to be in force on every
/// node: so it is where nodes cannot tell each other anything, too.
const POLL: Duration = Duration::from_millis(500);
/// How soon it is looked at again when it could not be read.
const RETRY: Duration = Duration::from_millis(250);
/// How long it may go unread before what depends on it must be doubted.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// How long setting up a listener may take.
const LISTEN: Duration = Duration::from_secs(5);
/// How long a listener that could not be set up is left alone.
const RELISTEN: Duration = Duration::from_secs(5);
/// Events of one signal.
const BATCH: u32 = 500;

/// The event log.
#[derive(Clone, Debug)]
pub struct Events {
    store: Store,
    opened_at: i64,
}

impl Events {
    pub(crate) fn new(store: Store, opened_at: i64) -> Self {
        Self { store, opened_at }
    }

    /// Everything that happened since the store was opened, and everything that will. Nothing that is loaded after this
    /// call can be older than what the subscription tells of.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_after(self.opened_at)
    }

    /// Everything after a position.
    pub fn subscribe_after(&self, position: i64) -> Subscription {
        Subscription {
            commits: self.store.commits(),
            store: self.store.clone(),
            position,
            ear: Ear::Deaf { until: Instant::now() },
            read_at: Instant::now(),
            look_at: Instant::now(),
            reading: None,
            lost: false,
            queue: VecDeque::new(),
        }
    }
}

/// What a subscription says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// These happened, in this order; at least one.
    Events(Vec<Event>),
    /// The log could not be read for two seconds, or tells of something that this release does not know: whatever was
    /// derived from the directory may be out of date and must be validated before it is used.
    Lost,
    /// The log is read again. The events that were missed follow.
    Restored,
}

/// Positions and events that follow a position.
type Reading = Later<Vec<(i64, Option<Event>)>>;

/// Something that is under way.
type Later<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Word of other nodes, or the way to it.
enum Ear {
    /// Nobody is listened to; tried again at a time.
    Deaf { until: Instant },
    /// Being set up. Kept from one call to the next: who waits for signals waits for other things beside them, and gives up
    /// again and again.
    Connecting(Later<Listener>),
    /// Listening, since a time.
    Listening(Listener, Instant),
}

impl Ear {
    /// Returns when the log may have grown: something was heard, or may have been missed. May be cancelled.
    async fn hear(&mut self) {
        let next = match self {
            Self::Deaf { until } => return tokio::time::sleep_until(*until).await,
            Self::Connecting(connecting) => match connecting.await {
                // What is committed from here on wakes; what was before is found by the look that follows.
                Ok(listener) => Self::Listening(listener, Instant::now()),
                Err(error) => {
                    tracing::debug!(%error, "cannot listen for events; looking every {POLL:?}");
                    Self::Deaf { until: Instant::now() + RELISTEN }
                }
            },
            Self::Listening(listener, since) => match listener.wait().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, "no longer heard of events; listening anew");
                    // At once, unless it breaks again and again.
                    Self::Deaf { until: *since + RELISTEN }
                }
            },
        };
        *self = next;
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("position", &self.position)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

/// A place in the event log that moves on. Needs no task of its own; on PostgreSQL it holds one connection.
pub struct Subscription {
    store: Store,
    commits: watch::Receiver<u64>,
    position: i64,
    ear: Ear,
    /// When the log was last read to its end.
    read_at: Instant,
    /// When to look without being woken.
    look_at: Instant,
    /// A look that was begun. Kept from one call to the next, so that what woke it outlives a `next` that is given up.
    reading: Option<Reading>,
    lost: bool,
    queue: VecDeque<Signal>,
}

impl Subscription {
    /// The position of the last event that was given out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next signal. Waits for it as long as it takes; may be cancelled and called again without losing anything, a
    /// wake-up or a half-made connection included.
    pub async fn next(&mut self) -> Signal {
        loop {
            if let Some(signal) = self.queue.pop_front() {
                return signal;
            }
            if self.reading.is_none() {
                self.wake().await;
            }
            self.look().await;
        }
    }

    /// Waits for a reason to look.
    async fn wake(&mut self) {
        if let Ear::Deaf { until } = self.ear
            && Instant::now() >= until
        {
            let store = self.store.clone();
            self.ear = Ear::Connecting(Box::pin(async move {
                let slow = |_| Error::Unavailable(format!("no answer within {LISTEN:?}"));
                tokio::time::timeout(LISTEN, store.listen(CHANNEL)).await.map_err(slow)?
            }));
        }
        tokio::select! {
            // The sender lives in `self.store`: this can only be a commit.
            _ = self.commits.changed() => {}
            () = self.ear.hear() => {}
            () = tokio::time::sleep_until(self.look_at) => {}
        }
    }

    async fn look(&mut self) {
        let reading = self.reading.get_or_insert_with(|| {
            self.commits.mark_unchanged();
            let (store, position) = (self.store.clone(), self.position);
            Box::pin(async move {
                // A look that hangs must not hide that the log is lost.
                let limit = LOST_AFTER / 2;
                let slow = |_| Error::Unavailable(format!("no answer within {limit:?}"));
                tokio::time::timeout(limit, read_after(&store, position, BATCH)).await.map_err(slow)?
            })
        });
        let read = reading.await;
        self.reading = None;
        match read {
            Ok(rows) => {
                self.read_at = Instant::now();
                self.look_at = self.read_at + POLL;
                self.take(rows);
            }
            Err(error) => {
                tracing::debug!(%error, "the event log cannot be read");
                if !self.lost && self.read_at.elapsed() >= LOST_AFTER {
                    tracing::warn!(%error, "lost the event log; everything derived from the directory is validated again");
                    self.lost = true;
                    self.queue.push_back(Signal::Lost);
                }
                let retry = Instant::now() + RETRY;
                // Not later than the moment at which it counts as lost.
                self.look_at =
                    if self.lost { retry } else { retry.min(self.read_at + LOST_AFTER).max(Instant::now()) };
            }
        }
    }

    fn take(&mut self, rows: Vec<(i64, Option<Event>)>) {
        if std::mem::take(&mut self.lost) {
            tracing::info!("the event log is read again");
            self.queue.push_back(Signal::Restored);
        }
        let Some((position, _)) = rows.last() else { return };
        self.position = *position;
        if rows.iter().any(|(_, event)| event.is_none()) {
            tracing::warn!(
                "the event log has an event of a newer release; everything derived from the directory is validated again"
            );
            self.queue.extend([Signal::Lost, Signal::Restored]);
        }
        let full = rows.len() == BATCH as usize;
        let events: Vec<Event> = rows.into_iter().filter_map(|(_, event)| event).collect();
        if !events.is_empty() {
            self.queue.push_back(Signal::Events(events));
        }
        if full {
            self.commits.mark_changed();
        }
    }
}
