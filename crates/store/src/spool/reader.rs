//! The reading end: whole records in the order in which they were appended, across restarts.

use super::append::Shared;
use super::frame::{self, Next};
use super::segment::{self, MAGIC};
use crate::Error;
use metrics::{Counter, counter};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// Bytes that are read at once at most, unless a single frame is longer.
const CHUNK: u64 = 1 << 20;
/// Bytes that are read for each record that is wanted: twice what a record usually has, so that one reading is mostly
/// enough and little of it is read again for the next batch.
const EACH: u64 = 2 << 10;

/// The reading end of a spool.
#[derive(Debug)]
pub struct SpoolReader {
    pub(super) shared: Arc<Shared>,
    /// Segments that an earlier process left and that were not begun yet.
    left: VecDeque<u64>,
    /// The segment that is being read, and how much of it was committed.
    number: u64,
    offset: u64,
    file: Option<File>,
    damaged: Counter,
}

/// Records, in order, each the JSON as it was written.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    bodies: Vec<Range<usize>>,
    /// How far in the segment this batch goes.
    end: u64,
}

impl Batch {
    /// The records' JSON.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bodies.iter().map(|range| &self.bytes[range.clone()])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.bodies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }
}

impl SpoolReader {
    pub(super) fn new(shared: Arc<Shared>, mut left: VecDeque<u64>) -> Self {
        let number = left.pop_front().unwrap_or_else(|| shared.active().0);
        let damaged = counter!("portcullis_spool_damaged_total");
        let reader = Self { shared, left, number, offset: MAGIC.len() as u64, file: None, damaged };
        reader.tell();
        reader
    }

    /// The next records, at most `most`, waiting until there are some. The same again until [`SpoolReader::commit`]. May
    /// be cancelled.
    pub async fn next(&mut self, most: usize) -> Result<Batch, Error> {
        loop {
            // Before looking: what is written after this wakes.
            let shared = self.shared.clone();
            let mut readable = std::pin::pin!(shared.readable.notified());
            readable.as_mut().enable();
            let batch = self.try_next(most).await?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            readable.await;
        }
    }

    /// The next records that are there already; none when everything was read.
    pub async fn try_next(&mut self, most: usize) -> Result<Batch, Error> {
        loop {
            let (active, length) = self.shared.active();
            let end = if self.number == active { length } else { self.length().await? };
            if self.offset < end {
                let batch = self.read(end, most.max(1)).await?;
                if !batch.is_empty() {
                    return Ok(batch);
                }
                // Only damage up to here; what follows may be sound.
                self.offset = batch.end;
                self.tell();
            } else if self.number == active {
                if self.shared.is_worth_closing(length) {
                    self.shared.close_segment(active, length);
                    if self.shared.active().0 != active {
                        continue;
                    }
                }
                return Ok(Batch { end, ..Batch::default() });
            } else {
                self.finish_segment(end).await?;
            }
        }
    }

    /// The database has these records.
    pub fn commit(&mut self, batch: &Batch) {
        self.offset = self.offset.max(batch.end);
        self.tell();
    }

    /// Nothing before this place has to be waited for.
    fn tell(&self) {
        self.shared.stored.send_replace((self.number, self.offset));
    }

    /// Deletes what was read to its end, as far as that can be done; for when the process ends.
    pub async fn close(mut self) -> Result<(), Error> {
        let (active, length) = self.shared.active();
        if self.number == active && self.offset >= length && length > MAGIC.len() as u64 {
            self.shared.close_segment(active, length);
            if self.shared.active().0 != active {
                self.finish_segment(length).await?;
            }
        }
        Ok(())
    }

    fn failed(&self, doing: &'static str, error: std::io::Error) -> Error {
        Error::file(doing, segment::path(&self.shared.directory, self.number), error)
    }

    /// The segment's file, and how long it is.
    async fn length(&mut self) -> Result<u64, Error> {
        let file = self.file().await?;
        let length = file.metadata().await.map(|metadata| metadata.len());
        length.map_err(|error| self.failed("cannot read", error))
    }

    async fn file(&mut self) -> Result<&mut File, Error> {
        if self.file.is_none() {
            let path = segment::path(&self.shared.directory, self.number);
            let opened = File::open(&path).await.map_err(|error| Error::file("cannot open", path, error))?;
            self.file = Some(opened);
        }
        // It was set just now.
        self.file.as_mut().ok_or_else(|| Error::Corrupt("no segment is open".to_owned()))
    }

    async fn bytes(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
        let file = self.file().await?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = async {
            file.seek(SeekFrom::Start(offset)).await?;
            file.read_exact(&mut bytes).await
        };
        match read.await {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.failed("cannot read", error)),
        }
    }

    /// Reads at most `most` frames from where we are. `end` is where the segment ends, for now.
    async fn read(&mut self, end: u64, most: usize) -> Result<Batch, Error> {
        let wanted = EACH.saturating_mul(most as u64).min(CHUNK).min(end - self.offset);
        let mut batch = Batch { bytes: self.bytes(self.offset, wanted).await?, ..Batch::default() };
        let mut at = 0;
        while batch.bodies.len() < most && at < batch.bytes.len() {
            let left = end - self.offset - at as u64;
            match frame::next(&batch.bytes[at..]) {
                Next::Frame(body) => {
                    let begin = at + frame::HEAD;
                    at = begin + body.len();
                    batch.bodies.push(begin..at);
                }
                Next::Short(needed) if needed as u64 <= left => {
                    if !batch.bodies.is_empty() {
                        break;
                    }
                    // A frame longer than a chunk, or one that the chunk's end cut.
                    let offset = self.offset + at as u64;
                    let needed = (needed as u64).max(CHUNK).min(left);
                    batch.bytes = self.bytes(offset, needed).await?;
                    self.offset = offset;
                    at = 0;
                }
                Next::Damaged(length) => {
                    self.report(at, length as u64, "a record is damaged and passed over");
                    at += length;
                }
                Next::Short(_) | Next::Nonsense => {
                    self.report(at, left, "the end of a segment is torn and passed over");
                    batch.end = end;
                    return Ok(batch);
                }
            }
        }
        batch.end = self.offset + at as u64;
        Ok(batch)
    }

    /// A torn end is what a killed process or a power cut leaves: nobody was told that it was safe.
    fn report(&self, at: usize, bytes: u64, what: &'static str) {
        self.damaged.increment(1);
        tracing::warn!(segment = self.number, offset = self.offset + at as u64, bytes, "{what}");
    }

    async fn finish_segment(&mut self, length: u64) -> Result<(), Error> {
        self.file = None;
        let path = segment::path(&self.shared.directory, self.number);
        tokio::fs::remove_file(&path).await.map_err(|error| Error::file("cannot remove", path, error))?;
        self.shared.freed(length);
        // Ours begin after the last that was left, and have no gaps.
        self.number = self.left.pop_front().unwrap_or(self.number + 1);
        self.offset = MAGIC.len() as u64;
        self.tell();
        Ok(())
    }
}
