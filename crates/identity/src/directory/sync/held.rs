//! The hold on a source's synchronisation: one process has it, for as long as it says so again and again.

use super::{Stop, Synchronisation};
use crate::directory::Directory;
use portcullis_model::sync::SyncWaiting;
use portcullis_model::{Name, Timestamp};
use portcullis_store::Error;
use portcullis_store::entity::syncs::{self, Sync};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A process that has not been heard of for so long is gone.
const HOLD: Duration = Duration::from_secs(60);
/// How often it is heard of.
const RENEW: Duration = Duration::from_secs(15);

pub(super) struct Held<'a> {
    directory: &'a Directory,
    source: Name,
    holder: &'a str,
    run: i64,
    renewed: Timestamp,
    shutdown: &'a CancellationToken,
    /// What waited for approval when the run began.
    pub waiting: Option<SyncWaiting>,
}

impl<'a> Held<'a> {
    /// Takes it; nothing when another process has it.
    pub async fn claim(
        directory: &'a Directory,
        source: &Name,
        what: &Synchronisation<'a>,
    ) -> Result<Option<(Self, Sync)>, Error> {
        let now = directory.clock.now();
        let mut tx = directory.store.begin().await?;
        let claimed = syncs::claim(&mut tx, source, what.tenant, (what.holder, now, now.plus(HOLD))).await?;
        tx.commit().await?;
        Ok(claimed.map(|state| {
            let held = Self {
                directory,
                source: source.clone(),
                holder: what.holder,
                run: state.run,
                renewed: now,
                shutdown: what.shutdown,
                waiting: state.waiting.clone(),
            };
            (held, state)
        }))
    }

    /// Says that we are still here, when it is time to.
    pub async fn keep(&mut self) -> Result<(), Stop> {
        if self.shutdown.is_cancelled() {
            return Err(Stop::Interrupted("this node is being stopped"));
        }
        let now = self.directory.clock.now();
        if now.since(self.renewed) < RENEW {
            return Ok(());
        }
        let until = now.plus(HOLD);
        if !syncs::renew(&self.directory.store, &self.source, (self.holder, self.run), until).await? {
            return Err(Stop::Interrupted("another node took over"));
        }
        self.renewed = now;
        Ok(())
    }

    /// Waits for something that may take long, and says meanwhile that we are still here.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = self.shutdown.cancelled() => return Err(Stop::Interrupted("this node is being stopped")),
                () = tokio::time::sleep(RENEW) => self.keep().await?,
            }
        }
    }

    /// Notes whom the run has seen.
    pub async fn seen(&mut self, keys: &[String]) -> Result<(), Stop> {
        // In pieces: on SQLite a transaction holds the one writer.
        for some in keys.chunks(100) {
            self.keep().await?;
            let mut tx = self.directory.store.begin().await?;
            // A key that cannot be stored is nobody's here; mirroring the person says so.
            let some: Vec<String> =
                some.iter().filter(|key| key.len() <= 1_024 && !key.contains('\0')).cloned().collect();
            syncs::seen(&mut tx, &self.source, self.run, &some).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Forgets whom earlier runs have seen.
    pub async fn forget(&mut self) -> Result<(), Stop> {
        let mut tx = self.directory.store.begin().await?;
        syncs::forget(&mut tx, &self.source, self.run).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes the end; whether it was still ours to write.
    pub async fn end(&self, state: &Sync) -> Result<bool, Error> {
        let mut tx = self.directory.store.begin().await?;
        let ours = syncs::end(&mut tx, state, self.holder).await?;
        tx.commit().await?;
        Ok(ours)
    }
}
