//! API keys: found by their public half.

use crate::statement::{Executor, Page, all, found, one, sql};
use crate::value::json;
use crate::{Error, Row, Store, Tx};
use portcullis_model::{ApiKey, ApiKeyId, ApplicationId, TenantId, Timestamp, UserId};

const SELECT: &str = "SELECT id, application_id, tenant_id, user_id, name, hash, limits, expires_at, revoked_at, replaced_by, last_used_at, \
     created_at FROM api_keys WHERE ";

fn read(mut row: Row) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: row.take()?,
        application: row.take()?,
        tenant: row.take()?,
        user: row.take()?,
        name: row.take()?,
        hash: row.take()?,
        limits: row.json()?,
        expires_at: row.take()?,
        revoked_at: row.take()?,
        replaced_by: row.take()?,
        last_used_at: row.take()?,
        created_at: row.take()?,
    })
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, key: &ApiKey) -> Result<(), Error> {
    let text = "INSERT INTO api_keys (id, application_id, tenant_id, user_id, name, hash, limits, expires_at, revoked_at, replaced_by, \
                last_used_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let statement = sql(text)
        .bind(key.id)
        .bind(key.application)
        .bind(key.tenant)
        .bind(key.user)
        .bind(&key.name)
        .bind(&key.hash)
        .bind(json(&key.limits)?)
        .bind(key.expires_at)
        .bind(key.revoked_at)
        .bind(key.replaced_by)
        .bind(key.last_used_at)
        .bind(key.created_at);
    tx.execute(statement).await.map(drop)
}

/// Writes `name`, `limits`, `expires_at`, `revoked_at` and `replaced_by`: what a key is and whose it is does not change,
/// and its last use is [`touch`]'s.
pub async fn update(tx: &mut Tx, key: &ApiKey) -> Result<(), Error> {
    let text = "UPDATE api_keys SET name = $2, limits = $3, expires_at = $4, revoked_at = $5, replaced_by = $6 WHERE id = $1";
    let statement = sql(text)
        .bind(key.id)
        .bind(&key.name)
        .bind(json(&key.limits)?)
        .bind(key.expires_at)
        .bind(key.revoked_at)
        .bind(key.replaced_by);
    found(tx.execute(statement).await?, "API key")
}

/// Notes last uses, together. One that is older than what is noted changes nothing; neither does a key that is gone.
pub async fn touch(store: &Store, used: &[(ApiKeyId, Timestamp)]) -> Result<(), Error> {
    if used.is_empty() {
        return Ok(());
    }
    // In one order everywhere, so that two nodes that note the same keys wait for each other and do not deadlock.
    let mut used = used.to_vec();
    used.sort_unstable();
    let mut tx = store.begin().await?;
    for (id, at) in used {
        let text = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
        tx.execute(sql(text).bind(id).bind(at)).await?;
    }
    tx.commit().await.map(drop)
}

/// The key with this id.
pub async fn find(executor: impl Executor, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    one(executor.rows(sql(SELECT).push("id = $1").bind(id)).await?, read)
}

/// The key with this id, kept from others until the transaction ends.
pub async fn lock(tx: &mut Tx, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    one(tx.rows(sql(SELECT).push("id = $1").bind(id).locking()).await?, read)
}

/// Which keys are listed; what is `None` is not asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this application.
    pub application: Option<ApplicationId>,
    /// Pinned to this user.
    pub user: Option<UserId>,
}

/// Keys, oldest first, expired and revoked ones included.
pub async fn list(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<ApiKey>, Error> {
    let statement = sql(SELECT)
        .push("1 = 1")
        .and("tenant_id =", filter.tenant)
        .and("application_id =", filter.application)
        .and("user_id =", filter.user)
        .page("id", page, false);
    all(executor.rows(statement).await?, read)
}
