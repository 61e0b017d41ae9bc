//! Dead letters: events that a sink could not be told for too long, set aside so that those behind them go on.

use crate::statement::{Executor, all, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::Timestamp;
use portcullis_model::event::Event;
use uuid::Uuid;

/// An event that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// For which sink.
    pub sink: String,
    /// The event.
    pub event: Event,
    /// Why it could not be delivered.
    pub error: String,
    /// When it was set aside, or last tried again.
    pub at: Timestamp,
    /// Whether it is to be tried again.
    pub again: bool,
}

const SELECT: &str = "SELECT id, sink, event, error, at, again FROM dead_letters WHERE sink = $1 ";

fn read(mut row: Row) -> Result<DeadLetter, Error> {
    Ok(DeadLetter {
        id: row.take()?,
        sink: row.take()?,
        event: row.json()?,
        error: row.take()?,
        at: row.take()?,
        again: row.take()?,
    })
}

/// Sets an event aside; once, however often it is done.
pub async fn insert(tx: &mut Tx, letter: &DeadLetter) -> Result<(), Error> {
    let text = "INSERT INTO dead_letters (id, sink, position, event, error, at, again) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                ON CONFLICT (sink, position) DO NOTHING";
    let statement = sql(text)
        .bind(letter.id)
        .bind(&letter.sink)
        .bind(letter.event.position)
        .bind(json(&letter.event)?)
        .bind(&letter.error)
        .bind(letter.at)
        .bind(letter.again);
    tx.execute(statement).await.map(drop)
}

/// A sink's dead letters in the order of the log, at most `limit`.
pub async fn list(executor: impl Executor, sink: &str, limit: u32) -> Result<Vec<DeadLetter>, Error> {
    let statement = sql(SELECT).push("ORDER BY position LIMIT $2").bind(sink).bind(limit);
    all(executor.rows(statement).await?, read)
}

/// How many a sink has.
pub async fn count(executor: impl Executor, sink: &str) -> Result<u64, Error> {
    let rows = executor.rows(sql("SELECT COUNT(*) FROM dead_letters WHERE sink = $1").bind(sink)).await?;
    Ok(one(rows, |mut row| row.take::<i64>())?.map_or(0, |n| u64::try_from(n).unwrap_or_default()))
}

/// The next of a sink that is to be tried again.
pub async fn next(executor: impl Executor, sink: &str) -> Result<Option<DeadLetter>, Error> {
    let statement = sql(SELECT).push("AND again = $2 ORDER BY position LIMIT 1").bind(sink).bind(true);
    one(executor.rows(statement).await?, read)
}

/// Has one tried again, or all; how many.
pub async fn again(tx: &mut Tx, sink: &str, id: Option<Uuid>) -> Result<u64, Error> {
    let statement = sql("UPDATE dead_letters SET again = $2 WHERE sink = $1").bind(sink).bind(true);
    tx.execute(statement.and("id =", id)).await
}

/// It was tried again in vain: it stays set aside.
pub async fn fail(tx: &mut Tx, id: Uuid, error: &str, at: Timestamp) -> Result<(), Error> {
    let text = "UPDATE dead_letters SET again = $2, error = $3, at = $4 WHERE id = $1";
    tx.execute(sql(text).bind(id).bind(false).bind(error).bind(at)).await.map(drop)
}

/// Removes one that was delivered.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    tx.execute(sql("DELETE FROM dead_letters WHERE id = $1").bind(id)).await.map(drop)
}

/// Forgets the oldest of a sink until `most` are left; how many.
pub async fn shorten(tx: &mut Tx, sink: &str, most: u32) -> Result<u64, Error> {
    let text = "DELETE FROM dead_letters WHERE sink = $1 AND position <= \
                (SELECT position FROM dead_letters WHERE sink = $1 ORDER BY position DESC LIMIT 1 OFFSET $2)";
    tx.execute(sql(text).bind(sink).bind(most)).await
}

/// Forgets those from before a time; how many.
pub async fn prune(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute(sql("DELETE FROM dead_letters WHERE at < $1").bind(before)).await
}
