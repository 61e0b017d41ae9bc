//! HTTP/2 connections of one endpoint: shared by calls, driven by a task each.

use super::upload::Upload;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portcullis_net::egress::Stream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Calls on one connection before another is opened: what servers commonly allow at least (RFC 9113 §6.5.2).
const STREAMS: usize = 100;

/// The connections.
#[derive(Default)]
pub(crate) struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
}

struct Connection {
    sender: http2::SendRequest<Upload>,
    streams: AtomicUsize,
}

/// A place on a connection, until it is dropped.
pub(crate) struct Seat(Arc<Connection>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seat {
    fn on(connection: &Arc<Connection>) -> Self {
        connection.streams.fetch_add(1, Ordering::Relaxed);
        Self(connection.clone())
    }

    /// The connection's sender.
    pub(crate) fn sender(&self) -> http2::SendRequest<Upload> {
        self.0.sender.clone()
    }

    /// Whether other calls have been on this connection: it may have died since.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.streams.load(Ordering::Relaxed) > 1
    }
}

impl Shared {
    /// A place on a connection with room.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| !connection.sender.is_closed());
        connections
            .iter()
            .find(|connection| connection.streams.load(Ordering::Relaxed) < STREAMS)
            .map(Seat::on)
    }

    /// Adds a connection; a place on it.
    pub(crate) async fn open(&self, stream: Stream, tasks: &TaskTracker) -> Result<Seat, hyper::Error> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            // A connection whose other end is gone is noticed while it is in use, and not by the next hundred calls.
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .handshake(TokioIo::new(stream))
            .await?;
        // It ends when the last sender is gone or the other end is; its errors reach the calls that are on it.
        tasks.spawn(async move { drop(connection.await) });
        let connection = Arc::new(Connection { sender, streams: AtomicUsize::new(0) });
        let seat = Seat::on(&connection);
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(seat)
    }

    /// Lets go of all connections; calls that are on one end on it.
    pub(crate) fn clear(&self) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets go of connections that nobody is on and that closed.
    pub(crate) fn sweep(&self) -> usize {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| !connection.sender.is_closed());
        connections.len()
    }
}
