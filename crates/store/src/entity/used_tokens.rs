//! Tokens that are for one call, and the call that each let in. Which tokens are, is not known here: what is written is used.

use crate::statement::{Executor, one, sql};
use crate::{Error, Row, Store};
use portcullis_model::{Name, RequestId, TenantId, Timestamp};

/// A token that has let a call in, and lets in no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedToken {
    /// The issuer's name.
    pub issuer: Name,
    /// SHA-256 of its `jti`: no longer than any other, whatever an issuer writes.
    pub jti: [u8; 32],
    /// SHA-256 of its signing input, base64url: tells whether it is this very token, or another with the same `jti`.
    pub digest: String,
    /// The tenant of whoever called.
    pub tenant: TenantId,
    /// The call.
    pub request: RequestId,
    /// When.
    pub at: Timestamp,
    /// When it may be forgotten, because nobody believes the token any more.
    pub expires_at: Timestamp,
}

/// Rows that are removed by one statement: within the time that a statement has.
const SLICE: u32 = 1_000;

fn read(mut row: Row) -> Result<UsedToken, Error> {
    let issuer = row.parse()?;
    let jti: Vec<u8> = row.take()?;
    let damaged = |_| Error::Corrupt("a used token is named by what is no SHA-256".to_owned());
    Ok(UsedToken {
        issuer,
        jti: jti.try_into().map_err(damaged)?,
        digest: row.take()?,
        tenant: row.take()?,
        request: row.take()?,
        at: row.take()?,
        expires_at: row.take()?,
    })
}

/// Writes that a token was used, unless it was already; whether this use is the first. Of any number at once, on whatever
/// nodes, one is.
pub async fn insert(executor: impl Executor, used: &UsedToken) -> Result<bool, Error> {
    let text = "INSERT INTO used_tokens (issuer, jti, digest, tenant_id, request, at, expires_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (issuer, jti) DO NOTHING";
    let statement = sql(text)
        .bind(&used.issuer)
        .bind(used.jti.as_slice())
        .bind(&used.digest)
        .bind(used.tenant)
        .bind(used.request)
        .bind(used.at)
        .bind(used.expires_at);
    Ok(executor.execute(statement).await? > 0)
}

/// Takes a use back that let no call in after all; whether it was there. Another's stays.
pub async fn take_back(executor: impl Executor, used: &UsedToken) -> Result<bool, Error> {
    let text = "DELETE FROM used_tokens WHERE issuer = $1 AND jti = $2 AND request = $3";
    let statement = sql(text).bind(&used.issuer).bind(used.jti.as_slice()).bind(used.request);
    Ok(executor.execute(statement).await? > 0)
}

/// The use of the issuer's token whose `jti` has this SHA-256.
pub async fn find(
    executor: impl Executor,
    issuer: &Name,
    jti: &[u8; 32],
) -> Result<Option<UsedToken>, Error> {
    let text = "SELECT issuer, jti, digest, tenant_id, request, at, expires_at FROM used_tokens \
                WHERE issuer = $1 AND jti = $2";
    one(executor.rows(sql(text).bind(issuer).bind(jti.as_slice())).await?, read)
}

/// Forgets what nobody would believe before `now`; how many. Some at a time: there may be as many as there were calls.
pub async fn prune(store: &Store, now: Timestamp) -> Result<u64, Error> {
    let text = "DELETE FROM used_tokens WHERE (issuer, jti) IN \
                (SELECT issuer, jti FROM used_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    let mut gone = 0;
    loop {
        let deleted = store.execute(sql(text).bind(now).bind(SLICE)).await?;
        gone += deleted;
        if deleted < u64::from(SLICE) {
            return Ok(gone);
        }
    }
}
