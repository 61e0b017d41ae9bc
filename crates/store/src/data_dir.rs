//! The data directory: what the embedded mode keeps, for one process at a time.

use crate::Error;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The data directory, locked. Other processes are kept out until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The lock goes with the file.
    _lock: File,
}

impl DataDir {
    /// Makes the directory when it is not there (mode 0700), and locks it. One that others may read is an error: keys
    /// are in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| Error::file("cannot make", path, error))?;
        let path = path.canonicalize().map_err(|error| Error::file("cannot open", path, error))?;
        let mode = std::fs::metadata(&path)
            .map_err(|error| Error::file("cannot open", &path, error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            let (mode, path) = (mode & 0o777, path.display());
            return Err(Error::Unsupported(format!(
                "the data directory holds keys and has mode {mode:03o}: make it yours alone with `chmod 700 {path}`"
            )));
        }
        let lock = path.join("lock");
        let failed = |error: io::Error| Error::file("cannot lock", &lock, error);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Only to be shown; it may be written at this very moment.
                let _ = file.take(32).read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() { "unknown" } else { holder }.to_owned();
                return Err(Error::Locked { path, holder });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { path, _lock: file })
    }

    /// The directory itself, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The directory of the spool.
    pub fn spool(&self) -> PathBuf {
        self.path.join(SPOOL)
    }

    /// The socket of the control plane, unless configured otherwise.
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// A file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of a private file, which is made of what `fill` gives when it is not there. After a crash the file is
    /// there as a whole or not at all. A file that others may read is an error.
    pub fn private(&self, name: &str, fill: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, Error> {
        let path = self.file(name);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let metadata =
                    std::fs::metadata(&path).map_err(|error| Error::file("cannot read", &path, error))?;
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    let path = path.display();
                    return Err(Error::Unsupported(format!(
                        "a private file has mode {mode:03o}: if nobody else has read it, make it yours alone with `chmod 600 {path}`"
                    )));
                }
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = fill();
                write_private(&path, &bytes)?;
                Ok(bytes)
            }
            Err(error) => Err(Error::file("cannot read", path, error)),
        }
    }
}

pub(crate) const DATABASE: &str = "portcullis.db";
pub(crate) const SPOOL: &str = "spool";

/// Writes a file of mode 0600 as a whole, replacing what is there, and syncs it and its name.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |error| Error::file("cannot write", path, error);
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(".new");
    let draft = directory.join(draft);
    let written = (|| {
        // What a crash has left is not trusted to have the right mode.
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()
    })();
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        (directory, path)
    }

    #[test]
    fn one_at_a_time() {
        let (_directory, path) = fresh();
        let first = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn nobody_else_may_read_it() {
        let (_directory, path) = fresh();
        let data = DataDir::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(data.private("key", || b"secret".to_vec()).unwrap(), b"secret");
        assert_eq!(data.private("key", || panic!("it is there")).unwrap(), b"secret");
        let key = data.file("key");
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(data.private("key", Vec::new).unwrap_err().to_string().contains("mode 640"));
        drop(data);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(DataDir::open(&path).unwrap_err().to_string().contains("chmod 700"));
    }
}
