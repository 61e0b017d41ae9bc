//! Sinks: who is told of events, how far they were told, and which node does it.
//!
//! Whoever writes how far a sink is names itself: a node that has lost its lease changes nothing any more.

use crate::statement::{Executor, all, found, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::Timestamp;
use uuid::Uuid;

/// How far a sink was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its name in the configuration.
    pub name: String,
    /// The last event that was delivered, passed over or set aside.
    pub position: i64,
    /// Whether it is told anything.
    pub state: State,
    /// Why it is not.
    pub reason: Option<String>,
    /// Attempts that failed since the last that did not.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// Not before this time is it tried again.
    pub next_at: Timestamp,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// When something was last delivered.
    pub delivered_at: Option<Timestamp>,
    /// Events that were forgotten before it could be told.
    pub missed: u64,
}

/// Whether a sink is told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// An operator wants it to wait.
    Paused,
    /// It said that it wants no more.
    Disabled,
}

impl State {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            "paused" => Ok(Self::Paused),
            "disabled" => Ok(Self::Disabled),
            other => Err(format!("a sink is `active`, `paused` or `disabled`, not `{other}`")),
        }
    }
}

const SELECT: &str = "SELECT name, position, state, reason, failures, failing_since, next_at, last_error, last_error_at, delivered_at, missed FROM sinks ";

fn read(mut row: Row) -> Result<Progress, Error> {
    let count = |n: i64| u64::try_from(n).unwrap_or_default();
    Ok(Progress {
        name: row.take()?,
        position: row.take()?,
        state: row.parse()?,
        reason: row.take()?,
        failures: u32::try_from(count(row.take()?)).unwrap_or(u32::MAX),
        failing_since: row.take()?,
        next_at: row.take()?,
        last_error: row.take()?,
        last_error_at: row.take()?,
        delivered_at: row.take()?,
        missed: count(row.take()?),
    })
}

/// Makes a sink known that is not: it is told of what happens from now on.
pub async fn ensure(tx: &mut Tx, name: &str) -> Result<(), Error> {
    super::identifier("the sink's name", name)?;
    let text = "INSERT INTO sinks (name, position, state, failures, next_at, missed, leased_until) \
                SELECT $1, COALESCE((SELECT MAX(position) FROM events), 0), 'active', 0, 0, 0, 0 \
                WHERE NOT EXISTS (SELECT 1 FROM sinks WHERE name = $1) ON CONFLICT (name) DO NOTHING";
    tx.execute(sql(text).bind(name)).await.map(drop)
}

/// Takes the sink for `owner` until a time, unless another has it; how far it is, when it was taken.
pub async fn claim(
    tx: &mut Tx,
    name: &str,
    owner: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Progress>, Error> {
    let text = "UPDATE sinks SET owner = $2, leased_until = $4 WHERE name = $1 AND (owner = $2 OR leased_until <= $3)";
    let taken = tx.execute(sql(text).bind(name).bind(owner).bind(now).bind(until)).await?;
    if taken == 0 { Ok(None) } else { find(&mut *tx, name).await }
}

/// Gives the sink back, so that another node need not wait.
pub async fn release(tx: &mut Tx, name: &str, owner: Uuid, now: Timestamp) -> Result<(), Error> {
    let text = "UPDATE sinks SET leased_until = $3, owner = NULL WHERE name = $1 AND owner = $2";
    tx.execute(sql(text).bind(name).bind(owner).bind(now)).await.map(drop)
}

/// Everything up to `position` is done. `delivered`: something was delivered, so that it does not fail any more. Whether
/// `owner` still has the sink; when not, nothing was written.
pub async fn advance(
    tx: &mut Tx,
    name: &str,
    owner: Uuid,
    position: i64,
    delivered: Option<Timestamp>,
) -> Result<bool, Error> {
    let statement = match delivered {
        Some(at) => sql(
            "UPDATE sinks SET position = $3, delivered_at = $4, failures = 0, failing_since = NULL, next_at = 0 WHERE name = $1 AND owner = $2",
        )
        .bind(name)
        .bind(owner)
        .bind(position)
        .bind(at),
        None => sql("UPDATE sinks SET position = $3 WHERE name = $1 AND owner = $2").bind(name).bind(owner).bind(position),
    };
    Ok(tx.execute(statement).await? > 0)
}

/// Something was delivered that is not next in the log: it does not fail any more. Whether `owner` still has the sink.
pub async fn delivered(tx: &mut Tx, name: &str, owner: Uuid, at: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE sinks SET delivered_at = $3, failures = 0, failing_since = NULL, next_at = 0 WHERE name = $1 AND owner = $2";
    Ok(tx.execute(sql(text).bind(name).bind(owner).bind(at)).await? > 0)
}

/// An attempt failed. Whether `owner` still has the sink.
pub async fn fail(
    tx: &mut Tx,
    name: &str,
    owner: Uuid,
    error: &str,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<bool, Error> {
    let text = "UPDATE sinks SET failures = failures + 1, failing_since = COALESCE(failing_since, $4), next_at = $5, \
                last_error = $3, last_error_at = $4 WHERE name = $1 AND owner = $2";
    let statement = sql(text).bind(name).bind(owner).bind(error).bind(now).bind(next_at);
    Ok(tx.execute(statement).await? > 0)
}

/// Lets a sink be told again, or not. Whoever sets it to active wants it tried at once.
pub async fn set_state(tx: &mut Tx, name: &str, state: State, reason: Option<&str>) -> Result<(), Error> {
    let text = "UPDATE sinks SET state = $2, reason = $3, next_at = 0, failures = 0, failing_since = NULL WHERE name = $1";
    found(tx.execute(sql(text).bind(name).bind(state.as_str()).bind(reason)).await?, "webhook")
}

/// Has it tried at once; the run of failures goes on.
pub async fn hurry(tx: &mut Tx, name: &str) -> Result<(), Error> {
    found(tx.execute(sql("UPDATE sinks SET next_at = 0 WHERE name = $1").bind(name)).await?, "webhook")
}

/// How far this sink is.
pub async fn find(executor: impl Executor, name: &str) -> Result<Option<Progress>, Error> {
    one(executor.rows(sql(SELECT).push("WHERE name = $1").bind(name)).await?, read)
}

/// All sinks by name, at most 1,000.
pub async fn list(executor: impl Executor) -> Result<Vec<Progress>, Error> {
    all(executor.rows(sql(SELECT).push("ORDER BY name LIMIT 1000")).await?, read)
}

/// More events than this that wait for a sink are not counted.
pub const MOST_WAITING: u32 = 10_000;

/// Events after a position, up to [`MOST_WAITING`] and one more.
pub async fn waiting(executor: impl Executor, position: i64) -> Result<u64, Error> {
    let text = "SELECT COUNT(*) FROM (SELECT position FROM events WHERE position > $1 LIMIT $2) AS waiting";
    let rows = executor.rows(sql(text).bind(position).bind(MOST_WAITING + 1).scanning()).await?;
    Ok(one(rows, |mut row| row.take::<i64>())?.map_or(0, |n| u64::try_from(n).unwrap_or_default()))
}

/// Notes, before events from before a time are forgotten in the same transaction, how many of them a sink was not told.
pub async fn note_missed(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    // Nodes do so at the same time. Whoever waits here sees in the next statement that those events are gone, and does not
    // count them once more.
    (&mut *tx).execute(sql("UPDATE sinks SET missed = missed")).await?;
    let text = "UPDATE sinks SET missed = missed + (SELECT COUNT(*) FROM events WHERE at < $1 AND events.position > sinks.position \
                AND events.position < (SELECT MAX(position) FROM events)) \
                WHERE EXISTS (SELECT 1 FROM events WHERE at < $1 AND events.position > sinks.position \
                AND events.position < (SELECT MAX(position) FROM events))";
    tx.execute(sql(text).bind(before)).await
}

/// Forgets sinks that no node has had since a time, and their dead letters: they have left the configuration.
pub async fn prune(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    let gone = "leased_until > 0 AND leased_until < $1";
    let text = "DELETE FROM dead_letters WHERE sink IN (SELECT name FROM sinks WHERE ";
    tx.execute(sql(text).push(gone).push(")").bind(before)).await?;
    tx.execute(sql("DELETE FROM sinks WHERE ").push(gone).bind(before)).await
}
