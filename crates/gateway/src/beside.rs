//! Work on bodies: done where they come in while they are short, and beside the calls where it would hold a worker that
//! serves others for longer than a millisecond.

use portcullis_fault::Fault;
use portcullis_identity::Operations;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Where it is done.
pub(crate) struct Beside(Operations);

/// Bytes that are worked on where they come in. What takes longest is to read and write them in another dialect: about
/// half a millisecond for so many.
const LONG: usize = 128 << 10;

/// How long a call waits for its turn. A model takes longer than that for as much, so that waiting is better than a refusal.
const PATIENCE: Duration = Duration::from_secs(10);

impl Beside {
    /// `tasks` are waited for at the end.
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self(Operations::new(tasks).patient(PATIENCE))
    }

    /// Does work on so many bytes.
    ///
    /// # Errors
    /// `overloaded`: no turn came in time.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        if bytes <= LONG {
            return Ok(work());
        }
        // In a box: most calls never wait for this, and all of them would keep room for it.
        Box::pin(self.0.run(work)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::current;

    #[tokio::test]
    async fn only_what_is_long_is_done_elsewhere() {
        let beside = Beside::new(TaskTracker::new());
        let here = current().id();
        let place = || current().id();
        assert_eq!(beside.work(0, place).await.unwrap(), here);
        assert_eq!(beside.work(LONG, place).await.unwrap(), here);
        assert_ne!(beside.work(LONG + 1, place).await.unwrap(), here);
    }
}
