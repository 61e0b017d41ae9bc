//! A TCP listener.

use super::server::Server;
use super::socket::Socket;
use super::{ListenOptions, Service};
use crate::keep_alive::keep_alive;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: u32 = 4096;

/// A bound TCP socket, ready to serve.
#[derive(Debug)]
pub struct Listener {
    socket: tokio::net::TcpListener,
    address: SocketAddr,
    options: ListenOptions,
}

/// A listener could not be set up; the text says why and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{at}`: {reason}")]
pub struct BindError {
    /// Where.
    pub at: String,
    /// Why, and what to do.
    pub reason: String,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the deadline and were cut. Upgraded ones among them are their owner's to
    /// close.
    pub cut: usize,
}

impl Listener {
    /// Binds. `SO_REUSEADDR` is set, so that a restart does not wait for old connections.
    pub async fn bind(options: ListenOptions) -> Result<Self, BindError> {
        let fail = |reason: String| BindError { at: options.address.to_string(), reason };
        if options.proxy_protocol && options.trusted_proxies.is_empty() {
            return Err(fail(
                "`proxy_protocol` needs `trusted_proxies`: nobody's header would be believed".into(),
            ));
        }
        let bind = || {
            let socket = if options.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            keep_alive(&socket)?;
            socket.bind(options.address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = bind().map_err(|error: std::io::Error| {
            fail(match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another process listens there; stop it or choose another port".into()
                }
                std::io::ErrorKind::PermissionDenied => {
                    format!("{error}; ports below 1024 need the capability `CAP_NET_BIND_SERVICE`")
                }
                std::io::ErrorKind::AddrNotAvailable => {
                    "no interface of this machine has this address".into()
                }
                _ => error.to_string(),
            })
        })?;
        Ok(Self { socket, address, options })
    }

    /// Where it listens, with the port that was taken when 0 was asked for.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`; then no more connections are taken, HTTP/1.1 connections close after the call that is
    /// under way, HTTP/2 connections get GOAWAY, and after `drain` what is left is cut.
    pub async fn serve<S: Service>(
        self,
        service: Arc<S>,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> Drained {
        Server::new(self.options, service, shutdown).run(Socket::Tcp(self.socket), drain).await
    }
}
