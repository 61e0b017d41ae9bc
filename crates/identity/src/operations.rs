//! Work that takes longer than a call may hold a thread that serves others, such as operations with private keys and the
//! reading of long bodies: it runs on threads beside, so much at once, and a call waits for its turn no longer than it is said.

use portcullis_fault::{Fault, codes};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// How long a call waits for its turn, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where it is done.
pub struct Operations {
    turns: Arc<Semaphore>,
    patience: Duration,
    tasks: TaskTracker,
}

impl Operations {
    /// On half of this machine's cores, and on one at least. `tasks` are waited for at the end.
    pub fn new(tasks: TaskTracker) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::at_once((cores / 2).max(1), PATIENCE, tasks)
    }

    /// With calls that wait so long for their turn.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn at_once(most: usize, patience: Duration, tasks: TaskTracker) -> Self {
        Self { turns: Arc::new(Semaphore::new(most)), patience, tasks }
    }

    /// Runs one. It runs to its end even if nobody waits for it any more, and keeps its turn until then.
    ///
    /// # Errors
    /// No turn came in time (503).
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = match tokio::time::timeout(self.patience, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            // The semaphore is never closed: only the clock ends up here.
            Ok(Err(_)) | Err(_) => {
                return Err(Fault::new(codes::OVERLOADED)
                    .context(format!(
                        "what is done beside for other calls took all turns for {} s",
                        self.patience.as_secs()
                    ))
                    .retry_after(PATIENCE));
            }
        };
        let done = self.tasks.spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Fault::new(codes::INTERNAL).source(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn whoever_gets_no_turn_is_told_so() {
        let operations = Operations::at_once(1, Duration::ZERO, TaskTracker::new());
        let (release, held) = mpsc::channel::<()>();
        let long = operations.run(move || held.recv().is_ok());
        let short = operations.run(|| 7);
        let both = async {
            let refused = short.await.unwrap_err();
            assert_eq!(refused.code(), codes::OVERLOADED);
            release.send(()).unwrap();
        };
        let (long, ()) = tokio::join!(long, both);
        assert!(long.unwrap());
        // And the turn is free again.
        assert_eq!(operations.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_gives_its_turn_back() {
        let operations = Operations::at_once(1, PATIENCE, TaskTracker::new());
        let refused = operations.run(|| panic!("once")).await.unwrap_err();
        assert_eq!(refused.code(), codes::INTERNAL);
        assert_eq!(operations.run(|| 7).await.unwrap(), 7);
    }
}
