//! Appending: many calls, one write.
//!
//! A call encodes its record on its own and adds the bytes to the group that is waiting; then it lets the other tasks of
//! its worker run once, and whoever comes back first writes the whole group with one `pwrite`. So a group holds what
//! was ready at the same time, nobody waits for a timer, and no call depends on another call's task being polled: any of
//! them can write, and what nobody waits for is written by the flusher.

use super::segment::{self, MAGIC, Segment};
use super::stored::Mark;
use super::{SpoolError, SpoolOptions, WhenFull, frame};
use crate::Error;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use portcullis_fault::defect;
use portcullis_model::Record;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A segment is closed when it would grow beyond this, or beyond a sixteenth of the limit.
const SEGMENT: u64 = 8 << 20;
/// Bytes that may wait for a write. Reached only when the disk stands still.
const PENDING: usize = 32 << 20;
/// A buffer that has grown beyond this is given back.
const KEPT: usize = 1 << 20;
/// Failed groups that are remembered. A spool that failed takes no more, so these are few.
const FAILURES: usize = 1_024;
/// What is written to find out whether the disk takes bytes again.
const PROBE: usize = 64 << 10;

thread_local! {
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the ends of a spool share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) options: SpoolOptions,
    state: Mutex<State>,
    /// Groups up to this one are done: written, or failed.
    done: AtomicU64,
    /// In all segments, and waiting for a write.
    bytes: AtomicU64,
    healthy: AtomicBool,
    /// How many groups have failed.
    failed: AtomicU64,
    /// Wakes the flusher.
    work: Condvar,
    /// Wakes the reader.
    pub(super) readable: tokio::sync::Notify,
    /// How far the reader has come with what it was told that the database has.
    pub(super) stored: tokio::sync::watch::Sender<Mark>,
    counts: Counts,
}

#[derive(Debug)]
struct State {
    /// Frames of the group that is waiting.
    pending: Vec<u8>,
    records: u64,
    /// Its number.
    group: u64,
    /// The buffer of the group before, to be used again.
    spare: Vec<u8>,
    /// `None` while somebody writes.
    segment: Option<Segment>,
    /// Who waits for the writer to come back.
    waiting: Vec<Waker>,
    /// Somebody who did not wait left bytes behind: the writer writes once more.
    left_behind: bool,
    failures: VecDeque<u64>,
    /// There is something to write or to sync.
    dirty: bool,
    /// Closed segments that are not synced.
    unsynced: Vec<Arc<File>>,
    /// A segment was made, and the directory is not synced.
    named: bool,
    /// The segment that is being written, and how much of it can be read.
    active: Mark,
    stop: bool,
}

struct Counts {
    bytes: Gauge,
    records: Counter,
    dropped: Counter,
    failed: Counter,
    writes: Counter,
    sync: Histogram,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

/// A record on its way. Resolves when its bytes are with the kernel; dropped early, they get there all the same.
#[must_use = "a record is safe when this has resolved"]
#[derive(Debug)]
pub struct Appended(Stage);

#[derive(Debug)]
enum Stage {
    Waiting { shared: Arc<Shared>, group: u64, polled: bool },
    Done(Result<(), SpoolError>),
}

impl Future for Appended {
    type Output = Result<(), SpoolError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            Stage::Done(result) => result.clone(),
            Stage::Waiting { shared, group, polled } => {
                if !*polled && !shared.is_done(*group) {
                    // Once round the other tasks of this worker: their records join the group.
                    *polled = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match shared.settle(*group, Some(context.waker())) {
                    Some(result) => result,
                    None => return Poll::Pending,
                }
            }
        };
        self.0 = Stage::Done(result.clone());
        Poll::Ready(result)
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        if let Stage::Waiting { shared, group, .. } = &self.0 {
            // A caller that went away is recorded too, now.
            let _ = shared.settle(*group, None);
        }
    }
}

impl Shared {
    /// The spool in `directory`, and the segments that an earlier process left there.
    pub(super) fn open(directory: &Path, options: SpoolOptions) -> Result<(Self, VecDeque<u64>), Error> {
        let left = segment::list(directory)?;
        let number = left.last().map_or(1, |(number, _)| number + 1);
        let failed = |error| Error::file("cannot make a segment in", directory, error);
        let segment = Segment::create(directory, number).map_err(failed)?;
        let bytes = left.iter().map(|(_, bytes)| bytes).sum::<u64>() + segment.length;
        let state = State {
            pending: Vec::new(),
            records: 0,
            group: 1,
            spare: Vec::new(),
            active: (number, segment.length),
            segment: Some(segment),
            waiting: Vec::new(),
            left_behind: false,
            failures: VecDeque::new(),
            dirty: true,
            unsynced: Vec::new(),
            named: true,
            stop: false,
        };
        let shared = Self {
            directory: directory.to_owned(),
            options,
            state: Mutex::new(state),
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(bytes),
            healthy: AtomicBool::new(true),
            failed: AtomicU64::new(0),
            work: Condvar::new(),
            readable: tokio::sync::Notify::new(),
            stored: tokio::sync::watch::Sender::new(Mark::default()),
            counts: Counts {
                bytes: gauge!("portcullis_spool_bytes"),
                records: counter!("portcullis_spool_records_total"),
                dropped: counter!("portcullis_spool_records_dropped_total"),
                failed: counter!("portcullis_spool_records_failed_total"),
                writes: counter!("portcullis_spool_writes_total"),
                sync: histogram!("portcullis_spool_sync_seconds"),
            },
        };
        Ok((shared, left.into_iter().map(|(number, _)| number).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn has_room(&self) -> bool {
        self.options.when_full == WhenFull::Drop
            || (self.healthy.load(Ordering::Relaxed) && self.bytes() < self.options.limit)
    }

    fn segment_size(&self) -> u64 {
        SEGMENT.min(self.options.limit / 16).max(4 << 10)
    }

    /// What a record that cannot be kept comes to.
    fn turned_away(&self, error: SpoolError) -> Result<(), SpoolError> {
        if self.options.when_full == WhenFull::Drop {
            self.counts.dropped.increment(1);
            return Ok(());
        }
        self.counts.failed.increment(1);
        Err(error)
    }

    pub(super) fn append(this: &Arc<Self>, record: &Record) -> Appended {
        let queued = ENCODED.with_borrow_mut(|buffer| {
            let queued =
                if frame::encode(record, buffer) { this.queue(buffer) } else { Err(SpoolError::Unwritable) };
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
            queued
        });
        Appended(match queued {
            Ok(group) => Stage::Waiting { shared: this.clone(), group, polled: false },
            Err(error) => Stage::Done(this.turned_away(error)),
        })
    }

    /// Adds a frame to the group that is waiting; its number.
    fn queue(&self, frame: &[u8]) -> Result<u64, SpoolError> {
        if !self.healthy.load(Ordering::Relaxed) {
            return Err(SpoolError::Disk);
        }
        let length = frame.len() as u64;
        let reserve = if self.options.when_full == WhenFull::Refuse { self.options.limit / 8 } else { 0 };
        if self.bytes() + length > self.options.limit + reserve {
            return Err(SpoolError::Full);
        }
        let mut state = self.lock();
        if state.pending.len() + frame.len() > PENDING.max(frame.len()) {
            return Err(SpoolError::Full);
        }
        state.pending.extend_from_slice(frame);
        state.records += 1;
        self.bytes.fetch_add(length, Ordering::Relaxed);
        if !state.dirty {
            state.dirty = true;
            self.work.notify_one();
        }
        Ok(state.group)
    }

    fn is_done(&self, group: u64) -> bool {
        self.done.load(Ordering::Acquire) >= group
    }

    /// What became of a group, writing it when nobody else does. `None`: somebody is writing; `waker` is woken after.
    fn settle(&self, group: u64, waker: Option<&Waker>) -> Option<Result<(), SpoolError>> {
        if !self.is_done(group) {
            let mut state = self.lock();
            if !self.is_done(group) {
                let Some(segment) = state.segment.take() else {
                    match waker {
                        Some(waker) => state.waiting.push(waker.clone()),
                        None => state.left_behind = true,
                    }
                    return None;
                };
                self.write(state, segment);
            }
        }
        if self.failed.load(Ordering::Relaxed) == 0 || self.options.when_full == WhenFull::Drop {
            return Some(Ok(()));
        }
        Some(if self.lock().failures.contains(&group) { Err(SpoolError::Disk) } else { Ok(()) })
    }

    /// Writes the group that is waiting, and what was left behind meanwhile. The lock is not held during the write.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State>, mut segment: Segment) {
        loop {
            let spare = std::mem::take(&mut state.spare);
            let mut frames = std::mem::replace(&mut state.pending, spare);
            let records = std::mem::take(&mut state.records);
            let group = state.group;
            state.group += 1;
            state.left_behind = false;
            drop(state);

            let length = frames.len() as u64;
            // Whoever writes has the segment: it is given back whatever happens, or no call would ever end again.
            let appended = defect::catch(|| self.append_to(&mut segment, &frames));
            let (written, closed) = appended.unwrap_or_else(|defect| (Err(io::Error::other(defect)), None));
            frames.clear();
            frames.shrink_to(KEPT);

            state = self.lock();
            state.spare = frames;
            state.named |= closed.is_some();
            state.unsynced.extend(closed);
            state.active = (segment.number, segment.length);
            match written {
                Ok(()) => {
                    self.counts.records.increment(records);
                    self.counts.writes.increment(1);
                }
                Err(error) => self.fail(&mut state, group, length, records, &error),
            }
            self.counts.bytes.set(self.bytes() as f64);
            self.done.store(group, Ordering::Release);
            state.waiting.drain(..).for_each(Waker::wake);
            if !state.left_behind || state.pending.is_empty() {
                state.segment = Some(segment);
                return;
            }
        }
    }

    /// Appends frames, to the next segment when this one is full. Also the segment that was closed.
    fn append_to(&self, segment: &mut Segment, frames: &[u8]) -> (io::Result<()>, Option<Arc<File>>) {
        let empty = segment.length <= MAGIC.len() as u64;
        if empty || segment.length + frames.len() as u64 <= self.segment_size() {
            return (segment.append(frames), None);
        }
        match Segment::create(&self.directory, segment.number + 1) {
            Ok(mut next) => {
                self.bytes.fetch_add(next.length, Ordering::Relaxed);
                let written = next.append(frames);
                let closed = std::mem::replace(segment, next);
                (written, Some(closed.file))
            }
            Err(error) => (Err(error), None),
        }
    }

    fn fail(&self, state: &mut State, group: u64, length: u64, records: u64, error: &io::Error) {
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        if state.failures.len() == FAILURES {
            state.failures.pop_front();
        }
        state.failures.push_back(group);
        self.failed.fetch_add(1, Ordering::Relaxed);
        let count =
            if self.options.when_full == WhenFull::Drop { &self.counts.dropped } else { &self.counts.failed };
        count.increment(records);
        if self.healthy.swap(false, Ordering::AcqRel) {
            tracing::error!(%error, directory = %self.directory.display(), records, "the spool of records cannot be written");
        }
        // The flusher tries until it can be written again.
        state.dirty = true;
        self.work.notify_one();
    }

    /// Closes the segment that is being written when all of it was read, so that it can be deleted. `read` is how far.
    pub(super) fn close_segment(&self, number: u64, read: u64) {
        let mut state = self.lock();
        if !state.pending.is_empty() || state.active != (number, read) {
            return;
        }
        let Some(segment) = state.segment.take() else { return };
        match Segment::create(&self.directory, number + 1) {
            Ok(next) => {
                self.bytes.fetch_add(next.length, Ordering::Relaxed);
                state.active = (next.number, next.length);
                state.segment = Some(next);
                state.named = true;
            }
            // It stays in use, and is deleted later.
            Err(_) => state.segment = Some(segment),
        }
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// The segment that is being written, and how much of it can be read.
    pub(super) fn active(&self) -> Mark {
        self.lock().active
    }

    /// Bytes of a deleted segment.
    pub(super) fn freed(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes.min(self.bytes()), Ordering::Relaxed);
        self.counts.bytes.set(self.bytes() as f64);
    }

    /// Whether the reader should hurry, and give back what it can.
    pub(super) fn is_tight(&self) -> bool {
        self.bytes() >= self.options.limit / 4
    }

    /// Whether a segment that was read to here is worth closing.
    pub(super) fn is_worth_closing(&self, length: u64) -> bool {
        length > MAGIC.len() as u64 && (length >= self.segment_size() / 2 || self.is_tight())
    }

    /// Writes what waits and syncs everything.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        if !state.pending.is_empty() {
            match state.segment.take() {
                Some(segment) => {
                    self.write(state, segment);
                    state = self.lock();
                }
                // Somebody is writing, and will write these too.
                None => state.left_behind = true,
            }
        }
        // Whoever is writing at this moment is synced the next time.
        state.dirty = state.segment.is_none();
        let named = std::mem::take(&mut state.named);
        let mut files = std::mem::take(&mut state.unsynced);
        files.extend(state.segment.as_ref().map(|segment| segment.file.clone()));
        drop(state);
        let started = Instant::now();
        let mut synced = files.iter().try_for_each(|file| file.sync_data());
        if named {
            synced = synced.and(File::open(&self.directory).and_then(|directory| directory.sync_all()));
        }
        self.counts.sync.record(started.elapsed().as_secs_f64());
        self.readable.notify_one();
        synced
    }

    /// The flusher's life: sleeps until there is something to do, lets `fsync_interval` pass, does it.
    pub(super) fn flush_until_stopped(&self) {
        loop {
            let state = self.lock();
            let idle = |state: &mut State| !state.dirty && !state.stop;
            let state = self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let interval = self.options.fsync_interval.max(Duration::from_millis(1));
            let waited = self.work.wait_timeout_while(state, interval, |state| !state.stop);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let stop = state.stop;
            drop(state);
            if let Err(error) = self.sync() {
                self.cannot_sync(&error);
            }
            if !self.healthy.load(Ordering::Relaxed) {
                self.try_again();
            }
            let left = self.lock().dirty && self.healthy.load(Ordering::Relaxed);
            if stop && !left {
                return;
            }
        }
    }

    /// What was written may not be on the disk, and whether it is cannot be found out: no promise is given until the
    /// disk takes bytes again.
    pub(super) fn cannot_sync(&self, error: &io::Error) {
        self.lock().dirty = true;
        if self.healthy.swap(false, Ordering::AcqRel) {
            tracing::error!(%error, directory = %self.directory.display(), "the spool of records cannot be synced");
        }
    }

    /// Begins a new segment and tries it out: whatever was wrong, with the directory, the disk or the old file, is over
    /// when that works.
    fn try_again(&self) {
        let mut state = self.lock();
        state.dirty = true;
        let Some(segment) = state.segment.take() else { return };
        drop(state);
        let tried = Segment::try_out(&self.directory, segment.number + 1, PROBE);
        let mut state = self.lock();
        match tried {
            Ok(next) => {
                self.bytes.fetch_add(next.length, Ordering::Relaxed);
                state.active = (next.number, next.length);
                state.named = true;
                state.unsynced.push(segment.file);
                state.segment = Some(next);
                self.healthy.store(true, Ordering::Release);
                tracing::info!(directory = %self.directory.display(), "the spool of records can be written again");
            }
            Err(_) => state.segment = Some(segment),
        }
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Ends the flusher, which writes and syncs everything once more.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.work.notify_all();
    }
}
