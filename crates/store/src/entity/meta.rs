//! Facts about this installation, by name.

use crate::statement::{Executor, one, sql};
use crate::{Error, Tx};

/// The value of `name`.
pub async fn find(executor: impl Executor, name: &str) -> Result<Option<String>, Error> {
    let rows = executor.rows(sql("SELECT value FROM meta WHERE name = $1").bind(name)).await?;
    one(rows, |mut row| row.take())
}

/// Sets `name` to `value`.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), Error> {
    let text = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.execute(sql(text).bind(name).bind(value)).await.map(drop)
}

/// Sets `name` to `value` unless it has one already; the value that it has then. Two nodes that start at once agree.
pub async fn settle(tx: &mut Tx, name: &str, value: &str) -> Result<String, Error> {
    // The update changes nothing, and makes the second of two wait for the first and read its value.
    let text = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = meta.value RETURNING value";
    let rows = tx.rows(sql(text).bind(name).bind(value)).await?;
    one(rows, |mut row| row.take())?.ok_or_else(|| Error::Corrupt("an insert returned nothing".to_owned()))
}
