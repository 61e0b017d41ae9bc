//! Users of the directory.

use super::{identifier, identifiers, is_identifier};
use crate::statement::{Executor, Page, Statement, all, found, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::{Name, TenantId, User, UserId, UserStatus};

pub(super) const SELECT: &str = "SELECT u.id, u.tenant_id, u.status, u.external_id, u.username, u.email, u.email_verified, u.display_name, \
     u.roles, u.attributes, u.merged_into, u.status_changed_at, u.status_changed_by, u.status_reason, u.created_at, u.updated_at FROM ";

pub(super) fn read(mut row: Row) -> Result<User, Error> {
    Ok(User {
        id: row.take()?,
        tenant: row.take()?,
        status: row.parse()?,
        external_id: row.take()?,
        username: row.take()?,
        email: row.take()?,
        email_verified: row.take()?,
        display_name: row.take()?,
        roles: row.json()?,
        attributes: row.json()?,
        merged_into: row.take()?,
        status_changed_at: row.take()?,
        status_changed_by: row.take()?,
        status_reason: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

/// How a subject is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// As a linked identity.
    Identity {
        /// The issuer's name.
        issuer: Name,
        /// The subject, exact.
        subject: String,
    },
    /// As our own id.
    Id(UserId),
    /// As the company's id.
    ExternalId(String),
    /// As the log-in name.
    Username(String),
    /// As the value of an attribute.
    Attribute {
        /// Its name.
        name: String,
        /// Its value, exact.
        value: String,
    },
}

/// The users of `tenant` that a look-up means, in whatever state: none, one, or two when there are two or more
/// (ambiguous). Merged users are given as they are; following them is the caller's. The primary is asked.
pub async fn resolve(executor: impl Executor, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, Error> {
    // `CROSS JOIN` fixes the order on SQLite, which would else walk through all users of the tenant.
    let statement = match lookup {
        Lookup::Id(id) => sql(SELECT).push("users u WHERE u.id = $2 AND u.tenant_id = $1 LIMIT 2").bind(tenant).bind(*id),
        Lookup::ExternalId(text) | Lookup::Username(text) | Lookup::Identity { subject: text, .. } | Lookup::Attribute { value: text, .. }
            if !is_identifier(text) =>
        {
            return Ok(Vec::new());
        }
        Lookup::ExternalId(text) => {
            sql(SELECT).push("users u WHERE u.tenant_id = $1 AND u.external_id = $2 LIMIT 2").bind(tenant).bind(text)
        }
        Lookup::Username(text) => {
            sql(SELECT).push("users u WHERE u.tenant_id = $1 AND u.username = $2 LIMIT 2").bind(tenant).bind(text)
        }
        Lookup::Identity { issuer, subject } => sql(SELECT)
            .push("identities i CROSS JOIN users u WHERE u.id = i.user_id AND i.tenant_id = $1 AND i.issuer = $2 AND i.subject = $3 AND u.tenant_id = $1 LIMIT 2")
            .bind(tenant)
            .bind(issuer)
            .bind(subject),
        Lookup::Attribute { name, value } => sql(SELECT)
            .push("user_attributes a CROSS JOIN users u WHERE u.id = a.user_id AND a.tenant_id = $1 AND a.name = $2 AND a.value = $3 AND u.tenant_id = $1 LIMIT 2")
            .bind(tenant)
            .bind(name)
            .bind(value),
    };
    all(executor.rows(statement).await?, read)
}

fn check(user: &User) -> Result<(), Error> {
    for (what, value) in [
        ("the external id", &user.external_id),
        ("the user name", &user.username),
        ("the e-mail address", &user.email),
    ] {
        value.as_deref().map_or(Ok(()), |text| identifier(what, text))?;
    }
    for (name, value) in &user.attributes {
        identifier("an attribute's name", name)?;
        identifier("an attribute", value)?;
    }
    Ok(())
}

/// Adds a user. An external id or user name that is taken, by a deleted user too, is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), Error> {
    check(user)?;
    let text = "INSERT INTO users (id, tenant_id, status, external_id, username, email, email_verified, display_name, roles, attributes, \
                merged_into, status_changed_at, status_changed_by, status_reason, updated_at, created_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    tx.execute(columns(sql(text), user)?.bind(user.created_at)).await?;
    insert_attributes(tx, user).await?;
    identifiers::settle(tx, user, user.created_at, true).await
}

/// Writes everything but `id`, `tenant` and `created_at`. What it was known by until now is kept as past.
pub async fn update(tx: &mut Tx, user: &User) -> Result<(), Error> {
    check(user)?;
    let text = "UPDATE users SET status = $3, external_id = $4, username = $5, email = $6, email_verified = $7, display_name = $8, \
                roles = $9, attributes = $10, merged_into = $11, status_changed_at = $12, status_changed_by = $13, status_reason = $14, \
                updated_at = $15 WHERE id = $1 AND tenant_id = $2";
    found(tx.execute(columns(sql(text), user)?).await?, "user")?;
    tx.execute(sql("DELETE FROM user_attributes WHERE user_id = $1").bind(user.id)).await?;
    insert_attributes(tx, user).await?;
    identifiers::settle(tx, user, user.updated_at, false).await
}

fn columns<'a>(statement: Statement<'a>, user: &'a User) -> Result<Statement<'a>, Error> {
    Ok(statement
        .bind(user.id)
        .bind(user.tenant)
        .bind(user.status.as_str())
        .bind(user.external_id.as_deref())
        .bind(user.username.as_deref())
        .bind(user.email.as_deref())
        .bind(user.email_verified)
        .bind(user.display_name.as_deref())
        .bind(json(&user.roles)?)
        .bind(json(&user.attributes)?)
        .bind(user.merged_into)
        .bind(user.status_changed_at)
        .bind(&user.status_changed_by)
        .bind(user.status_reason.as_deref())
        .bind(user.updated_at))
}

async fn insert_attributes(tx: &mut Tx, user: &User) -> Result<(), Error> {
    for (name, value) in &user.attributes {
        let text = "INSERT INTO user_attributes (user_id, name, tenant_id, value) VALUES ($1, $2, $3, $4)";
        tx.execute(sql(text).bind(user.id).bind(name).bind(user.tenant).bind(value)).await?;
    }
    Ok(())
}

/// The user with this id, of whatever tenant.
pub async fn find(executor: impl Executor, id: UserId) -> Result<Option<User>, Error> {
    one(executor.rows(sql(SELECT).push("users u WHERE u.id = $1").bind(id)).await?, read)
}

/// The user with this id, kept from others until the transaction ends.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    one(tx.rows(sql(SELECT).push("users u WHERE u.id = $1").bind(id).locking()).await?, read)
}

/// Which users are listed; what is `None` is not asked for. Texts are exact.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// In this state.
    pub status: Option<UserStatus>,
    /// With this external id.
    pub external_id: Option<String>,
    /// With this user name.
    pub username: Option<String>,
    /// With this address.
    pub email: Option<String>,
    /// Merged into this one.
    pub merged_into: Option<UserId>,
}

/// How many of a tenant's users are neither deleted nor merged.
pub async fn count_living(executor: impl Executor, tenant: TenantId) -> Result<u64, Error> {
    let mut statement =
        sql("SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND status NOT IN ('deleted', 'merged')")
            .bind(tenant);
    statement.scanning = true;
    let count: Option<i64> = one(executor.rows(statement).await?, |mut row| row.take())?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Users, oldest first.
pub async fn list(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<User>, Error> {
    let statement = sql(SELECT)
        .push("users u WHERE 1 = 1")
        .and("u.tenant_id =", filter.tenant)
        .and("u.status =", filter.status.map(UserStatus::as_str))
        .and("u.external_id =", filter.external_id.as_deref())
        .and("u.username =", filter.username.as_deref())
        .and("u.email =", filter.email.as_deref())
        .and("u.merged_into =", filter.merged_into)
        .page("u.id", page, false);
    all(executor.rows(statement).await?, read)
}
