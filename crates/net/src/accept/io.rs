//! The bytes of a connection: whatever kind of socket it is, watched for signs of life, and holding the connection's
//! place among the listener's connections until the last owner lets go (upgraded connections included).

use super::Connection;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// What HTTP/2 connections begin with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long the rest of a request that was answered early is taken and thrown away.
const LINGER: Duration = Duration::from_secs(5);

/// The kinds of socket. One type, so that the HTTP machinery is compiled once.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// What a connection occupies; given back when dropped.
pub(super) struct Place {
    pub(super) _slot: OwnedSemaphorePermit,
    pub(super) _tracked: TaskTrackerToken,
    pub(super) open: metrics::Gauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

/// A watched connection.
pub(super) struct Watched {
    wire: Wire,
    connection: Arc<Connection>,
    /// Bytes that were read to find out the protocol and are still to be handed on.
    seen: [u8; PREFACE.len()],
    from: usize,
    to: usize,
    /// What went wrong right behind those bytes.
    failed: Option<io::Error>,
    /// Our side is closed.
    shut: bool,
    /// After that, until when the rest of a request is taken and thrown away.
    linger: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Watched {
    pub(super) fn new(wire: Wire, connection: Arc<Connection>, place: Place) -> Self {
        Self {
            wire,
            connection,
            seen: [0; PREFACE.len()],
            from: 0,
            to: 0,
            failed: None,
            shut: false,
            linger: None,
            _place: place,
        }
    }

    /// Reads until it is plain whether the client speaks HTTP/2 by prior knowledge. `None`: it left without a byte.
    pub(super) async fn prefers_http2(&mut self) -> io::Result<Option<bool>> {
        while self.to < PREFACE.len() {
            let came = self.wire.read(&mut self.seen[self.to..]).await?;
            if came == 0 {
                return Ok(if self.to == 0 { None } else { Some(false) });
            }
            self.to += came;
            if self.seen[..self.to] != PREFACE[..self.to] {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    /// Whether nothing was read yet.
    pub(super) fn untouched(&self) -> bool {
        self.to == 0
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if this.from < this.to {
            let piece = &this.seen[this.from..this.to];
            let piece = &piece[..piece.len().min(buf.remaining())];
            buf.put_slice(piece);
            this.from += piece.len();
            // What is there already comes with it: whoever gets a head in two pieces makes more room for the second.
            if buf.remaining() > 0
                && let Poll::Ready(Err(error)) = Pin::new(&mut this.wire).poll_read(cx, buf)
            {
                this.failed = Some(error);
            }
        } else if let Some(error) = this.failed.take() {
            return Poll::Ready(Err(error));
        } else {
            std::task::ready!(Pin::new(&mut this.wire).poll_read(cx, buf))?;
        }
        this.connection.pulse.read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl Watched {
    fn noted<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Pending => self.connection.pulse.write_stuck(),
            Poll::Ready(_) => self.connection.pulse.write_went(),
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.wire).poll_write(cx, bytes);
        this.noted(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.wire).poll_write_vectored(cx, bytes);
        this.noted(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.wire).poll_flush(cx) {
            // Flushing nothing succeeds at once and is no sign that the client took anything.
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => this.noted(Poll::Pending),
        }
    }

    /// Closes our side. A client that is still sending a request gets to read its refusal first: closing on unread
    /// bytes resets the connection, and a reset can overtake the answer (RFC 9112 §9.6).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            std::task::ready!(Pin::new(&mut this.wire).poll_shutdown(cx))?;
            this.shut = true;
            if this.connection.pulse.unfinished() {
                this.linger = Some(Box::pin(tokio::time::sleep(LINGER)));
            }
        }
        let Some(linger) = &mut this.linger else { return Poll::Ready(Ok(())) };
        if linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..16 {
            let mut bytes = [0; 8 * 1024];
            let mut waste = ReadBuf::new(&mut bytes);
            match Pin::new(&mut this.wire).poll_read(cx, &mut waste) {
                Poll::Ready(Ok(())) if !waste.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        // A fast sender is no reason to keep the worker.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

macro_rules! each {
    ($wire:expr, $io:ident => $then:expr) => {
        match $wire {
            Wire::Tcp($io) => $then,
            Wire::Tls($io) => $then,
            Wire::Unix($io) => $then,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, io => io.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_shutdown(cx))
    }
}
