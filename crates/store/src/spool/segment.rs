//! Segments: the files of a spool, and the one that is being written.

use crate::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first bytes of a segment: what it is, and the version of its frames.
pub(super) const MAGIC: [u8; 8] = *b"PCSPOOL\x01";

/// The file of segment `number`.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.spool"))
}

/// Makes the directory when it is not there, and lists the segments in it: number and bytes, oldest first. Those without
/// a frame are removed.
pub(super) fn list(directory: &Path) -> Result<Vec<(u64, u64)>, Error> {
    let failed = |doing| move |error| Error::file(doing, directory, error);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed("cannot make the spool"))?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed("cannot read the spool"))? {
        let entry = entry.map_err(failed("cannot read the spool"))?;
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(|name| name.strip_suffix(".spool")) else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        let bytes = entry.metadata().map_err(failed("cannot read the spool"))?.len();
        if bytes <= MAGIC.len() as u64 {
            std::fs::remove_file(entry.path())
                .map_err(|error| Error::file("cannot remove", entry.path(), error))?;
        } else {
            found.push((number, bytes));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// Where the next frame goes; everything before is whole.
    pub(super) length: u64,
    pub(super) file: Arc<File>,
}

impl Segment {
    /// Makes an empty segment. One of the same number can only be what an attempt that failed half-way has left.
    pub(super) fn create(directory: &Path, number: u64) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path(directory, number))?;
        file.write_all_at(&MAGIC, 0)?;
        Ok(Self { number, length: MAGIC.len() as u64, file: Arc::new(file) })
    }

    /// Appends whole frames. After an error the segment is as it was before.
    pub(super) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all_at(frames, self.length) {
            // What was written of it would be taken for a torn end. When even this fails, the next frames overwrite it.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += frames.len() as u64;
        Ok(())
    }

    /// Makes an empty segment, and makes sure that the disk takes `bytes` bytes.
    pub(super) fn try_out(directory: &Path, number: u64, bytes: usize) -> io::Result<Self> {
        let segment = Self::create(directory, number)?;
        segment.file.write_all_at(&vec![0; bytes], segment.length)?;
        segment.file.sync_data()?;
        segment.file.set_len(segment.length)?;
        Ok(segment)
    }
}
