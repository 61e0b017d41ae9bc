//! Which record has what a batch at a provider used. Every call that hears that a batch is over may write it into its own
//! record; of these records, the first that comes into the database keeps it.
//!
//! Not here: what is taken out of the others (`records`).

use super::is_identifier;
use crate::statement::{Executor, one, sql};
use crate::{Error, Tx};
use portcullis_model::{RequestId, Timestamp};

/// That a record has what a batch used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bill<'a> {
    /// The batch's id, as the provider gave it.
    pub(super) batch: &'a str,
    /// The provider.
    pub(super) provider: &'a str,
    /// The record.
    pub(super) record: RequestId,
    /// When its call came.
    pub(super) at: Timestamp,
}

/// Notes that this record has it, unless another has; whether this one has. In the transaction that writes the record.
pub(super) async fn settle(tx: &mut Tx, bill: Bill<'_>) -> Result<bool, Error> {
    let Bill { batch, provider, record, at } = bill;
    if !is_identifier(batch) || !is_identifier(provider) {
        // Nobody can ask about what has an id that is not kept.
        return Ok(false);
    }
    let text = "INSERT INTO bills (batch, provider, record_id, at) VALUES ($1, $2, $3, $4) \
                ON CONFLICT (batch, provider) DO NOTHING";
    let statement = sql(text).bind(batch).bind(provider).bind(record).bind(at);
    if (&mut *tx).execute(statement).await? > 0 {
        return Ok(true);
    }
    // The same record comes again after a crash.
    Ok(record_of(tx, batch, provider).await? == Some(record))
}

/// Which record has what this batch used.
pub async fn record_of(
    executor: impl Executor,
    batch: &str,
    provider: &str,
) -> Result<Option<RequestId>, Error> {
    if !is_identifier(batch) || !is_identifier(provider) {
        return Ok(None);
    }
    let text = "SELECT record_id FROM bills WHERE batch = $1 AND provider = $2";
    one(executor.rows(sql(text).bind(batch).bind(provider)).await?, |mut row| row.take())
}

/// Forgets those of before a time, when nobody can ask about their batches any more; how many.
pub async fn prune(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute(sql("DELETE FROM bills WHERE at < $1").bind(before)).await
}
