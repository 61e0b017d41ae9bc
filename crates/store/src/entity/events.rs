//! The event log: in one order on all nodes. Read through [`crate::Events`].

use crate::sql::{Connection, Dialect};
use crate::statement::{Executor, all, one, sql};
use crate::value::json;
use crate::{Error, Tx};
use portcullis_model::event::{Change, Event};
use portcullis_model::{TenantId, Timestamp};

/// The PostgreSQL channel that says that there are new events; any node may be woken for nothing.
pub(crate) const CHANNEL: &str = "portcullis_events";

/// Any constant will do, as long as it is not that of migrations. "pc_event" in ASCII.
const LOCK: i64 = 0x7063_5f65_7665_6e74;

/// An event that has no position yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// When it happened.
    pub at: Timestamp,
    /// The tenant it concerns, when one.
    pub tenant: Option<TenantId>,
    /// Who caused it.
    pub actor: String,
    /// What happened.
    pub change: Change,
}

/// Appends an event to what `tx` commits. It gets its position when `tx` commits, so that positions follow the order of
/// commits, and nobody waits for the log's lock longer than a commit takes.
pub fn append(tx: &mut Tx, event: New) {
    tx.events.push(event);
}

/// Writes events at the end of their transaction; the last position.
pub(crate) async fn write(
    connection: &mut Connection,
    dialect: Dialect,
    events: Vec<New>,
) -> Result<Option<i64>, Error> {
    if events.is_empty() {
        return Ok(None);
    }
    if dialect == Dialect::Postgres {
        // Held until the commit: a position is taken only when all smaller ones are committed or given up, so that nobody
        // who reads on from a position passes over an event. SQLite has one writer anyway.
        connection.rows(sql("SELECT CAST(pg_advisory_xact_lock($1) AS text)").bind(LOCK)).await?;
    }
    let mut last = None;
    for event in &events {
        let text =
            "INSERT INTO events (at, tenant_id, actor, change) VALUES ($1, $2, $3, $4) RETURNING position";
        let statement =
            sql(text).bind(event.at).bind(event.tenant).bind(&event.actor).bind(json(&event.change)?);
        last = one(connection.rows(statement).await?, |mut row| row.take())?;
    }
    if dialect == Dialect::Postgres {
        connection.rows(sql("SELECT CAST(pg_notify($1, '') AS text)").bind(CHANNEL)).await?;
    }
    Ok(last)
}

/// Events after a position, in order, at most `limit`.
pub async fn list_after(executor: impl Executor, position: i64, limit: u32) -> Result<Vec<Event>, Error> {
    Ok(read_after(executor, position, limit).await?.into_iter().filter_map(|(_, event)| event).collect())
}

/// Positions and events after a position. An event of a kind that only a newer release knows is `None`.
pub async fn read_after(
    executor: impl Executor,
    position: i64,
    limit: u32,
) -> Result<Vec<(i64, Option<Event>)>, Error> {
    let text = "SELECT position, at, tenant_id, actor, change FROM events WHERE position > $1 ORDER BY position LIMIT $2";
    all(executor.rows(sql(text).bind(position).bind(limit)).await?, |mut row| {
        let (position, at, tenant, actor) = (row.take()?, row.take()?, row.take()?, row.take()?);
        let change: serde_json::Value = row.json()?;
        let change: Option<Change> = serde_json::from_value(change).ok();
        Ok((position, change.map(|change| Event { position, at, tenant, actor, change })))
    })
}

/// The last position; 0 when there is none.
pub(crate) async fn last(connection: &mut Connection) -> Result<i64, Error> {
    // Of an empty log that was pruned this is less than what was given out: reading on from it is still right.
    let rows = connection.rows(sql("SELECT COALESCE(MAX(position), 0) FROM events")).await?;
    Ok(one(rows, |mut row| row.take())?.unwrap_or(0))
}

/// Forgets events from before a time, but never the last one; how many.
pub async fn prune(executor: impl Executor, before: Timestamp) -> Result<u64, Error> {
    let text = "DELETE FROM events WHERE at < $1 AND position < (SELECT MAX(position) FROM events)";
    executor.execute(sql(text).bind(before)).await
}
