//! Signs of life of one connection, and what its silence means.
//!
//! One coarse timer per connection reads these; a request only stores a few integers, so that keep-alive costs no timer.

use super::Limits;
use super::head::HeadScan;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a connection is looked at, at least. Also how long an idle one is left alone when the listener is full.
const TICK: Duration = Duration::from_secs(5);

/// Signs of life. Times are milliseconds since the connection's start.
#[derive(Debug)]
pub(super) struct Pulse {
    start: Instant,
    /// Calls under way.
    calls: AtomicU32,
    /// Without a call: true between calls, false from a head's first byte (and on a new connection) until its call.
    idle: AtomicBool,
    /// When `idle` last changed.
    since: AtomicU64,
    /// Since when the client has taken nothing of what is ready for it, plus one; 0 when nothing waits.
    stuck: AtomicU64,
    /// Whether reads are HTTP/1 bytes to look at.
    http1: AtomicBool,
    head: Mutex<HeadScan>,
}

/// What the timer decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after that long.
    LookAgain(Duration),
    /// It has been idle long enough.
    Idle,
    /// A head does not come to its end.
    HeadTimedOut,
    /// The client takes nothing.
    WriteTimedOut,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            calls: AtomicU32::new(0),
            idle: AtomicBool::new(false),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            http1: AtomicBool::new(false),
            head: Mutex::new(HeadScan::default()),
        }
    }

    /// HTTP/1 bytes follow: the time for the first head begins.
    pub(super) fn speaks_http1(&self) {
        self.since.store(self.now(), Relaxed);
        self.http1.store(true, Relaxed);
    }

    /// HTTP/2 frames follow: a connection without a stream is idle from the start.
    pub(super) fn speaks_http2(&self) {
        self.turn_idle();
    }

    /// The bytes are nobody's business any more (the connection was upgraded).
    pub(super) fn retire(&self) {
        self.http1.store(false, Relaxed);
    }

    /// Bytes came in.
    pub(super) fn read(&self, bytes: &[u8]) {
        if bytes.is_empty() || !self.http1.load(Relaxed) {
            return;
        }
        if self.calls.load(Relaxed) == 0 && self.idle.load(Relaxed) {
            self.since.store(self.now(), Relaxed);
            self.idle.store(false, Relaxed);
        }
        self.head.lock().unwrap_or_else(PoisonError::into_inner).read(bytes);
    }

    /// The socket takes no more.
    pub(super) fn write_stuck(&self) {
        if self.stuck.load(Relaxed) == 0 {
            self.stuck.store(self.now() + 1, Relaxed);
        }
    }

    /// The socket took something.
    pub(super) fn write_went(&self) {
        if self.stuck.load(Relaxed) != 0 {
            self.stuck.store(0, Relaxed);
        }
    }

    /// A call began. On HTTP/1 says whether its head had a line that ends in LF alone; `body` is the length of its
    /// body, `None` when only its end will tell.
    pub(super) fn call_began(&self, body: Option<u64>) -> bool {
        self.calls.fetch_add(1, Relaxed);
        self.http1.load(Relaxed) && self.head.lock().unwrap_or_else(PoisonError::into_inner).called(body)
    }

    /// A call ended: its answer is complete or was given up.
    pub(super) fn call_ended(&self) {
        if self.calls.fetch_sub(1, Relaxed) == 1 {
            self.turn_idle();
        }
        if self.http1.load(Relaxed) {
            self.head.lock().unwrap_or_else(PoisonError::into_inner).ended();
        }
    }

    /// On HTTP/1: whether the client may still be sending a request that will not be read.
    pub(super) fn unfinished(&self) -> bool {
        self.http1.load(Relaxed) && self.head.lock().unwrap_or_else(PoisonError::into_inner).unfinished()
    }

    /// What to do, and when to ask again. `full`: the listener is at its limit of connections.
    pub(super) fn verdict(&self, limits: &Limits, full: bool) -> Verdict {
        let now = self.now();
        let left = |since: u64, limit: Duration| {
            limit.checked_sub(Duration::from_millis(now.saturating_sub(since))).filter(|left| !left.is_zero())
        };
        let mut again = TICK.min(limits.header_timeout).min(limits.idle_timeout).min(limits.write_timeout);
        let stuck = self.stuck.load(Relaxed);
        if stuck != 0 {
            let Some(left) = left(stuck - 1, limits.write_timeout) else { return Verdict::WriteTimedOut };
            again = again.min(left);
        }
        if self.calls.load(Relaxed) == 0 && stuck == 0 {
            let idle = self.idle.load(Relaxed);
            let limit = match idle {
                true if full => limits.idle_timeout.min(TICK),
                true => limits.idle_timeout,
                false => limits.header_timeout,
            };
            let Some(left) = left(self.since.load(Relaxed), limit) else {
                return if idle { Verdict::Idle } else { Verdict::HeadTimedOut };
            };
            again = again.min(left);
        }
        // A limit of zero would make the timer spin.
        Verdict::LookAgain(again.max(Duration::from_millis(1)))
    }

    fn turn_idle(&self) {
        self.since.store(self.now(), Relaxed);
        self.idle.store(true, Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            ..Limits::default()
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_silence_has_its_limit() {
        let pulse = Pulse::new();
        pulse.speaks_http1();
        pass(8).await;
        assert_eq!(
            pulse.verdict(&limits(), false),
            Verdict::LookAgain(Duration::from_secs(2)),
            "exact near the end"
        );
        pass(2).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::HeadTimedOut, "a connection that never sends");

        pulse.call_began(Some(0));
        pass(500).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::LookAgain(TICK), "a call may take its time");
        pulse.call_ended();
        pass(74).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::LookAgain(Duration::from_secs(1)));
        assert_eq!(pulse.verdict(&limits(), true), Verdict::Idle, "sooner when the listener is full");

        pulse.read(b"GET");
        assert_eq!(pulse.verdict(&limits(), true), Verdict::LookAgain(TICK), "a head has begun");
        pass(10).await;
        pulse.read(b" /");
        assert_eq!(pulse.verdict(&limits(), false), Verdict::HeadTimedOut, "dribbling does not help");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_handshake_costs_the_head_no_time() {
        let pulse = Pulse::new();
        pass(9).await;
        pulse.speaks_http1();
        pass(9).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::LookAgain(Duration::from_secs(1)));
        let pulse = Pulse::new();
        pass(9).await;
        pulse.speaks_http2();
        pass(74).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::LookAgain(Duration::from_secs(1)));
        pass(1).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_found() {
        let pulse = Pulse::new();
        pulse.call_began(None);
        pulse.write_stuck();
        pass(30).await;
        pulse.write_went();
        pulse.write_stuck();
        pass(59).await;
        pulse.write_stuck();
        assert_eq!(pulse.verdict(&limits(), false), Verdict::LookAgain(Duration::from_secs(1)));
        pass(1).await;
        assert_eq!(pulse.verdict(&limits(), false), Verdict::WriteTimedOut);
    }
}
