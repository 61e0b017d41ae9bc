//! Tenants.

use crate::statement::{Executor, Page, all, found, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::{Tenant, TenantId};

const SELECT: &str = "SELECT id, name, models, origin, disabled, created_at, updated_at FROM tenants WHERE ";

fn read(mut row: Row) -> Result<Tenant, Error> {
    Ok(Tenant {
        id: row.take()?,
        name: row.parse()?,
        models: row.json()?,
        origin: row.parse()?,
        disabled: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

/// Adds a tenant. A name that is taken is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<(), Error> {
    let text = "INSERT INTO tenants (id, name, models, origin, disabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let statement = sql(text)
        .bind(tenant.id)
        .bind(&tenant.name)
        .bind(json(&tenant.models)?)
        .bind(tenant.origin.as_str())
        .bind(tenant.disabled)
        .bind(tenant.created_at)
        .bind(tenant.updated_at);
    tx.execute(statement).await.map(drop)
}

/// Writes everything but `id` and `created_at`.
pub async fn update(tx: &mut Tx, tenant: &Tenant) -> Result<(), Error> {
    let text = "UPDATE tenants SET name = $2, models = $3, origin = $4, disabled = $5, updated_at = $6 WHERE id = $1";
    let statement = sql(text)
        .bind(tenant.id)
        .bind(&tenant.name)
        .bind(json(&tenant.models)?)
        .bind(tenant.origin.as_str())
        .bind(tenant.disabled)
        .bind(tenant.updated_at);
    found(tx.execute(statement).await?, "tenant")
}

/// The tenant with this id.
pub async fn find(executor: impl Executor, id: TenantId) -> Result<Option<Tenant>, Error> {
    one(executor.rows(sql(SELECT).push("id = $1").bind(id)).await?, read)
}

/// The tenant with this id, kept from others until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TenantId) -> Result<Option<Tenant>, Error> {
    one(tx.rows(sql(SELECT).push("id = $1").bind(id).locking()).await?, read)
}

/// The tenant of this name.
pub async fn find_by_name(executor: impl Executor, name: &str) -> Result<Option<Tenant>, Error> {
    one(executor.rows(sql(SELECT).push("name = $1").bind(name)).await?, read)
}

/// Tenants, oldest first, disabled ones included.
pub async fn list(executor: impl Executor, page: Page) -> Result<Vec<Tenant>, Error> {
    all(executor.rows(sql(SELECT).push("1 = 1").page("id", page, false)).await?, read)
}
