//! Identities: the subjects that resolve to a user. Looked up by [`super::users::resolve`].

use super::identifier;
use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Identity, TenantId, UserId};

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
    tx.execute(statement).await.map(drop)
}

/// Unlinks an identity; whether it was there.
pub async fn delete(tx: &mut Tx, tenant: TenantId, issuer: &str, subject: &str) -> Result<bool, Error> {
    let text = "DELETE FROM identities WHERE tenant_id = $1 AND issuer = $2 AND subject = $3";
    Ok(tx.execute(sql(text).bind(tenant).bind(issuer).bind(subject)).await? > 0)
}

/// Gives all identities of one user to another of the same tenant, as a merge does; how many.
pub async fn reassign(tx: &mut Tx, from: UserId, to: UserId) -> Result<u64, Error> {
    tx.execute(sql("UPDATE identities SET user_id = $2 WHERE user_id = $1").bind(from).bind(to)).await
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

/// A user's identities, at most 1,000, in the order of issuer and subject.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<Identity>, Error> {
    let statement = sql(SELECT).push("user_id = $1 ORDER BY issuer, subject LIMIT 1000");
    all(executor.rows(statement.bind(user)).await?, read)
}
