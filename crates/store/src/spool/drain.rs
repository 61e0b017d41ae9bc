//! From the spool into the database, for as long as the process lives.

use super::door::{Door, Share, Then};
use super::reader::{Batch, SpoolReader};
use crate::entity::records::{Entry, insert_entries};
use crate::{Error, Store};
use metrics::{Counter, counter};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a database that refused is left alone: doubling from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a process that ends goes on draining.
const LAST_PASS: Duration = Duration::from_secs(5);
/// How much is set aside of what the database will never take.
const SET_ASIDE: u64 = 16 << 20;
/// Records that are looked at before other tasks may run.
const STRETCH: usize = 32;

impl SpoolReader {
    /// Brings records to `store` in batches of at most `batch`, in order, until `shutdown`; then what is left, for at most
    /// five seconds. What is not in the database by then waits for the next start. A database that is down is tried again
    /// and again; a record that it will never take is set aside in `rejected.ndjson` in the spool's directory.
    ///
    /// Into the embedded database this is work for this process' own processors, and a thread of its own does it, with
    /// what the calls leave: see `door`. PostgreSQL does its work elsewhere.
    pub async fn drain(self, store: Store, batch: usize, shutdown: CancellationToken) {
        if !store.is_embedded() || shutdown.is_cancelled() {
            self.bring(Door::shared(store), batch, shutdown).await;
            return;
        }
        let (mut share, mut reader) = (Share::Spare, Some(self));
        while let Some(now) = reader {
            reader = now.on_a_thread(share, &store, batch, &shutdown).await;
            share = share.other();
        }
    }

    /// Drains on a thread of its own, until `shutdown`, or until another share is better: then the reader comes back.
    async fn on_a_thread(
        self,
        share: Share,
        store: &Store,
        batch: usize,
        shutdown: &CancellationToken,
    ) -> Option<Self> {
        let (give, take) = std::sync::mpsc::sync_channel::<Self>(1);
        let (done, ended) = tokio::sync::oneshot::channel();
        let (of_thread, asked) = (store.clone(), shutdown.clone());
        let work = move || {
            share.take();
            let Ok(reader) = take.recv() else { return };
            let left = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(async move {
                    let door = Door::own(of_thread, share).await;
                    reader.bring(door, batch, asked).await
                }),
                Err(error) => {
                    tracing::warn!(%error, "records cannot be stored; trying again");
                    std::thread::sleep(BACKOFF.1);
                    Some(reader)
                }
            };
            // Whoever waited is gone only when the process ends.
            let _ = done.send(left);
        };
        match std::thread::Builder::new().name("records".to_owned()).spawn(work) {
            Ok(_) => {
                // It waits for just this.
                let _ = give.send(self);
                ended.await.unwrap_or_default()
            }
            Err(error) => {
                tracing::warn!(%error, "no thread for storing records; calls and records share theirs");
                self.bring(Door::shared(store.clone()), batch, shutdown.clone()).await
            }
        }
    }

    async fn bring(mut self, door: Door, batch: usize, shutdown: CancellationToken) -> Option<Self> {
        let stored = counter!("portcullis_records_stored_total");
        let rejected = counter!("portcullis_records_rejected_total");
        let mut pause = Duration::ZERO;
        let most = door.batch(batch);
        loop {
            let next = async {
                tokio::time::sleep(pause).await;
                self.next(most).await
            };
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                next = next => next,
            };
            if next.is_ok() && !door.has_turns().await {
                door.close().await;
                return Some(self);
            }
            let started = Instant::now();
            let (done, full) = match next {
                Ok(batch) => {
                    (self.store(door.store(), &batch, &stored, &rejected).await, batch.len() >= most)
                }
                Err(error) => (Err(error), false),
            };
            pause = match done.map(|()| door.then(started.elapsed(), full, self.shared.is_tight())) {
                Ok(Then::Rest(pause)) => pause,
                Ok(Then::Shift) => {
                    door.close().await;
                    return Some(self);
                }
                Err(error) => {
                    let pause = (pause * 2).clamp(BACKOFF.0, BACKOFF.1);
                    tracing::warn!(%error, waiting_bytes = self.shared.bytes(), "records cannot be stored; trying again");
                    pause
                }
            };
        }
        let last = async {
            loop {
                let batch = self.try_next(batch).await?;
                if batch.is_empty() {
                    return Ok::<_, Error>(());
                }
                self.store(door.store(), &batch, &stored, &rejected).await?;
            }
        };
        match tokio::time::timeout(LAST_PASS, last).await {
            Ok(Ok(())) => {
                if let Err(error) = self.close().await {
                    tracing::warn!(%error, "the spool cannot be cleaned up");
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "records stay in the spool until the next start"),
            Err(_) => {
                tracing::warn!("records stay in the spool until the next start: the database takes too long")
            }
        }
        door.close().await;
        None
    }

    async fn store(
        &mut self,
        store: &Store,
        batch: &Batch,
        stored: &Counter,
        rejected: &Counter,
    ) -> Result<(), Error> {
        let mut entries = Vec::with_capacity(batch.len());
        for (i, json) in batch.records().enumerate() {
            match Entry::parse(json) {
                Ok(entry) => entries.push(entry),
                Err(error) => self.set_aside(json, &error, rejected).await?,
            }
            if i % STRETCH == STRETCH - 1 {
                tokio::task::yield_now().await;
            }
        }
        match insert_entries(store, &entries).await {
            Ok(()) => stored.increment(entries.len() as u64),
            // One of them cannot be stored: find out which.
            Err(Error::Invalid { .. }) => {
                for entry in &entries {
                    match insert_entries(store, std::slice::from_ref(entry)).await {
                        Ok(()) => stored.increment(1),
                        Err(error @ Error::Invalid { .. }) => {
                            self.set_aside(entry.json().as_bytes(), &error, rejected).await?;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        self.commit(batch);
        Ok(())
    }

    /// Keeps what the database will not take where an operator can find it, within a bound.
    async fn set_aside(&self, json: &[u8], error: &Error, rejected: &Counter) -> Result<(), Error> {
        let path: PathBuf = self.shared.directory.join("rejected.ndjson");
        let written = async {
            let mut file =
                tokio::fs::File::options().append(true).create(true).mode(0o600).open(&path).await?;
            if file.metadata().await?.len() < SET_ASIDE {
                file.write_all(json).await?;
                file.write_all(b"\n").await?;
                file.flush().await?;
            }
            Ok(())
        };
        written.await.map_err(|error| Error::file("cannot set a record aside in", &path, error))?;
        rejected.increment(1);
        tracing::error!(%error, file = %path.display(), "a record cannot be stored and was set aside");
        Ok(())
    }
}
