//! Takes connections, and ends in good order.

use super::io::Place;
use super::serving::serve;
use super::socket::{Socket, is_of_one_connection};
use super::streams::Streams;
use super::{Drained, ListenOptions, Service};
use hyper::server::conn::{http1, http2};
use portcullis_fault::defect::outlive;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The reads of one connection at a time, and what it may leave unwritten.
const BUFFER: usize = 128 * 1024;
/// How far beyond the limit a head is still read, so that it gets the refusal of a request, with its code and its record.
/// What is larger yet is answered by hyper, with a bare 431.
const BEYOND: usize = 32 * 1024;
/// A limit is reported once per minute.
const REPORT: Duration = Duration::from_secs(60);
/// How long cut connections get to fall.
const FALL: Duration = Duration::from_secs(1);

/// What all connections of a listener share.
pub(super) struct Server<S> {
    pub(super) options: ListenOptions,
    pub(super) service: Arc<S>,
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<Streams>,
    /// Ends when no more calls shall begin.
    pub(super) shutdown: CancellationToken,
    /// Ends when those that are left are cut.
    pub(super) cut: CancellationToken,
    tracker: TaskTracker,
    slots: Arc<Semaphore>,
}

impl<S: Service> Server<S> {
    pub(super) fn new(options: ListenOptions, service: Arc<S>, shutdown: CancellationToken) -> Self {
        let limits = &options.limits;
        let tracker = TaskTracker::new();
        let mut http1 = http1::Builder::new();
        // Our own timer per connection tells a head that is late from a connection that is idle; hyper's cannot, and
        // makes a new timer for every request.
        let readable = limits.max_header_bytes + BEYOND;
        http1.header_read_timeout(None).max_buf_size(BUFFER.max(readable + 8 * 1024));
        http1.max_header_size(readable);
        if limits.max_headers != 100 {
            // 100 is hyper's own, and kept on the stack.
            http1.max_headers(limits.max_headers);
        }
        let name = options.name.to_string();
        let streams = Streams {
            tracker: tracker.clone(),
            write_timeout: limits.write_timeout,
            cut: metrics::counter!("portcullis_connections_closed_total", "listener" => name, "reason" => "stream_stalled"),
        };
        let mut http2 = http2::Builder::new(streams);
        http2
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(u32::try_from(readable).unwrap_or(u32::MAX))
            // Streams that are opened and reset at once ("rapid reset") end the connection.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(256)
            .max_send_buf_size(BUFFER)
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024);
        let slots = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Self { options, service, http1, http2, shutdown, cut: CancellationToken::new(), tracker, slots }
    }

    /// Whether there is no place for another connection.
    pub(super) fn full(&self) -> bool {
        self.slots.available_permits() == 0
    }

    /// Takes connections until `shutdown`, then drains.
    pub(super) async fn run(self, socket: Socket, drain: Duration) -> Drained {
        let server = Arc::new(self);
        if let Some(tls) = server.options.tls.clone() {
            let shutdown = server.shutdown.clone();
            server.tracker.spawn(async move {
                // Certificates that nobody looks after any more end the service weeks later.
                while let Err(defect) = outlive(Box::pin(tls.watch(&shutdown))).await {
                    tracing::error!(%defect, "looking after certificates panicked; it begins again");
                }
            });
        }
        server.accept(&socket).await;
        drop(socket);
        server.drain(drain).await
    }

    async fn accept(self: &Arc<Self>, socket: &Socket) {
        let name = self.options.name.to_string();
        let accepted = metrics::counter!("portcullis_connections_total", "listener" => name.clone());
        let failed = metrics::counter!("portcullis_accept_errors_total", "listener" => name.clone());
        let at_limit = metrics::counter!("portcullis_connections_at_limit_total", "listener" => name.clone());
        let open = metrics::gauge!("portcullis_connections_open", "listener" => name.clone());
        let mut reported: Option<Instant> = None;
        let mut pause = Pause::default();
        loop {
            if self.full() {
                at_limit.increment(1);
                if reported.is_none_or(|at| at.elapsed() >= REPORT) {
                    reported = Some(Instant::now());
                    tracing::warn!(
                        listener = name,
                        limit = self.options.limits.max_connections,
                        "at the limit of connections; new ones wait"
                    );
                }
            }
            let next = async {
                // The place first: what is not accepted waits in the kernel's queue.
                let slot = self.slots.clone().acquire_owned().await;
                (slot, socket.accept().await)
            };
            let (slot, result) = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                next = next => next,
            };
            // The semaphore is never closed.
            let Ok(slot) = slot else { return };
            match result {
                Ok(connection) => {
                    pause = Pause::default();
                    accepted.increment(1);
                    open.increment(1.0);
                    let place = self.place(slot, &open);
                    self.tracker.spawn(serve(self.clone(), connection, place));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    failed.increment(1);
                    let pause = pause.next();
                    tracing::error!(listener = name, %error, pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), "cannot accept connections; trying again");
                    tokio::select! {
                        () = self.shutdown.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn place(&self, slot: OwnedSemaphorePermit, open: &metrics::Gauge) -> Place {
        Place { _slot: slot, _tracked: self.tracker.token(), open: open.clone() }
    }

    async fn drain(&self, within: Duration) -> Drained {
        self.tracker.close();
        let limit = self.options.limits.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        if tokio::time::timeout(within, self.tracker.wait()).await.is_ok() {
            return Drained { cut: 0 };
        }
        let cut = limit - self.slots.available_permits();
        tracing::warn!(
            listener = &*self.options.name,
            connections = cut,
            "the drain's time is over; cutting what is left"
        );
        self.cut.cancel();
        // Bounded, because an upgraded connection ends only when its owner lets go.
        let _ = tokio::time::timeout(FALL, self.tracker.wait()).await;
        Drained { cut }
    }
}

/// Growing pauses while the machine has no descriptors or memory left.
#[derive(Debug, Default)]
struct Pause(u32);

impl Pause {
    fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(10 << self.0.min(7)).min(Duration::from_secs(1));
        self.0 += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second() {
        let mut pause = Pause::default();
        assert_eq!(pause.next(), Duration::from_millis(10));
        let last = (0..40).map(|_| pause.next()).last().unwrap();
        assert_eq!(last, Duration::from_secs(1));
    }
}
