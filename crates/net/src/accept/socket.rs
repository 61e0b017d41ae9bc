//! The two kinds of listening socket.

use super::UnixPeer;
use super::connection::LOCAL;
use super::io::Wire;
use std::io;
use std::net::SocketAddr;

/// A listening socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(tokio::net::TcpListener),
    Unix(super::unix::Bound),
}

/// A connection that was just taken.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) wire: Wire,
    pub(super) peer: SocketAddr,
    pub(super) unix: Option<UnixPeer>,
}

impl Socket {
    /// Takes the next connection. May be cancelled.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted { wire: Wire::Tcp(stream), peer, unix: None })
            }
            Self::Unix(bound) => {
                let (stream, _) = bound.listener.accept().await?;
                let by = stream.peer_cred()?;
                let unix = UnixPeer { uid: by.uid(), gid: by.gid(), pid: by.pid() };
                Ok(Accepted { wire: Wire::Unix(stream), peer: LOCAL, unix: Some(unix) })
            }
        }
    }
}

/// Whether an error concerns only the connection that would have been taken. The others (no more file descriptors or
/// memory) last, and trying again at once would spin.
pub(super) fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput, NotConnected,
    };
    // `set_nodelay` on a connection that is already gone says `InvalidInput`.
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput | NotConnected
    )
}
