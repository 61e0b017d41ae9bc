//! Backup and restore of the embedded mode: a directory with the database as it was at one moment, the records that were
//! on their way into it, and the keys without which neither is worth anything.
//!
//! Not for PostgreSQL, which has its own (`pg_dump`, base backups); the key files of the data directory belong into that
//! backup too.

use crate::data_dir::{DATABASE, SPOOL, write_private};
use crate::{DataDir, Database, Error, Options, Store, migrations};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What tells a backup from any other directory.
const MANIFEST: &str = "backup.json";
/// What the data directory has that a backup has not.
const NOT_COPIED: [&str; 4] = ["lock", "control.sock", "serving.json", MANIFEST];

/// Makes a backup in `to`, a directory that is not there yet, while the process serves on. When it fails, what it has
/// written is removed.
pub async fn backup(store: &Store, data: &DataDir, to: &Path) -> Result<(), Error> {
    if !store.is_embedded() {
        return Err(Error::Unsupported("the data is in PostgreSQL: back it up with `pg_dump`, and the data directory's key files with it".to_owned()));
    }
    let failed = |error| Error::file("cannot make", to, error);
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    DirBuilder::new().mode(0o700).create(to).map_err(failed)?;
    let made = fill(store, data, to).await;
    if made.is_err() {
        let _ = std::fs::remove_dir_all(to);
    }
    made
}

async fn fill(store: &Store, data: &DataDir, to: &Path) -> Result<(), Error> {
    for (from, name) in files(data.path())? {
        copy(&from, &to.join(name)).await?;
    }
    // The spool before the database: a record that moves from one to the other meanwhile is in both, which is the same
    // as being in one.
    let spool = to.join(SPOOL);
    DirBuilder::new()
        .mode(0o700)
        .create(&spool)
        .map_err(|error| Error::file("cannot make", &spool, error))?;
    for (from, name) in files(&data.spool())? {
        match copy(&from, &spool.join(name)).await {
            // Drained meanwhile: then it is in the database.
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    store.copy_into(&to.join(DATABASE)).await?;
    sync(&to.join(DATABASE)).await?;
    let manifest = serde_json::json!({ "product": "portcullis", "release": env!("CARGO_PKG_VERSION"), "migration": migrations::latest() });
    write_private(&to.join(MANIFEST), format!("{manifest:#}\n").as_bytes())
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The release that made the backup.
    pub release: String,
    /// The files that were put in place.
    pub files: Vec<PathBuf>,
}

/// Puts the backup in `from` into the data directory, which must have no database yet. The database is opened and
/// checked first, and brought up to date when it is older.
pub async fn restore(from: &Path, data: &DataDir) -> Result<Restored, Error> {
    let manifest =
        std::fs::read(from.join(MANIFEST)).map_err(|error| Error::file("not a backup", from, error))?;
    let manifest: serde_json::Value =
        serde_json::from_slice(&manifest).map_err(|error| Error::file("not a backup", from, error.into()))?;
    let migration = manifest["migration"].as_i64().unwrap_or(i64::MAX);
    if migration > migrations::latest() {
        return Err(Error::Newer { database: migration, release: migrations::latest() });
    }
    let in_the_way: Vec<PathBuf> = files(data.path())?
        .into_iter()
        .map(|(path, _)| path)
        .chain([data.database(), data.spool()])
        .filter(|path| path.exists())
        .collect();
    if let Some(path) = in_the_way.first() {
        let path = path.display();
        return Err(Error::Unsupported(format!(
            "the data directory is in use: move it away first; `{path}` would be replaced"
        )));
    }
    let restored = put_in_place(from, data).await;
    if restored.is_err() {
        // It was empty, and is empty again: the same command can be tried again.
        for (path, _) in files(data.path())? {
            let _ = std::fs::remove_file(path);
        }
        for name in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data.file(&format!("{DATABASE}{name}")));
        }
        let _ = std::fs::remove_dir_all(data.spool());
    }
    Ok(Restored { release: manifest["release"].as_str().unwrap_or("unknown").to_owned(), files: restored? })
}

async fn put_in_place(from: &Path, data: &DataDir) -> Result<Vec<PathBuf>, Error> {
    copy(&from.join(DATABASE), &data.database()).await?;
    let store = Store::open(Options::new(Database::Sqlite(data.database()))).await?;
    let sound = store.is_sound().await;
    store.close().await;
    sound?;
    let mut placed = vec![data.database()];
    for (from, name) in files(from)? {
        let to = data.path().join(name);
        copy(&from, &to).await?;
        placed.push(to);
    }
    let spool = data.spool();
    DirBuilder::new()
        .mode(0o700)
        .create(&spool)
        .map_err(|error| Error::file("cannot make", &spool, error))?;
    for (from, name) in files(&from.join(SPOOL))? {
        let to = spool.join(name);
        copy(&from, &to).await?;
        placed.push(to);
    }
    Ok(placed)
}

/// The regular files of a directory that a backup consists of, beside the database; none when there is no directory.
fn files(directory: &Path) -> Result<Vec<(PathBuf, std::ffi::OsString)>, Error> {
    let failed = |error| Error::file("cannot read", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let other = text.starts_with(DATABASE) || text.starts_with('.') || NOT_COPIED.contains(&&*text);
        if entry.file_type().map_err(failed)?.is_file() && !other {
            found.push((entry.path(), name));
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a file to where none is, of mode 0600 whatever it was, and syncs it. A segment may be large, so no worker waits.
async fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source =
        tokio::fs::File::open(from).await.map_err(|error| Error::file("cannot read", from, error))?;
    let copied = async {
        let mut target = tokio::fs::File::options().write(true).create_new(true).mode(0o600).open(to).await?;
        tokio::io::copy(&mut source, &mut target).await?;
        target.sync_all().await
    };
    copied.await.map_err(|error| Error::file("cannot write", to, error))
}

async fn sync(path: &Path) -> Result<(), Error> {
    let synced = async {
        tokio::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).await?;
        tokio::fs::File::open(path).await?.sync_all().await
    };
    synced.await.map_err(|error| Error::file("cannot write", path, error))
}
