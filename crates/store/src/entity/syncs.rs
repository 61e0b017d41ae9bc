//! How the synchronisation of each source stands, and which of its people a run has seen.
//!
//! One node at a time holds a synchronisation, for as long as it says that it is still there. What it writes names the
//! run, so that one that was thought dead and comes back changes nothing.

use crate::statement::{Executor, all, one, sql};
use crate::value::json;
use crate::{Error, Row, Tx};
use portcullis_model::sync::{SyncAsked, SyncReport, SyncWaiting};
use portcullis_model::{Name, TenantId, Timestamp, UserId};

/// How the synchronisation of a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The source's name.
    pub source: Name,
    /// The tenant whose users its people are.
    pub tenant: TenantId,
    /// The number of the last run that began.
    pub run: i64,
    /// Which process is at it, and until when it is believed to be.
    pub holder: Option<(String, Timestamp)>,
    /// From where the next run goes on.
    pub watermark: Option<String>,
    /// When the last run began that read everybody and ended well.
    pub full_at: Option<Timestamp>,
    /// When the last run began that ended well: up to then the directory is known to be as the source.
    pub succeeded_at: Option<Timestamp>,
    /// What an operator asked for that has not begun.
    pub asked: Option<SyncAsked>,
    /// How many an operator lets the next run delete.
    pub approved: Option<i64>,
    /// The last run that ended.
    pub last: Option<SyncReport>,
    /// What waits for approval.
    pub waiting: Option<SyncWaiting>,
}

const SELECT: &str = "SELECT source, tenant_id, run, holder, held_until, watermark, full_at, succeeded_at, asked, approved, last, waiting FROM syncs ";

fn read(mut row: Row) -> Result<Sync, Error> {
    let (source, tenant, run) = (row.parse()?, row.take()?, row.take()?);
    let (holder, until): (Option<String>, Option<Timestamp>) = (row.take()?, row.take()?);
    let (watermark, full_at, succeeded_at) = (row.take()?, row.take()?, row.take()?);
    // A word of a newer release is nothing that this one could do.
    let asked: Option<String> = row.take()?;
    Ok(Sync {
        source,
        tenant,
        run,
        holder: holder.zip(until),
        watermark,
        full_at,
        succeeded_at,
        asked: asked.and_then(|asked| asked.parse().ok()),
        approved: row.take()?,
        last: row.json()?,
        waiting: row.json()?,
    })
}

/// The state of every source that was ever synchronised, by name.
pub async fn list(executor: impl Executor) -> Result<Vec<Sync>, Error> {
    all(executor.rows(sql(SELECT).push("ORDER BY source")).await?, read)
}

/// The state of one source.
pub async fn find(executor: impl Executor, source: &Name) -> Result<Option<Sync>, Error> {
    one(executor.rows(sql(SELECT).push("WHERE source = $1").bind(source)).await?, read)
}

async fn lock(tx: &mut Tx, source: &Name, tenant: TenantId) -> Result<Sync, Error> {
    let text = "INSERT INTO syncs (source, tenant_id, run, last, waiting) VALUES ($1, $2, 0, $3, $4) ON CONFLICT (source) DO NOTHING";
    let nothing = || json(&None::<()>);
    tx.execute(sql(text).bind(source).bind(tenant).bind(nothing()?).bind(nothing()?)).await?;
    let rows = tx.rows(sql(SELECT).push("WHERE source = $1").bind(source).locking()).await?;
    one(rows, read)?.ok_or_else(|| Error::Corrupt("an insert left nothing behind".to_owned()))
}

/// Takes the synchronisation of a source for `holder`, and counts a run. Nothing when another process is at it. What was
/// asked for and approved is in the answer, and is not asked for any more. Of another tenant than before it begins anew.
pub async fn claim(
    tx: &mut Tx,
    source: &Name,
    tenant: TenantId,
    (holder, now, until): (&str, Timestamp, Timestamp),
) -> Result<Option<Sync>, Error> {
    let mut state = lock(tx, source, tenant).await?;
    if state.holder.as_ref().is_some_and(|(_, until)| *until > now) {
        return Ok(None);
    }
    if state.tenant != tenant {
        state = Sync {
            watermark: None,
            full_at: None,
            succeeded_at: None,
            waiting: None,
            approved: None,
            tenant,
            ..state
        };
    }
    state.run += 1;
    state.holder = Some((holder.to_owned(), until));
    let begun = Sync { asked: None, approved: None, ..state.clone() };
    write(tx, &begun).await?;
    Ok(Some(state))
}

/// Says that `holder` is still at it, until then; whether it is.
pub async fn renew(
    executor: impl Executor,
    source: &Name,
    (holder, run): (&str, i64),
    until: Timestamp,
) -> Result<bool, Error> {
    let text = "UPDATE syncs SET held_until = $4 WHERE source = $1 AND holder = $2 AND run = $3";
    Ok(executor.execute(sql(text).bind(source).bind(holder).bind(run).bind(until)).await? > 0)
}

/// Ends a run of `holder`: writes what became of it, and lets others go on. Whether it was still the holder's. What was
/// asked for meanwhile stays asked for.
pub async fn end(tx: &mut Tx, state: &Sync, holder: &str) -> Result<bool, Error> {
    let now = lock(tx, &state.source, state.tenant).await?;
    if now.run != state.run || now.holder.is_none_or(|(held_by, _)| held_by != holder) {
        return Ok(false);
    }
    write(tx, &Sync { holder: None, asked: now.asked, approved: now.approved, ..state.clone() }).await?;
    Ok(true)
}

/// Asks for a run as soon as somebody can.
pub async fn ask(tx: &mut Tx, source: &Name, tenant: TenantId, asked: SyncAsked) -> Result<Sync, Error> {
    let state = lock(tx, source, tenant).await?;
    let state = Sync { asked: Some(asked), ..state };
    write(tx, &state).await?;
    Ok(state)
}

/// Lets the next run, which reads everybody, delete as many as wait for approval; nothing when none do.
pub async fn approve(tx: &mut Tx, source: &Name, tenant: TenantId) -> Result<Option<Sync>, Error> {
    let state = lock(tx, source, tenant).await?;
    let Some(waiting) = state.waiting.clone().filter(|_| state.tenant == tenant) else { return Ok(None) };
    let approved = Some(i64::try_from(waiting.gone).unwrap_or(i64::MAX));
    let state = Sync { asked: Some(SyncAsked::Full), approved, ..state };
    write(tx, &state).await?;
    Ok(Some(state))
}

async fn write(tx: &mut Tx, state: &Sync) -> Result<(), Error> {
    let text = "UPDATE syncs SET tenant_id = $2, run = $3, holder = $4, held_until = $5, watermark = $6, full_at = $7, \
                succeeded_at = $8, asked = $9, approved = $10, last = $11, waiting = $12 WHERE source = $1";
    let statement = sql(text)
        .bind(&state.source)
        .bind(state.tenant)
        .bind(state.run)
        .bind(state.holder.as_ref().map(|(holder, _)| holder.as_str()))
        .bind(state.holder.as_ref().map(|(_, until)| *until))
        .bind(state.watermark.as_deref())
        .bind(state.full_at)
        .bind(state.succeeded_at)
        .bind(state.asked.map(SyncAsked::as_str))
        .bind(state.approved)
        .bind(json(&state.last)?)
        .bind(json(&state.waiting)?);
    tx.execute(statement).await.map(drop)
}

/// Notes that a run has seen these people.
pub async fn seen(tx: &mut Tx, source: &Name, run: i64, keys: &[String]) -> Result<(), Error> {
    for key in keys {
        super::identifier("the key of a person", key)?;
        let text = "INSERT INTO synced (source, key, run) VALUES ($1, $2, $3) \
                    ON CONFLICT (source, key) DO UPDATE SET run = excluded.run";
        tx.execute(sql(text).bind(source).bind(key).bind(run)).await?;
    }
    Ok(())
}

/// Forgets whom runs before this one have seen.
pub async fn forget(tx: &mut Tx, source: &Name, run: i64) -> Result<(), Error> {
    tx.execute(sql("DELETE FROM synced WHERE source = $1 AND run <> $2").bind(source).bind(run))
        .await
        .map(drop)
}

/// Whom a run that read everybody did not see.
#[derive(Clone, Copy, Debug)]
pub struct Unseen<'a> {
    /// The source.
    pub source: &'a Name,
    /// What its people's keys are linked under.
    pub issuer: &'a Name,
    /// Whose users they are.
    pub tenant: TenantId,
    /// The run.
    pub run: i64,
    /// When it began: who came later may have come behind its back.
    pub began_at: Timestamp,
}

const UNSEEN: &str = "FROM identities i CROSS JOIN users u WHERE u.id = i.user_id AND i.tenant_id = $1 AND i.issuer = $2 \
     AND i.linked_at < $3 AND u.status IN ('active', 'pending', 'suspended') \
     AND NOT EXISTS (SELECT 1 FROM identities o CROSS JOIN synced s WHERE o.user_id = i.user_id AND o.issuer = i.issuer \
     AND s.source = $4 AND s.key = o.subject AND s.run = $5)";

impl Unseen<'_> {
    /// The next of them after this key, by key: the key, and the user.
    pub async fn page(&self, executor: impl Executor, after: &str) -> Result<Vec<(String, UserId)>, Error> {
        let statement = sql("SELECT i.subject, i.user_id ")
            .push(UNSEEN)
            .push(" AND i.subject > $6 ORDER BY i.subject LIMIT 100")
            .bind(self.tenant)
            .bind(self.issuer)
            .bind(self.began_at)
            .bind(self.source)
            .bind(self.run)
            .bind(after);
        all(executor.rows(statement).await?, |mut row| Ok((row.take()?, row.take()?)))
    }

    /// How many users there are of this source who are neither deleted nor merged.
    pub async fn count_all(&self, executor: impl Executor) -> Result<u64, Error> {
        let mut statement = sql(
            "SELECT COUNT(DISTINCT i.user_id) FROM identities i CROSS JOIN users u WHERE u.id = i.user_id AND i.tenant_id = $1 \
             AND i.issuer = $2 AND u.status IN ('active', 'pending', 'suspended')",
        )
        .bind(self.tenant)
        .bind(self.issuer);
        statement.scanning = true;
        let count: Option<i64> = one(executor.rows(statement).await?, |mut row| row.take())?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }
}
