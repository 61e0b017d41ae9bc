//! Secrets set through the API, sealed by `identity` before they come here.

use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::Timestamp;

/// A sealed secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The name that `stored:<name>` means.
    pub name: String,
    /// The envelope; only `identity` can open it.
    pub sealed: Vec<u8>,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed")
            .field("name", &self.name)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

const SELECT: &str = "SELECT name, sealed, updated_at, updated_by FROM secrets ";

fn read(mut row: Row) -> Result<Sealed, Error> {
    Ok(Sealed { name: row.take()?, sealed: row.take()?, updated_at: row.take()?, updated_by: row.take()? })
}

/// Sets a secret, replacing the one of the same name.
pub async fn set(tx: &mut Tx, secret: &Sealed) -> Result<(), Error> {
    super::identifier("the secret's name", &secret.name)?;
    let text = "INSERT INTO secrets (name, sealed, updated_at, updated_by) VALUES ($1, $2, $3, $4) ON CONFLICT (name) \
                DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at, updated_by = excluded.updated_by";
    let statement =
        sql(text).bind(&secret.name).bind(&secret.sealed).bind(secret.updated_at).bind(&secret.updated_by);
    tx.execute(statement).await.map(drop)
}

/// Removes a secret; whether it was there.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<bool, Error> {
    Ok(tx.execute(sql("DELETE FROM secrets WHERE name = $1").bind(name)).await? > 0)
}

/// The secret of this name.
pub async fn find(executor: impl Executor, name: &str) -> Result<Option<Sealed>, Error> {
    one(executor.rows(sql(SELECT).push("WHERE name = $1").bind(name)).await?, read)
}

/// All secrets by name, at most 1,000 after `after`.
pub async fn list(executor: impl Executor, after: Option<&str>) -> Result<Vec<Sealed>, Error> {
    let statement = sql(SELECT).push("WHERE name > $1 ORDER BY name LIMIT 1000").bind(after.unwrap_or(""));
    all(executor.rows(statement).await?, read)
}
