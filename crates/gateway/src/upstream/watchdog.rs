//! The one timer of an exchange: how long the head may take, how long a pause may last, when everything must be over.
//! A connection keeps its timer from call to call, so that the usual call moves a deadline and registers nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Barks when nothing happened for too long.
pub(crate) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    last: Instant,
    pause: Duration,
    end: Option<Instant>,
}

impl Watchdog {
    /// Not watching yet: see [`Watchdog::watch`].
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let pause = Duration::from_secs(60);
        Self { timer: Box::pin(tokio::time::sleep_until(now + pause)), last: now, pause, end: None }
    }

    /// From now: at most `pause` until the next [`Watchdog::pet`], and nothing after `end`.
    pub(crate) fn watch(&mut self, pause: Duration, end: Option<Instant>) {
        self.pause = pause;
        self.end = end;
        self.last = Instant::now();
        // A timer that fires too early is moved when it does: once a minute, instead of with every call.
        let at = self.due();
        if at < self.timer.deadline() {
            self.timer.as_mut().reset(at);
        }
    }

    /// Something happened. Costs one look at the clock: the timer is moved when it fires.
    pub(crate) fn pet(&mut self) {
        self.last = Instant::now();
    }

    fn due(&self) -> Instant {
        let pause = self.last + self.pause;
        self.end.map_or(pause, |end| end.min(pause))
    }

    /// Ready when it took too long; otherwise the task is woken when it may have.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            std::task::ready!(self.timer.as_mut().poll(cx));
            let due = self.due();
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn barks_after_a_pause_and_at_the_end() {
        let start = Instant::now();
        let mut dog = Watchdog::new();
        dog.watch(Duration::from_secs(10), None);
        tokio::time::advance(Duration::from_secs(9)).await;
        dog.pet();
        std::future::poll_fn(|cx| dog.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 19);
        dog.watch(Duration::from_secs(10), Some(Instant::now() + Duration::from_secs(3)));
        std::future::poll_fn(|cx| dog.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 22);
    }
}
