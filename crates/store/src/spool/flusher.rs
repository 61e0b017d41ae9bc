//! The thread that writes and syncs what nobody waits for. A thread and not a task: `fsync` takes as long as the disk
//! likes, and must go on when no worker is free. It sleeps while nothing is appended.

use super::append::Shared;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The running thread; dropping it waits until everything is on the disk.
#[derive(Debug)]
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || of_thread.flush_until_stopped())?;
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
