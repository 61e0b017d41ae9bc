//! The spool: where records are safe before the call's last byte leaves, and wait for the database.
//!
//! A record is with the kernel when [`Appended`] resolves, so a killed process loses none; it is on the disk at most
//! `fsync_interval` later, which is what a power cut may cost. From there [`SpoolReader`] brings records to the database
//! in batches; a database that is down or slow costs no call anything until the spool is full.
//!
//! Files: segments `<number>.spool` in a directory of our own, each a magic number and frames (`spool/frame.rs`). A segment
//! is only ever appended to by the process that made it, and deleted when the database has all of it. After a crash
//! some records are brought to the database twice, which changes nothing there.
//!
//! Not here: what is in a record, and whether a call may go on when the spool is full: [`Spool::has_room`] is asked by
//! the gateway when it accepts a call.

mod append;
mod door;
mod drain;
mod flusher;
mod frame;
mod reader;
mod segment;
mod stored;

pub use append::Appended;
pub use reader::{Batch, SpoolReader};
pub use stored::Stored;

use crate::Error;
use append::Shared;
use flusher::Flusher;
use portcullis_model::Record;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How a spool is kept.
#[derive(Clone, Copy, Debug)]
pub struct SpoolOptions {
    /// How long a record may be with the kernel only.
    pub fsync_interval: Duration,
    /// How many bytes may wait for the database.
    pub limit: u64,
    /// What happens to a record that finds the spool full.
    pub when_full: WhenFull,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { fsync_interval: Duration::from_millis(200), limit: 1 << 30, when_full: WhenFull::Refuse }
    }
}

/// What happens when the spool is full or its disk fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// [`Spool::has_room`] says no, so that no call begins that cannot be recorded. Calls that are under way may still use
    /// a reserve of an eighth of the limit; beyond that [`Appended`] is an error.
    #[default]
    Refuse,
    /// The record is dropped and counted.
    Drop,
}

/// Why a record was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The records that wait for the database have reached the limit.
    #[error("the spool of records is full: the database has not taken any for too long")]
    Full,
    /// The disk refused: full, read-only or broken.
    #[error("the spool of records cannot be written")]
    Disk,
    /// The record cannot be written down: larger than 64 MiB.
    #[error("the record cannot be written down")]
    Unwritable,
}

/// The writing end. Cheap to clone. When the last clone goes, everything is written and synced.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    /// Writes and syncs what nobody waits for; ends with the last clone.
    _flusher: Arc<Flusher>,
}

impl Spool {
    /// Opens the spool in `directory`, which is made when it is not there. What an earlier process left is read first.
    /// One process at a time: see [`crate::DataDir`].
    pub fn open(directory: &Path, options: SpoolOptions) -> Result<(Self, SpoolReader), Error> {
        let (shared, left) = Shared::open(directory, options)?;
        let shared = Arc::new(shared);
        let flusher = Flusher::start(shared.clone())
            .map_err(|error| Error::file("cannot start the writer of", directory, error))?;
        let reader = SpoolReader::new(shared.clone(), left);
        Ok((Self { shared, _flusher: Arc::new(flusher) }, reader))
    }

    /// Appends a record. The bytes are taken before this returns; the future resolves when they are with the kernel.
    /// Dropping it early loses nothing.
    pub fn append(&self, record: &Record) -> Appended {
        Shared::append(&self.shared, record)
    }

    /// Whether a call may begin: there is room for its record, or records may be dropped. Costs two atomic reads.
    pub fn has_room(&self) -> bool {
        self.shared.has_room()
    }

    /// Tells when the database has what was recorded.
    pub fn stored(&self) -> Stored {
        Stored(self.shared.clone())
    }

    /// Bytes that wait for the database.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes()
    }

    /// Writes and syncs everything that was appended. Blocks on the disk: not for a task.
    pub fn sync(&self) -> std::io::Result<()> {
        self.shared.sync()
    }
}
