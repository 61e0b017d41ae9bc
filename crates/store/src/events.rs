//! Reading the event log: everything in order, on every node, soon after it was committed.
//!
//! Wake-ups (a commit in this process, a message of Redis or a PostgreSQL notification) only say when to look; what is delivered is always read
//! from the log by position, so none is lost, doubled or out of order, and a wake-up that is missed costs a second.

use crate::entity::events::{CHANNEL, read_after};
use crate::listener::Listener;
use crate::{Error, Store};
use portcullis_model::event::Event;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the log is looked at without a wake-up.
const POLL: Duration = Duration::from_secs(1);
/// How soon it is looked at again when it could not be read.
const RETRY: Duration = Duration::from_millis(250);
/// How long it may go unread before what depends on it must be doubted.
const LOST_AFTER: Duration = Duration::from_secs(2);
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
            listener: None,
            listen_at: Instant::now(),
            read_at: Instant::now(),
            look_at: Instant::now(),
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

/// A place in the event log that moves on. Needs no task of its own; on PostgreSQL it holds one connection.
#[derive(Debug)]
pub struct Subscription {
    store: Store,
    commits: watch::Receiver<u64>,
    position: i64,
    listener: Option<Listener>,
    /// When to try to listen again.
    listen_at: Instant,
    /// When the log was last read to its end.
    read_at: Instant,
    /// When to look without being woken.
    look_at: Instant,
    lost: bool,
    queue: VecDeque<Signal>,
}

impl Subscription {
    /// The position of the last event that was given out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next signal. Waits for it as long as it takes; may be cancelled and called again without losing anything.
    pub async fn next(&mut self) -> Signal {
        loop {
            if let Some(signal) = self.queue.pop_front() {
                return signal;
            }
            self.wake().await;
            self.look().await;
        }
    }

    async fn wake(&mut self) {
        if self.listener.is_none() && Instant::now() >= self.listen_at {
            self.listen_at = Instant::now() + RELISTEN;
            // What is committed from here on wakes; what was before is found by the look that follows.
            match tokio::time::timeout(POLL, self.store.listen(CHANNEL)).await {
                Ok(Ok(listener)) => self.listener = Some(listener),
                Ok(Err(error)) => tracing::debug!(%error, "cannot listen for events; looking every second"),
                Err(_) => tracing::debug!("listening for events takes too long; looking every second"),
            }
            return;
        }
        let heard = async {
            match &mut self.listener {
                Some(listener) => listener.wait().await,
                None => std::future::pending().await,
            }
        };
        let broken = tokio::select! {
            // The sender lives in `self.store`: this can only be a commit.
            _ = self.commits.changed() => false,
            heard = heard => heard.is_err(),
            () = tokio::time::sleep_until(self.look_at) => false,
        };
        if broken {
            self.listener = None;
        }
    }

    async fn look(&mut self) {
        self.commits.mark_unchanged();
        match self.read().await {
            Ok(()) => {
                self.read_at = Instant::now();
                self.look_at = self.read_at + POLL;
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

    async fn read(&mut self) -> Result<(), Error> {
        // A look that hangs must not hide that the log is lost.
        let limit = LOST_AFTER / 2;
        let slow = |_| Error::Unavailable(format!("no answer within {limit:?}"));
        let rows = tokio::time::timeout(limit, read_after(&self.store, self.position, BATCH))
            .await
            .map_err(slow)??;
        if std::mem::take(&mut self.lost) {
            tracing::info!("the event log is read again");
            self.queue.push_back(Signal::Restored);
        }
        let Some((position, _)) = rows.last() else { return Ok(()) };
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
        Ok(())
    }
}
