//! What a listener is told.

use super::{Tls, TrustedProxies};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How a listener is set up.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// In logs and metrics: `gateway`, `control`.
    pub name: Arc<str>,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificates; without them the listener speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Whether connections from trusted proxies begin with a PROXY protocol v2 header. They must then; connections
    /// from elsewhere must not.
    pub proxy_protocol: bool,
    /// Whose PROXY headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Bounds.
    pub limits: Limits,
}

impl ListenOptions {
    /// A plain listener with default bounds.
    pub fn new(name: &str, address: SocketAddr) -> Self {
        Self {
            name: name.into(),
            address,
            tls: None,
            proxy_protocol: false,
            trusted_proxies: TrustedProxies::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds of a listener and its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line and headers together, in bytes; refused with 431 beyond. HTTP/2: the header list as RFC 9113 §10.5.1
    /// counts it.
    pub max_header_bytes: usize,
    /// Header lines; 431 beyond.
    pub max_headers: usize,
    /// Time for a request's head, counted from its first byte. A new connection has as long to send that byte.
    pub header_timeout: Duration,
    /// Time for the PROXY header and the TLS handshake together.
    pub handshake_timeout: Duration,
    /// How long a connection without a call stays open.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer that is ready for it.
    pub write_timeout: Duration,
    /// Open connections, upgraded ones included. At the limit no more are accepted (they wait in the kernel's queue),
    /// keep-alive ends after each answer, and connections that are idle for five seconds are closed.
    pub max_connections: usize,
    /// HTTP/2: calls at a time on one connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_bytes: 32 * 1024,
            max_headers: 100,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            max_connections: 10_000,
            max_streams: 128,
        }
    }
}
