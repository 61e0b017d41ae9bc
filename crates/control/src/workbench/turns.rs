//! Work that takes longer than a call may hold a thread that serves others: it runs on threads beside, so many at once,
//! and a call waits for its turn no longer than a second.

use crate::answer::Refused;
use portcullis_fault::{Fault, codes};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many at once.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Turns {
    /// `most` at once.
    pub(crate) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), patience: PATIENCE }
    }

    /// On half of this machine's cores, and on one at least: the calls of the gateway have the rest.
    pub(crate) fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new((cores / 2).max(1))
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, Refused> {
        match tokio::time::timeout(self.patience, self.free.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            // The semaphore is never closed: only the clock ends up here.
            Ok(Err(_)) | Err(_) => Err(Refused(
                Fault::new(codes::OVERLOADED)
                    .detail("the workbench is at its limit of operations under way")
                    .retry_after(PATIENCE),
            )),
        }
    }

    /// Runs one on a thread beside. It runs to its end even if nobody waits for it any more, and keeps its turn until
    /// then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let turn = self.take().await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded by the turns; private-key operations take longer than a thread that serves calls may be held"
        )]
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Refused(Fault::new(codes::INTERNAL).source(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn whoever_gets_no_turn_is_told_so() {
        let turns = Turns { patience: Duration::ZERO, ..Turns::new(1) };
        let (release, held) = mpsc::channel::<()>();
        let long = turns.run(move || held.recv().is_ok());
        let both = async {
            let refused = turns.run(|| 7).await.unwrap_err().0;
            assert_eq!((refused.code(), refused.retry_delay()), (codes::OVERLOADED, Some(PATIENCE)));
            release.send(()).unwrap();
        };
        let (long, ()) = tokio::join!(long, both);
        assert!(long.unwrap());
        // And the turn is free again, also after a panic.
        assert_eq!(
            turns.run(|| panic!("once")).await.map(|(): ()| ()).unwrap_err().0.code(),
            codes::INTERNAL
        );
        assert_eq!(turns.run(|| 7).await.unwrap(), 7);
    }
}
