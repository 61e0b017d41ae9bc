//! How far the database is behind the spool: for whoever reads what it has, and wants all that was recorded by now.

use super::append::Shared;
use std::sync::Arc;
use std::time::Duration;

/// A place in the spool: a segment's number, and bytes in it. Later ones are larger.
pub(super) type Mark = (u64, u64);

/// Tells when the database has what was recorded. Cheap to clone; keeps no spool open.
#[derive(Clone, Debug)]
pub struct Stored(pub(super) Arc<Shared>);

impl Stored {
    /// Waits until the database has all that is with the kernel by now, for at most `patience`. Whether it has.
    pub async fn catch_up(&self, patience: Duration) -> bool {
        let mark = self.0.active();
        let mut stored = self.0.stored.subscribe();
        let there = tokio::time::timeout(patience, stored.wait_for(|stored| *stored >= mark)).await;
        matches!(there, Ok(Ok(_)))
    }
}
