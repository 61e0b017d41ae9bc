//! Finding out that the other end of a silent connection is gone.

use std::io;
use std::time::Duration;
use tokio::net::TcpSocket;

/// The kernel probes after a minute of silence, four times a quarter of a minute apart, then breaks the connection.
/// Connections that a listening socket accepts inherit this.
pub(crate) fn keep_alive(socket: &TcpSocket) -> io::Result<()> {
    socket.set_keepalive(true)?;
    rustix::net::sockopt::set_tcp_keepidle(socket, Duration::from_secs(60))?;
    rustix::net::sockopt::set_tcp_keepintvl(socket, Duration::from_secs(15))?;
    rustix::net::sockopt::set_tcp_keepcnt(socket, 4)?;
    Ok(())
}
