//! A Unix socket listener: for the command line beside a running process.

use super::server::Server;
use super::socket::Socket;
use super::{BindError, Drained, Limits, ListenOptions, Service};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixSocket;
use tokio_util::sync::CancellationToken;

/// A bound Unix socket, mode 0600; the file goes when it is dropped.
#[derive(Debug)]
pub struct UnixListener {
    bound: Bound,
    options: ListenOptions,
}

impl UnixListener {
    /// Binds `path`. A socket file that nobody listens on is replaced; one that somebody does, or another kind of
    /// file, is an error.
    pub async fn bind(name: &str, path: &Path, limits: Limits) -> Result<Self, BindError> {
        let fail = |reason: String| BindError { at: path.display().to_string(), reason };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error.to_string())),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(fail(
                    "a file that is no socket is in the way; remove it or choose another path".into(),
                ));
            }
            Ok(_) => match tokio::net::UnixStream::connect(path).await {
                Ok(_) => {
                    return Err(fail("another process listens there; stop it or choose another path".into()));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)
                        .map_err(|error| fail(format!("cannot remove a dead socket: {error}")))?;
                }
                Err(error) => return Err(fail(format!("a socket is there and cannot be tried: {error}"))),
            },
        }
        let bound = Bound::new(path).map_err(|error| {
            // `sun_path` has 108 bytes on Linux, its end included.
            let long = path.as_os_str().len() > 107;
            fail(if long {
                "the path is longer than 107 bytes; choose a shorter one".into()
            } else {
                error.to_string()
            })
        })?;
        let mut options = ListenOptions::new(name, super::connection::LOCAL);
        options.limits = limits;
        Ok(Self { bound, options })
    }

    /// Serves as [`super::Listener::serve`] does.
    pub async fn serve<S: Service>(
        self,
        service: Arc<S>,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> Drained {
        Server::new(self.options, service, shutdown).run(Socket::Unix(self.bound), drain).await
    }
}

/// A listening socket and its file.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: tokio::net::UnixListener,
    path: PathBuf,
    /// Device and inode: a file that somebody else put there since is not ours to remove.
    file: (u64, u64),
}

impl Bound {
    fn new(path: &Path) -> io::Result<Self> {
        let socket = UnixSocket::new_stream()?;
        // Linux gives the file the mode of the unbound socket, so that there is no moment at which others could connect.
        rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
        socket.bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let found = std::fs::symlink_metadata(path)?;
        let listener = socket.listen(128)?;
        Ok(Self { listener, path: path.to_owned(), file: (found.dev(), found.ino()) })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
