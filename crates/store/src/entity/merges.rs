//! Merges: who was made one with whom, when and by whom, and what has to be known to take it back.

use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Timestamp, UserId, UserStatus};

/// A merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Who was merged.
    pub user: UserId,
    /// Into whom.
    pub into: UserId,
    /// What its status was.
    pub status_before: UserStatus,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When and by whom it was taken back.
    pub undone: Option<(Timestamp, String)>,
}

const SELECT: &str = "SELECT user_id, into_id, status_before, merged_at, merged_by, reason, undone_at, undone_by FROM merges WHERE ";

fn read(mut row: Row) -> Result<Merge, Error> {
    let (user, into, status_before) = (row.take()?, row.take()?, row.parse()?);
    let (at, by, reason) = (row.take()?, row.take()?, row.take()?);
    let (undone_at, undone_by): (Option<Timestamp>, Option<String>) = (row.take()?, row.take()?);
    Ok(Merge { user, into, status_before, at, by, reason, undone: undone_at.zip(undone_by) })
}

/// Adds a merge.
pub async fn insert(tx: &mut Tx, merge: &Merge) -> Result<(), Error> {
    let text = "INSERT INTO merges (user_id, into_id, status_before, merged_at, merged_by, reason) VALUES ($1, $2, $3, $4, $5, $6)";
    let statement = sql(text)
        .bind(merge.user)
        .bind(merge.into)
        .bind(merge.status_before.as_str())
        .bind(merge.at)
        .bind(&merge.by)
        .bind(merge.reason.as_deref());
    tx.execute(statement).await.map(drop)
}

/// The merge by which a user is merged now.
pub async fn open(executor: impl Executor, user: UserId) -> Result<Option<Merge>, Error> {
    let text = "user_id = $1 AND undone_at IS NULL ORDER BY id DESC LIMIT 1";
    one(executor.rows(sql(SELECT).push(text).bind(user)).await?, read)
}

/// Those who were merged into this user itself and still are, at most 1,000.
pub async fn open_into(executor: impl Executor, into: UserId) -> Result<Vec<Merge>, Error> {
    let text = "into_id = $1 AND undone_at IS NULL ORDER BY id LIMIT 1000";
    all(executor.rows(sql(SELECT).push(text).bind(into)).await?, read)
}

/// Notes that a user's merge was taken back.
pub async fn undo(tx: &mut Tx, user: UserId, at: Timestamp, by: &str) -> Result<(), Error> {
    let text = "UPDATE merges SET undone_at = $2, undone_by = $3 WHERE user_id = $1 AND undone_at IS NULL";
    tx.execute(sql(text).bind(user).bind(at).bind(by)).await.map(drop)
}

/// The merges of a user and into it, taken back ones too, newest first, at most 1,000.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<Merge>, Error> {
    let text = "user_id = $1 OR into_id = $1 ORDER BY id DESC LIMIT 1000";
    all(executor.rows(sql(SELECT).push(text).bind(user)).await?, read)
}
