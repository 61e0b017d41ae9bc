//! What was revoked: tokens by id, by digest, or of a subject issued before a time; and keys that are distrusted.

use super::identifier;
use crate::statement::{Executor, Page, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Name, TenantId, Timestamp, UserId};
use std::borrow::Cow;
use uuid::Uuid;

/// An entry of the revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// The tenant concerned, when one.
    pub tenant: Option<TenantId>,
    /// What is revoked.
    pub what: Revoked,
    /// When it may be forgotten, because no token that it concerns can be valid any more.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// The issuer's token with this `jti`.
    Token {
        /// The issuer's name.
        issuer: Name,
        /// The claim's value.
        jti: String,
    },
    /// The token whose signing input has this SHA-256, base64url.
    Digest(String),
    /// The subject's tokens that were issued before a time.
    Subject {
        /// The issuer's name.
        issuer: Name,
        /// The subject.
        subject: String,
        /// Tokens with an earlier `iat`, or none, are refused.
        issued_before: Timestamp,
    },
    /// The tokens of a user that were issued before a time, whichever issuer's and subject's they are.
    User {
        /// The user.
        user: UserId,
        /// Tokens with an earlier `iat`, or none, are refused.
        issued_before: Timestamp,
    },
    /// All of the issuer's tokens that were issued before a time.
    Issuer {
        /// The issuer's name.
        issuer: Name,
        /// Tokens with an earlier `iat`, or none, are refused.
        issued_before: Timestamp,
    },
    /// A key of the issuer, distrusted by an operator.
    Key {
        /// The issuer's name.
        issuer: Name,
        /// Its `kid`.
        kid: String,
    },
}

impl Revoked {
    const KINDS: [&'static str; 6] = ["token", "digest", "subject", "issuer", "key", "user"];

    /// `token`, `digest`, `subject`, `issuer`, `key` or `user`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token { .. } => Self::KINDS[0],
            Self::Digest(_) => Self::KINDS[1],
            Self::Subject { .. } => Self::KINDS[2],
            Self::Issuer { .. } => Self::KINDS[3],
            Self::Key { .. } => Self::KINDS[4],
            Self::User { .. } => Self::KINDS[5],
        }
    }

    /// Issuer, value, time: as the columns have them.
    fn columns(&self) -> (&str, Cow<'_, str>, Option<Timestamp>) {
        match self {
            Self::Token { issuer, jti } => (issuer.as_str(), jti.into(), None),
            Self::Digest(digest) => ("", digest.into(), None),
            Self::Subject { issuer, subject, issued_before } => {
                (issuer.as_str(), subject.into(), Some(*issued_before))
            }
            Self::User { user, issued_before } => ("", user.to_string().into(), Some(*issued_before)),
            Self::Issuer { issuer, issued_before } => (issuer.as_str(), "".into(), Some(*issued_before)),
            Self::Key { issuer, kid } => (issuer.as_str(), kid.into(), None),
        }
    }
}

const SELECT: &str = "SELECT id, tenant_id, kind, issuer, value, issued_before, expires_at, at, actor, reason FROM revocations WHERE ";

fn read(mut row: Row) -> Result<Revocation, Error> {
    let (id, tenant) = (row.take()?, row.take()?);
    let kind: String = row.take()?;
    let (issuer, value): (String, String) = (row.take()?, row.take()?);
    let issued_before: Option<Timestamp> = row.take()?;
    let damaged = || Error::Corrupt(format!("a revocation of kind `{kind}` cannot be read"));
    let name = || Name::new(&issuer).map_err(|_| damaged());
    let what = match (kind.as_str(), issued_before) {
        ("token", None) => Revoked::Token { issuer: name()?, jti: value },
        ("digest", None) => Revoked::Digest(value),
        ("subject", Some(issued_before)) => {
            Revoked::Subject { issuer: name()?, subject: value, issued_before }
        }
        ("user", Some(issued_before)) => {
            Revoked::User { user: value.parse().map_err(|_| damaged())?, issued_before }
        }
        ("issuer", Some(issued_before)) => Revoked::Issuer { issuer: name()?, issued_before },
        ("key", None) => Revoked::Key { issuer: name()?, kid: value },
        // Not passed over: an entry that is not understood may be the one that matters.
        _ => return Err(damaged()),
    };
    Ok(Revocation {
        id,
        tenant,
        what,
        expires_at: row.take()?,
        at: row.take()?,
        actor: row.take()?,
        reason: row.take()?,
    })
}

/// Adds an entry. When the same is revoked already, the later `issued_before` and the later expiry (none is latest) count,
/// and the first entry keeps its id.
pub async fn insert(tx: &mut Tx, revocation: &Revocation) -> Result<(), Error> {
    let (issuer, value, issued_before) = revocation.what.columns();
    identifier("what is revoked", &value)?;
    let text = "INSERT INTO revocations (id, tenant_id, kind, issuer, value, issued_before, expires_at, at, actor, reason) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (kind, issuer, value) DO UPDATE SET \
                issued_before = CASE WHEN excluded.issued_before > revocations.issued_before THEN excluded.issued_before ELSE revocations.issued_before END, \
                expires_at = CASE WHEN excluded.expires_at IS NULL OR excluded.expires_at > revocations.expires_at THEN excluded.expires_at ELSE revocations.expires_at END";
    let statement = sql(text)
        .bind(revocation.id)
        .bind(revocation.tenant)
        .bind(revocation.what.kind())
        .bind(issuer)
        .bind(&*value)
        .bind(issued_before)
        .bind(revocation.expires_at)
        .bind(revocation.at)
        .bind(&revocation.actor)
        .bind(revocation.reason.as_deref());
    tx.execute(statement).await.map(drop)
}

/// Takes an entry back; whether it was there.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<bool, Error> {
    Ok(tx.execute(sql("DELETE FROM revocations WHERE id = $1").bind(id)).await? > 0)
}

/// The entry with this id.
pub async fn find(executor: impl Executor, id: Uuid) -> Result<Option<Revocation>, Error> {
    one(executor.rows(sql(SELECT).push("id = $1").bind(id)).await?, read)
}

/// The entry that revokes the same, whatever its times.
pub async fn find_by_what(executor: impl Executor, what: &Revoked) -> Result<Option<Revocation>, Error> {
    let (issuer, value, _) = what.columns();
    if !super::is_identifier(&value) {
        return Ok(None);
    }
    let statement = sql(SELECT).push("kind = $1 AND issuer = $2 AND value = $3");
    one(executor.rows(statement.bind(what.kind()).bind(issuer).bind(&*value)).await?, read)
}

/// Which entries are listed; what is `None` is not asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Still in force at this time.
    pub at: Option<Timestamp>,
}

/// Entries, oldest first.
pub async fn list(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<Revocation>, Error> {
    let mut statement = sql(SELECT).push("1 = 1").and("tenant_id =", filter.tenant);
    if let Some(at) = filter.at {
        let text = format!(" AND (expires_at IS NULL OR expires_at > ${})", statement.values.len() + 1);
        statement = statement.push(&text).bind(at);
    }
    all(executor.rows(statement.page("id", page, false)).await?, read)
}

/// Forgets entries that expired before `now`; how many.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    tx.execute(sql("DELETE FROM revocations WHERE expires_at IS NOT NULL AND expires_at < $1").bind(now))
        .await
}
