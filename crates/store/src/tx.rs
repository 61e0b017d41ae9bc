//! Transactions: what is written together, or not at all.

use crate::entity::events;
use crate::sql::Connection;
use crate::statement::{Executor, Statement};
use crate::{Error, Row, Store};

/// A transaction. Dropped without [`Tx::commit`], nothing of it happened.
///
/// On SQLite it holds the one writer: nothing slow is awaited in between. On PostgreSQL the isolation is `READ COMMITTED`:
/// what will be changed is read with the entity's `lock`, so that two changes of one record follow each other.
#[derive(Debug)]
pub struct Tx {
    pub(crate) store: Store,
    pub(crate) connection: Connection,
    pub(crate) events: Vec<events::New>,
}

impl Tx {
    /// Commits, and gives the position of the last event, when events were appended.
    ///
    /// An error may come after the database has committed, when the connection breaks before it could say so.
    pub async fn commit(mut self) -> Result<Option<i64>, Error> {
        let written = std::mem::take(&mut self.events);
        let position = events::write(&mut self.connection, self.store.dialect(), written).await?;
        self.connection.end("COMMIT").await?;
        if let Some(position) = position {
            // The connection goes back before anybody else is waited for.
            let Self { store, connection, .. } = self;
            drop(connection);
            store.woken(position).await;
        }
        Ok(position)
    }

    /// Takes everything back. Dropping does the same, at the price of a connection.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.connection.end("ROLLBACK").await
    }
}

impl Executor for &mut Tx {
    async fn rows(self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        self.connection.rows(statement).await
    }

    async fn execute(self, statement: Statement<'_>) -> Result<u64, Error> {
        self.connection.execute(statement).await
    }
}
