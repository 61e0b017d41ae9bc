//! A connection to somewhere.

use http::HeaderValue;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Which protocols are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// Only HTTP/1.1.
    Http1,
    /// With TLS HTTP/2 when the server can; else HTTP/1.1.
    Either,
    /// Only HTTP/2 (on plain connections by prior knowledge).
    Http2,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection, plain or TLS.
#[derive(Debug)]
pub struct Stream {
    pub(super) wire: Wire,
    pub(super) protocol: Protocol,
    pub(super) remote: SocketAddr,
    pub(super) forward_proxy: Option<Option<HeaderValue>>,
}

#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// What was agreed.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The address that is connected: the target's, or the proxy's.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// There when the other end is a proxy that wants the absolute form (`GET http://host/path`); holds the
    /// `Proxy-Authorization` to send, when it needs one.
    pub fn forward_proxy(&self) -> Option<Option<&HeaderValue>> {
        self.forward_proxy.as_ref().map(Option::as_ref)
    }
}

macro_rules! each {
    ($stream:expr, $io:ident => $then:expr) => {
        match &mut $stream.get_mut().wire {
            Wire::Plain($io) => $then,
            Wire::Tls($io) => $then,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(io) => io.is_write_vectored(),
            Wire::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}
