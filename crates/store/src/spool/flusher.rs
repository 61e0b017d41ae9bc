//! The thread that writes and syncs what nobody waits for. A thread and not a task: `fsync` takes as long as the disk
//! likes, and must go on when no worker is free. It sleeps while nothing is appended.

use super::append::Shared;
use portcullis_fault::defect;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How soon it goes on after a panic.
const AGAIN: Duration = Duration::from_secs(1);

/// The running thread; dropping it waits until everything is on the disk.
#[derive(Debug)]
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("spool".to_owned()).spawn(move || {
            // Dead, it would leave records unsynced that were promised to be, and nobody would be told.
            while let Err(defect) = defect::catch(|| of_thread.flush_until_stopped()) {
                of_thread.cannot_sync(&io::Error::other(defect));
                std::thread::sleep(AGAIN);
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}
