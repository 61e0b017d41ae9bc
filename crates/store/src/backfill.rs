//! Identifiers of users that an earlier release wrote, which knew none. Runs whenever the database is opened, over those
//! who came since the last time: while nodes are upgraded one after another, an old one still writes users.

use crate::entity::{identifiers, identities, meta, users};
use crate::sql::Dialect;
use crate::statement::{Executor, all, sql};
use crate::{Error, Store};
use portcullis_model::UserId;
use uuid::Uuid;

/// Users of one transaction.
const CHUNK: u32 = 200;
/// The name of the last id that was looked at, in `meta`.
const CURSOR: &str = "identifiers_after";
/// Any constant will do that is not the migrations'.
const LOCK: i64 = 0x706f_7274_6964_656e;

/// Writes the identifiers that are missing.
pub(crate) async fn run(store: &Store) -> Result<(), Error> {
    let cursor = meta::find(store, CURSOR).await?;
    let mut after = cursor.and_then(|text| Uuid::parse_str(&text).ok()).unwrap_or_default();
    let mut total = 0_usize;
    loop {
        let missing = missing(store, after).await?;
        let Some(last) = missing.last() else { break };
        after = last.0;
        let mut tx = store.begin().await?;
        if store.dialect() == Dialect::Postgres {
            // Nodes that start at once do this one after another.
            tx.connection.script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
            tx.rows(sql("SELECT CAST(pg_advisory_xact_lock($1) AS text)").bind(LOCK)).await?;
        }
        for id in &missing {
            let Some(user) = users::lock(&mut tx, *id).await? else { continue };
            identifiers::settle(&mut tx, &user, user.created_at, false).await?;
            for identity in identities::list_by_user(&mut tx, *id).await? {
                let (issuer, at) = (identity.issuer.as_str(), identity.linked_at);
                identifiers::linked(&mut tx, user.tenant, *id, issuer, &identity.subject, at).await?;
            }
        }
        meta::set(&mut tx, CURSOR, &after.to_string()).await?;
        tx.commit().await?;
        total += missing.len();
        tracing::info!(users = total, "search forms of users written");
    }
    Ok(())
}

async fn missing(store: &Store, after: Uuid) -> Result<Vec<UserId>, Error> {
    let text = "SELECT u.id FROM users u WHERE u.id > $1 AND NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.user_id = u.id) ORDER BY u.id LIMIT $2";
    all(store.rows(sql(text).bind(after).bind(CHUNK)).await?, |mut row| row.take())
}
