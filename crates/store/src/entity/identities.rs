//! Identities: the subjects that resolve to a user. Looked up by [`super::users::resolve`]. Those that were a user's are in
//! [`super::identifiers`].

use super::identifier;
use super::identifiers::{self, Ended};
use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Identity, Name, TenantId, Timestamp, UserId};

const SELECT: &str = "SELECT issuer, subject, user_id, linked_at FROM identities WHERE ";

fn read(mut row: Row) -> Result<Identity, Error> {
    Ok(Identity { issuer: row.parse()?, subject: row.take()?, user: row.take()?, linked_at: row.take()? })
}

/// Links an identity to its user, who belongs to `tenant`. One that is linked already is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, tenant: TenantId, identity: &Identity) -> Result<(), Error> {
    identifier("the subject", &identity.subject)?;
    let text =
        "INSERT INTO identities (tenant_id, issuer, subject, user_id, linked_at) VALUES ($1, $2, $3, $4, $5)";
    let statement = sql(text)
        .bind(tenant)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.user)
        .bind(identity.linked_at);
    tx.execute(statement).await?;
    let (issuer, at) = (identity.issuer.as_str(), identity.linked_at);
    identifiers::linked(tx, tenant, identity.user, issuer, &identity.subject, at).await
}

/// Unlinks an identity; whether it was there. It stays as a past one of its user's.
pub async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
    at: Timestamp,
) -> Result<bool, Error> {
    let text =
        "DELETE FROM identities WHERE tenant_id = $1 AND issuer = $2 AND subject = $3 RETURNING user_id";
    let rows = tx.rows(sql(text).bind(tenant).bind(issuer).bind(subject)).await?;
    let Some(user) = one(rows, |mut row| row.take())? else { return Ok(false) };
    identifiers::unlinked(tx, user, issuer, subject, at, Ended::Unlinked).await?;
    Ok(true)
}

/// Gives all identities of one user to another of the same tenant, as a merge does; how many.
pub async fn reassign(tx: &mut Tx, from: UserId, to: UserId, at: Timestamp) -> Result<usize, Error> {
    let text = "UPDATE identities SET user_id = $2 WHERE user_id = $1 RETURNING tenant_id, issuer, subject";
    let moved = all(tx.rows(sql(text).bind(from).bind(to)).await?, |mut row| {
        Ok((row.take::<TenantId>()?, row.take::<String>()?, row.take::<String>()?))
    })?;
    for (tenant, issuer, subject) in &moved {
        identifiers::unlinked(tx, from, issuer, subject, at, Ended::Merged).await?;
        identifiers::linked(tx, *tenant, to, issuer, subject, at).await?;
    }
    Ok(moved.len())
}

/// Gives one identity of a user to another of the same tenant, as taking a merge back does; whether it was the first
/// one's.
pub async fn give(
    tx: &mut Tx,
    tenant: TenantId,
    (issuer, subject): (&str, &str),
    (from, to): (UserId, UserId),
    at: Timestamp,
) -> Result<bool, Error> {
    let text = "UPDATE identities SET user_id = $5 WHERE tenant_id = $1 AND issuer = $2 AND subject = $3 AND user_id = $4";
    let statement = sql(text).bind(tenant).bind(issuer).bind(subject).bind(from).bind(to);
    if tx.execute(statement).await? == 0 {
        return Ok(false);
    }
    identifiers::unlinked(tx, from, issuer, subject, at, Ended::Unlinked).await?;
    identifiers::linked(tx, tenant, to, issuer, subject, at).await?;
    Ok(true)
}

/// The identity of this issuer and subject.
pub async fn find(
    executor: impl Executor,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identity>, Error> {
    if !super::is_identifier(subject) {
        return Ok(None);
    }
    let statement = sql(SELECT).push("tenant_id = $1 AND issuer = $2 AND subject = $3");
    one(executor.rows(statement.bind(tenant).bind(issuer).bind(subject)).await?, read)
}

/// The next 1,000 identities of an issuer after this subject, by subject. The empty text begins.
pub async fn list_by_issuer(
    executor: impl Executor,
    tenant: TenantId,
    issuer: &Name,
    after: &str,
) -> Result<Vec<Identity>, Error> {
    let statement = sql(SELECT)
        .push("tenant_id = $1 AND issuer = $2 AND subject > $3 ORDER BY subject LIMIT 1000")
        .bind(tenant)
        .bind(issuer)
        .bind(after);
    all(executor.rows(statement).await?, read)
}

/// A user's identities, at most 1,000, in the order of issuer and subject.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<Identity>, Error> {
    let statement = sql(SELECT).push("user_id = $1 ORDER BY issuer, subject LIMIT 1000");
    all(executor.rows(statement.bind(user)).await?, read)
}
