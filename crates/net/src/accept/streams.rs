//! The tasks of HTTP/2 streams: tracked, and ended when the client lets an answer lie.
//!
//! A client that opens no flow-control window would otherwise keep its calls, and what they occupy, for ever: the
//! connection itself looks alive.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;

tokio::task_local! {
    static STREAM: Arc<StreamPulse>;
}

/// Whose turn it is on one stream.
#[derive(Debug, Default)]
pub(super) struct StreamPulse {
    clients_turn: AtomicBool,
    progress: AtomicU32,
}

impl StreamPulse {
    /// The stream whose task this is.
    pub(super) fn current() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// The answer's next piece is out of our hands.
    pub(super) fn handed_over(&self) {
        self.progress.fetch_add(1, Relaxed);
        self.clients_turn.store(true, Relaxed);
    }

    /// The client would take more, and there is nothing.
    pub(super) fn waits_for_us(&self) {
        self.clients_turn.store(false, Relaxed);
    }
}

/// Runs the tasks of one listener's HTTP/2 streams.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) tracker: TaskTracker,
    pub(super) write_timeout: Duration,
    pub(super) cut: metrics::Counter,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let pulse = Arc::new(StreamPulse::default());
        let task = run(future, pulse.clone(), self.write_timeout, self.cut.clone());
        self.tracker.spawn(STREAM.scope(pulse, task));
    }
}

async fn run(
    future: impl Future<Output = ()>,
    pulse: Arc<StreamPulse>,
    write_timeout: Duration,
    cut: metrics::Counter,
) {
    let mut future = std::pin::pin!(future);
    // The progress that is waited for to change, and for how long still. Made when a stream first has to wait.
    let mut patience: Option<(u32, Pin<Box<Sleep>>)> = None;
    std::future::poll_fn(|cx| {
        if future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !pulse.clients_turn.load(Relaxed) {
            return Poll::Pending;
        }
        let progress = pulse.progress.load(Relaxed);
        let until = Instant::now() + write_timeout;
        let (waited_on, sleep) =
            patience.get_or_insert_with(|| (progress, Box::pin(tokio::time::sleep_until(until))));
        if *waited_on != progress {
            *waited_on = progress;
            sleep.as_mut().reset(until);
        }
        std::task::ready!(sleep.as_mut().poll(cx));
        // Dropping the stream's half of the connection resets the stream.
        cut.increment(1);
        tracing::debug!("stream reset: its client takes nothing of the answer");
        Poll::Ready(())
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::rt::Executor;

    #[tokio::test(start_paused = true)]
    async fn only_the_clients_silence_ends_a_stream() {
        let streams = Streams {
            tracker: TaskTracker::new(),
            write_timeout: Duration::from_secs(60),
            cut: metrics::Counter::noop(),
        };
        let (ours, mut ours_ended) = tokio::sync::oneshot::channel::<()>();
        streams.execute(async move {
            StreamPulse::current().unwrap().waits_for_us();
            std::future::pending::<()>().await;
            drop(ours);
        });
        let (theirs, theirs_ended) = tokio::sync::oneshot::channel::<()>();
        let began = Instant::now();
        streams.execute(async move {
            let pulse = StreamPulse::current().unwrap();
            for _ in 0..3 {
                pulse.handed_over();
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
            std::future::pending::<()>().await;
            drop(theirs);
        });
        theirs_ended.await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 160, "60 s after the last piece");
        assert!(ours_ended.try_recv().is_err_and(|e| e == tokio::sync::oneshot::error::TryRecvError::Empty));
    }
}
