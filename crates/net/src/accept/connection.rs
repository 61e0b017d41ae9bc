//! What is known of a connection before its first request.

use super::pulse::Pulse;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Facts of one connection; all its requests share it.
#[derive(Debug)]
pub struct Connection {
    /// The listener's name (`gateway`, `control`).
    pub listener: Arc<str>,
    /// The other end of the TCP connection, IPv4-mapped addresses unmapped; `127.0.0.1:0` on a Unix socket.
    pub peer: SocketAddr,
    /// The client's address as a trusted peer's PROXY header gave it.
    pub proxied: Option<SocketAddr>,
    /// With TLS: what was agreed.
    pub tls: Option<TlsFacts>,
    /// On a Unix socket: who is at the other end.
    pub unix: Option<UnixPeer>,
    pub(super) draining: CancellationToken,
    pub(super) pulse: Pulse,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server name that the client asked for.
    pub sni: Option<String>,
    /// The protocol by ALPN: `h2` or `http/1.1`; none when the client offered none.
    pub alpn: Option<&'static str>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// SHA-256 of the client's certificate (DER), when one was asked for and given; it was verified.
    pub peer_certificate_digest: Option<[u8; 32]>,
}

/// The process at the other end of a Unix socket, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixPeer {
    /// Its effective user when it connected.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its process id.
    pub pid: Option<i32>,
}

impl Connection {
    /// A plain connection from `peer`, for tests and calls within the process.
    pub fn new(listener: &str, peer: SocketAddr) -> Self {
        Self::open(listener.into(), peer, CancellationToken::new())
    }

    /// A connection from within this machine, by the process `peer`.
    pub fn local(listener: &str, peer: UnixPeer) -> Self {
        Self::open(listener.into(), LOCAL, CancellationToken::new()).by(peer)
    }

    pub(super) fn open(listener: Arc<str>, peer: SocketAddr, draining: CancellationToken) -> Self {
        Self {
            listener,
            peer: canonical(peer),
            proxied: None,
            tls: None,
            unix: None,
            draining,
            pulse: Pulse::new(),
        }
    }

    pub(super) fn by(mut self, peer: UnixPeer) -> Self {
        self.unix = Some(peer);
        self
    }

    /// Where the connection comes from: the PROXY header's source, or the peer. Headers are not considered
    /// ([`super::client_address`]).
    pub fn source(&self) -> SocketAddr {
        self.proxied.unwrap_or(self.peer)
    }

    /// Ends when the listener drains: whoever holds an upgraded connection then says goodbye and closes it. The
    /// listener itself cannot: an upgraded connection is no longer in its hands.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }
}

/// What stands for the peer's address on a Unix socket: this machine.
pub(super) const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A dual-stack socket shows IPv4 peers as `::ffff:a.b.c.d`; rules are written for `a.b.c.d`.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_peers_are_unmapped() {
        let connection = Connection::new("gateway", "[::ffff:192.0.2.7]:99".parse().unwrap());
        assert_eq!(connection.peer, "192.0.2.7:99".parse().unwrap());
        assert_eq!(connection.source().ip(), IpAddr::from([192, 0, 2, 7]));
    }
}
