//! The audit log: appended with every change, never changed.

use crate::statement::{Executor, Page, all, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::audit::Audit;
use portcullis_model::{AuditId, TenantId, Timestamp};

const SELECT: &str =
    "SELECT id, at, actor, source, tenant_id, action, target, before, after FROM audit WHERE ";

fn read(mut row: Row) -> Result<Audit, Error> {
    Ok(Audit {
        id: row.take()?,
        at: row.take()?,
        actor: row.take()?,
        source: row.take()?,
        tenant: row.take()?,
        action: row.take()?,
        target: row.take()?,
        before: row.json()?,
        after: row.json()?,
    })
}

/// Appends an entry, in the transaction of the change that it tells of.
pub async fn insert(tx: &mut Tx, entry: &Audit) -> Result<(), Error> {
    let text = "INSERT INTO audit (id, at, actor, source, tenant_id, action, target, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let statement = sql(text)
        .bind(entry.id)
        .bind(entry.at)
        .bind(&entry.actor)
        .bind(&entry.source)
        .bind(entry.tenant)
        .bind(&entry.action)
        .bind(&entry.target)
        .bind(json(&entry.before)?)
        .bind(json(&entry.after)?);
    tx.execute(statement).await.map(drop)
}

/// The entry with this id.
pub async fn find(executor: impl Executor, id: AuditId) -> Result<Option<Audit>, Error> {
    one(executor.rows(sql(SELECT).push("id = $1").bind(id)).await?, read)
}

/// Which entries are listed; what is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this kind: `user.suspend`.
    pub action: Option<String>,
    /// Of this target.
    pub target: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Entries, newest first.
pub async fn list(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<Audit>, Error> {
    let statement = sql(SELECT)
        .push("1 = 1")
        .and("tenant_id =", filter.tenant)
        .and("actor =", filter.actor.as_deref())
        .and("action =", filter.action.as_deref())
        .and("target =", filter.target.as_deref())
        .and("at >=", filter.since)
        .and("at <", filter.until)
        .page("id", page, true);
    all(executor.rows(statement).await?, read)
}
