//! What lives at providers, and whose it is.

use super::{identifier, is_identifier};
use crate::statement::{Executor, Page, Statement, all, sql};
use crate::{Error, Row, Tx};
use portcullis_model::holding::{Holder, Holding, Kind};
use portcullis_model::{Name, Timestamp, UserId};

const SELECT: &str = "SELECT kind, object, provider, tenant_id, user_id, application_id, key_number, deployment, model, created_at, expires_at FROM holdings ";

fn read(mut row: Row) -> Result<Holding, Error> {
    let (kind, object, provider) = (row.parse()?, row.take()?, row.parse()?);
    let (tenant, user, application) = (row.take()?, row.take()?, row.take()?);
    let key: Option<i64> = row.take()?;
    let deployment = row.take()?;
    let model: Option<String> = row.take()?;
    let damaged = |_| Error::Corrupt("a holding names a model by what is no name".to_owned());
    Ok(Holding {
        kind,
        object,
        holder: Holder { tenant, user, application },
        provider,
        key: key.and_then(|key| u16::try_from(key).ok()),
        deployment,
        model: model.map(|model| Name::new(&model)).transpose().map_err(damaged)?,
        created_at: row.take()?,
        expires_at: row.take()?,
    })
}

/// Writes whose these are, all or none of them: the first who was given an id has it. Those that somebody else has already
/// are in the answer, and stay theirs.
pub async fn claim(tx: &mut Tx, holdings: &[Holding]) -> Result<Vec<Holding>, Error> {
    let mut taken = Vec::new();
    for holding in holdings {
        if !put(&mut *tx, holding).await? {
            let there = every(&mut *tx, holding.kind, &holding.object).await?;
            let theirs = |one: &&Holding| one.provider == holding.provider && one.holder != holding.holder;
            taken.extend(there.iter().find(theirs).map(|_| holding.clone()));
        }
    }
    Ok(taken)
}

/// Writes one, unless somebody has it: its holder has it for as long as was said last. Whether anything is different now.
pub async fn put(executor: impl Executor, holding: &Holding) -> Result<bool, Error> {
    identifier("the id of what lives at a provider", &holding.object)?;
    let text = "INSERT INTO holdings (kind, object, provider, tenant_id, user_id, application_id, key_number, deployment, model, created_at, expires_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                ON CONFLICT (kind, object, provider) DO UPDATE SET expires_at = excluded.expires_at \
                WHERE holdings.tenant_id = excluded.tenant_id AND holdings.user_id IS NOT DISTINCT FROM excluded.user_id \
                AND holdings.application_id IS NOT DISTINCT FROM excluded.application_id \
                AND holdings.expires_at IS DISTINCT FROM excluded.expires_at";
    let statement = sql(text)
        .bind(holding.kind.as_str())
        .bind(&holding.object)
        .bind(&holding.provider)
        .bind(holding.holder.tenant)
        .bind(holding.holder.user)
        .bind(holding.holder.application)
        .bind(holding.key.map(u32::from))
        .bind(&holding.deployment)
        .bind(holding.model.as_ref())
        .bind(holding.created_at)
        .bind(holding.expires_at);
    Ok(executor.execute(statement).await? > 0)
}

/// At every provider.
async fn every(executor: impl Executor, kind: Kind, object: &str) -> Result<Vec<Holding>, Error> {
    let statement = sql(SELECT)
        .push("WHERE kind = $1 AND object = $2 ORDER BY created_at DESC, provider")
        .bind(kind.as_str())
        .bind(object);
    all(executor.rows(statement).await?, read)
}

/// What this holder has under an id, unless the provider has forgotten it by now; of several, the newest. That it is
/// somebody else's is the same as that nobody has it.
pub async fn find(
    executor: impl Executor,
    holder: &Holder,
    kind: Kind,
    object: &str,
    now: Timestamp,
) -> Result<Option<Holding>, Error> {
    if !is_identifier(object) {
        return Ok(None);
    }
    let mut there = every(executor, kind, object).await?.into_iter();
    Ok(there.find(|one| one.holder == *holder && one.expires_at.is_none_or(|expires| now < expires)))
}

/// What this holder has of one kind and its provider has not forgotten by now, newest first; `before`: only what is behind
/// this place in that order (when it was made, and its id), whether or not something is there still.
pub async fn list(
    executor: impl Executor,
    holder: &Holder,
    kind: Kind,
    before: Option<(Timestamp, &str)>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Holding>, Error> {
    let statement = sql(SELECT).push("WHERE kind = $1").bind(kind.as_str());
    let mut statement = of(statement, holder);
    // Here and not in what comes of it: a full page would look like the last one.
    let n = statement.values.len() + 1;
    statement = statement.push(&format!(" AND (expires_at IS NULL OR expires_at > ${n})")).bind(now);
    if let Some((created_at, object)) = before {
        // By both, since what one answer named was made at one time.
        let n = statement.values.len();
        statement = statement
            .push(&format!(
                " AND (created_at < ${} OR created_at = ${} AND object < ${})",
                n + 1,
                n + 1,
                n + 2
            ))
            .bind(created_at)
            .bind(object);
    }
    let n = statement.values.len() + 1;
    let statement = statement
        .push(&format!(" ORDER BY created_at DESC, object DESC LIMIT ${n}"))
        .bind(limit.clamp(1, Page::MOST))
        .scanning();
    all(executor.rows(statement).await?, read)
}

/// Forgets one, which this provider has no longer; whether it was this holder's. An equal id at another provider is
/// something else.
pub async fn release(
    executor: impl Executor,
    holder: &Holder,
    kind: Kind,
    object: &str,
    provider: &Name,
) -> Result<bool, Error> {
    if !is_identifier(object) {
        return Ok(false);
    }
    let statement = sql("DELETE FROM holdings WHERE kind = $1 AND object = $2 AND provider = $3")
        .bind(kind.as_str())
        .bind(object)
        .bind(provider);
    Ok(executor.execute(of(statement, holder)).await? > 0)
}

/// Only what is this holder's.
fn of<'a>(statement: Statement<'a>, holder: &Holder) -> Statement<'a> {
    let mut statement = statement
        .and("tenant_id =", Some(holder.tenant))
        .and("user_id =", holder.user)
        .and("application_id =", holder.application);
    if holder.user.is_none() {
        statement = statement.push(" AND user_id IS NULL");
    }
    if holder.application.is_none() {
        statement = statement.push(" AND application_id IS NULL");
    }
    statement
}

/// What was one user's is another's from now on.
pub async fn reassign(tx: &mut Tx, from: UserId, to: UserId) -> Result<u64, Error> {
    tx.execute(sql("UPDATE holdings SET user_id = $2 WHERE user_id = $1").bind(from).bind(to)).await
}

/// Forgets everything of a user: nobody can use it any more.
pub async fn forget_user(tx: &mut Tx, user: UserId) -> Result<u64, Error> {
    tx.execute(sql("DELETE FROM holdings WHERE user_id = $1").bind(user)).await
}

/// Forgets what was made before a time, and what its provider has forgotten; how many.
pub async fn prune(tx: &mut Tx, before: Timestamp, now: Timestamp) -> Result<u64, Error> {
    let text = "DELETE FROM holdings WHERE created_at < $1 OR expires_at < $2";
    tx.execute(sql(text).bind(before).bind(now)).await
}
