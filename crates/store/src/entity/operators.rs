//! Credentials of the control plane, `pco_<id>_<secret>`.

use crate::statement::{Executor, Page, all, found, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Name, OperatorId, TenantId, Timestamp};

/// A credential of the control plane. The secret is not here: only its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The public half; finds the credential.
    pub id: OperatorId,
    /// Who it is, in the audit log; unique.
    pub name: Name,
    /// What it may do.
    pub role: OperatorRole,
    /// The tenant it is confined to, when its role is.
    pub tenant: Option<TenantId>,
    /// What it feeds the directory from, when it is a provisioner.
    pub source: Option<Name>,
    /// HMAC-SHA256 of the secret under the data directory's pepper; 32 bytes.
    pub hash: Vec<u8>,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Last accepted use.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT id, name, role, tenant_id, source, hash, expires_at, revoked_at, last_used_at, created_at FROM operators WHERE ";

fn read(mut row: Row) -> Result<Operator, Error> {
    Ok(Operator {
        id: row.take()?,
        name: row.parse()?,
        role: row.parse()?,
        tenant: row.take()?,
        source: source(row.take()?)?,
        hash: row.take()?,
        expires_at: row.take()?,
        revoked_at: row.take()?,
        last_used_at: row.take()?,
        created_at: row.take()?,
    })
}

/// A source's name, as it is stored.
pub(super) fn source(text: Option<String>) -> Result<Option<Name>, Error> {
    let named = text.map(|text| Name::new(&text)).transpose();
    named.map_err(|_| Error::Corrupt("the name of a source is none".to_owned()))
}

/// Adds a credential. A name that is taken is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, operator: &Operator) -> Result<(), Error> {
    let text = "INSERT INTO operators (id, name, role, tenant_id, hash, expires_at, revoked_at, last_used_at, created_at, source) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let statement = sql(text)
        .bind(operator.id)
        .bind(&operator.name)
        .bind(operator.role.as_str())
        .bind(operator.tenant)
        .bind(&operator.hash)
        .bind(operator.expires_at)
        .bind(operator.revoked_at)
        .bind(operator.last_used_at)
        .bind(operator.created_at)
        .bind(operator.source.as_ref().map(Name::as_str));
    tx.execute(statement).await.map(drop)
}

/// Writes everything but `id`, `source` and `created_at`.
pub async fn update(tx: &mut Tx, operator: &Operator) -> Result<(), Error> {
    let text = "UPDATE operators SET name = $2, role = $3, tenant_id = $4, hash = $5, expires_at = $6, revoked_at = $7, last_used_at = $8 WHERE id = $1";
    let statement = sql(text)
        .bind(operator.id)
        .bind(&operator.name)
        .bind(operator.role.as_str())
        .bind(operator.tenant)
        .bind(&operator.hash)
        .bind(operator.expires_at)
        .bind(operator.revoked_at)
        .bind(operator.last_used_at);
    found(tx.execute(statement).await?, "operator")
}

/// The credential with this id.
pub async fn find(executor: impl Executor, id: OperatorId) -> Result<Option<Operator>, Error> {
    one(executor.rows(sql(SELECT).push("id = $1").bind(id)).await?, read)
}

/// The credential of this name.
pub async fn find_by_name(executor: impl Executor, name: &str) -> Result<Option<Operator>, Error> {
    one(executor.rows(sql(SELECT).push("name = $1").bind(name)).await?, read)
}

/// Credentials, oldest first, expired and revoked ones included.
pub async fn list(executor: impl Executor, page: Page) -> Result<Vec<Operator>, Error> {
    all(executor.rows(sql(SELECT).push("1 = 1").page("id", page, false)).await?, read)
}
