//! Applications and the OAuth clients that are them.

use super::identifier;
use crate::statement::{Executor, Page, all, found, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::{Application, ApplicationId, TenantId};

const SELECT: &str =
    "SELECT a.id, a.tenant_id, a.name, a.roles, a.clients, a.disabled, a.created_at, a.updated_at FROM ";

fn read(mut row: Row) -> Result<Application, Error> {
    Ok(Application {
        id: row.take()?,
        tenant: row.take()?,
        name: row.parse()?,
        roles: row.json()?,
        clients: row.json()?,
        disabled: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

/// Adds an application. A name or an OAuth client that is taken is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, application: &Application) -> Result<(), Error> {
    let text = "INSERT INTO applications (id, tenant_id, name, roles, clients, disabled, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let statement = sql(text)
        .bind(application.id)
        .bind(application.tenant)
        .bind(&application.name)
        .bind(json(&application.roles)?)
        .bind(json(&application.clients)?)
        .bind(application.disabled)
        .bind(application.created_at)
        .bind(application.updated_at);
    tx.execute(statement).await?;
    insert_clients(tx, application).await
}

/// Writes everything but `id`, `tenant` and `created_at`.
pub async fn update(tx: &mut Tx, application: &Application) -> Result<(), Error> {
    let text = "UPDATE applications SET name = $3, roles = $4, clients = $5, disabled = $6, updated_at = $7 WHERE id = $1 AND tenant_id = $2";
    let statement = sql(text)
        .bind(application.id)
        .bind(application.tenant)
        .bind(&application.name)
        .bind(json(&application.roles)?)
        .bind(json(&application.clients)?)
        .bind(application.disabled)
        .bind(application.updated_at);
    found(tx.execute(statement).await?, "application")?;
    tx.execute(sql("DELETE FROM application_clients WHERE application_id = $1").bind(application.id)).await?;
    insert_clients(tx, application).await
}

async fn insert_clients(tx: &mut Tx, application: &Application) -> Result<(), Error> {
    for (issuer, client) in &application.clients {
        identifier("a client id", client)?;
        let text = "INSERT INTO application_clients (tenant_id, issuer, client_id, application_id) VALUES ($1, $2, $3, $4)";
        tx.execute(sql(text).bind(application.tenant).bind(issuer).bind(client).bind(application.id)).await?;
    }
    Ok(())
}

/// The application with this id.
pub async fn find(executor: impl Executor, id: ApplicationId) -> Result<Option<Application>, Error> {
    one(executor.rows(sql(SELECT).push("applications a WHERE a.id = $1").bind(id)).await?, read)
}

/// The application with this id, kept from others until the transaction ends.
pub async fn lock(tx: &mut Tx, id: ApplicationId) -> Result<Option<Application>, Error> {
    one(tx.rows(sql(SELECT).push("applications a WHERE a.id = $1").bind(id).locking()).await?, read)
}

/// The tenant's application of this name.
pub async fn find_by_name(
    executor: impl Executor,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Application>, Error> {
    if !super::is_identifier(name) {
        return Ok(None);
    }
    one(
        executor
            .rows(
                sql(SELECT)
                    .push("applications a WHERE a.tenant_id = $1 AND a.name = $2")
                    .bind(tenant)
                    .bind(name),
            )
            .await?,
        read,
    )
}

/// The tenant's application that is this OAuth client of this issuer.
pub async fn find_by_client(
    executor: impl Executor,
    tenant: TenantId,
    issuer: &str,
    client: &str,
) -> Result<Option<Application>, Error> {
    if !super::is_identifier(client) {
        return Ok(None);
    }
    let statement = sql(SELECT)
        .push("application_clients c CROSS JOIN applications a WHERE a.id = c.application_id AND c.tenant_id = $1 AND c.issuer = $2 AND c.client_id = $3 AND a.tenant_id = $1")
        .bind(tenant)
        .bind(issuer)
        .bind(client);
    one(executor.rows(statement).await?, read)
}

/// Applications, of one tenant or all, oldest first.
pub async fn list(
    executor: impl Executor,
    tenant: Option<TenantId>,
    page: Page,
) -> Result<Vec<Application>, Error> {
    let statement =
        sql(SELECT).push("applications a WHERE 1 = 1").and("a.tenant_id =", tenant).page("a.id", page, false);
    all(executor.rows(statement).await?, read)
}

/// Applications of this name, of all tenants, oldest first.
pub async fn list_by_name(
    executor: impl Executor,
    name: &str,
    page: Page,
) -> Result<Vec<Application>, Error> {
    if !super::is_identifier(name) {
        return Ok(Vec::new());
    }
    let statement =
        sql(SELECT).push("applications a WHERE 1 = 1").and("a.name =", Some(name)).page("a.id", page, false);
    all(executor.rows(statement).await?, read)
}
