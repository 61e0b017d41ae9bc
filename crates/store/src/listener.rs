//! Word from other nodes that the event log has grown: from Redis where there is one that answers, else from PostgreSQL.

use crate::{Error, redis, sql};

/// Notifications from other nodes.
#[derive(Debug)]
pub(crate) enum Listener {
    /// From the database itself.
    Database(sql::Listener),
    /// From Redis.
    Redis(redis::Ear),
}

impl Listener {
    /// Returns when something was notified, or the connection was lost and notifications may have been. Never, on SQLite.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        match self {
            Self::Database(listener) => listener.wait().await,
            Self::Redis(ear) => ear.wait().await,
        }
    }
}
