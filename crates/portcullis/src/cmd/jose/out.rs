//! Writing keys and messages to where the command line says. What is private is a file for its owner only, and never
//! replaces another by accident.

use crate::failure::{Done, Failure};
use clap::Args;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where a result goes.
#[derive(Args, Clone, Debug, Default)]
pub struct Out {
    /// Write to this file instead of stdout; what is private with mode 0600
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Out {
    /// To this file, or to none.
    pub fn to(out: Option<PathBuf>, force: bool) -> Self {
        Self { out, force }
    }

    /// Whether what is there is replaced.
    pub fn is_forced(&self) -> bool {
        self.force
    }

    /// Whether the result ends up on a screen.
    pub fn is_screen(&self) -> bool {
        self.out.is_none() && std::io::stdout().is_terminal()
    }

    /// Whether the result goes to a file.
    pub fn is_file(&self) -> bool {
        self.out.is_some()
    }

    /// Fails early when the file is there and must not be replaced: before a key is made in vain.
    ///
    /// # Errors
    /// It is there.
    pub fn check(&self) -> Done {
        match &self.out {
            Some(path) if !self.force && path.symlink_metadata().is_ok() => Err(taken(path)),
            _ => Ok(()),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The file is there and `--force` is not, or it cannot be written.
    pub fn write(&self, bytes: &[u8], private: bool) -> Done {
        let Some(path) = &self.out else {
            let mut stdout = std::io::stdout().lock();
            return match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(()),
            };
        };
        self.check()?;
        let cannot = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => taken(path),
            _ => Failure::usage(format!("cannot write: {error}")).at(path.display().to_string()),
        };
        // Beside it first, so that neither half a key nor a readable one is ever under its name.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut draft = tempfile::Builder::new();
        draft.prefix(".portcullis-");
        let mut draft = draft.make_in(folder, |path| create(path, private)).map_err(cannot)?;
        draft.write_all(bytes).and_then(|()| draft.as_file().sync_all()).map_err(cannot)?;
        let kept = if self.force { draft.persist(path) } else { draft.persist_noclobber(path) };
        kept.map_err(|error| cannot(error.error))?;
        Ok(())
    }
}

fn create(path: &Path, private: bool) -> std::io::Result<File> {
    // The process's umask takes away from the latter what the user wants taken away.
    let mode = if private { 0o600 } else { 0o644 };
    File::options().write(true).create_new(true).mode(mode).open(path)
}

fn taken(path: &Path) -> Failure {
    Failure::usage("the file is there already, and a key that is overwritten is lost")
        .at(path.display().to_string())
        .next("name another file, or say `--force`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nothing_is_replaced_by_accident_and_keys_are_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.jwk");
        let out = |force| Out { out: Some(path.clone()), force };
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        out(false).write(b"one", true).unwrap();
        assert_eq!(mode(), 0o600);
        let refused = out(false).write(b"two", true).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        out(true).write(b"three", true).unwrap();
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode()), (b"three".as_slice(), 0o600));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        let nowhere = Out { out: Some(folder.path().join("no/such/key")), force: false };
        assert!(nowhere.write(b"x", true).is_err());
    }
}
