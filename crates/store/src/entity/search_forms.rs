//! Search forms: the keys of identifiers ([`crate::near`]), so that what is near a text is found by an index.

use super::identifiers::{Identifier, SELECT, read};
use crate::near;
use crate::statement::{Executor, Statement, all, sql};
use crate::value::Value;
use crate::{Error, Tx};
use portcullis_model::TenantId;

/// Rows of one statement. Few sizes, so that few statements are prepared.
const ROWS: [usize; 3] = [32, 6, 1];
/// Identifiers that are looked at of each key of equal form, and of each key of typing errors. Some keys are many users':
/// the first halves of numbered names. Who is meant has other keys in common as well.
const EACH: (u32, u32) = (100, 40);
/// Keys of a statement come in multiples of this, so that few statements are prepared; the last is repeated.
const STEP: usize = 32;

/// Keeps the keys of an identifier's value.
pub(super) async fn insert(tx: &mut Tx, tenant: TenantId, identifier: i64, value: &str) -> Result<(), Error> {
    let keys = near::kept(value);
    let mut rest = keys.as_slice();
    while !rest.is_empty() {
        let rows = ROWS.into_iter().find(|rows| *rows <= rest.len()).unwrap_or(1);
        let (now, later) = rest.split_at(rows);
        let mut statement = sql("INSERT INTO search_forms (form, tenant_id, identifier_id) VALUES ");
        for (i, key) in now.iter().enumerate() {
            statement = statement.push(if i == 0 { "" } else { ", " }).tuple([
                Value::Int(*key),
                tenant.into(),
                identifier.into(),
            ]);
        }
        tx.execute(statement).await?;
        rest = later;
    }
    Ok(())
}

/// Removes what [`insert`] kept.
pub(super) async fn delete(tx: &mut Tx, tenant: TenantId, identifier: i64, value: &str) -> Result<(), Error> {
    for key in near::kept(value) {
        let text = "DELETE FROM search_forms WHERE form = $1 AND tenant_id = $2 AND identifier_id = $3";
        tx.execute(sql(text).bind(key).bind(tenant).bind(identifier)).await?;
    }
    Ok(())
}

/// The identifiers that share keys with `text`, those that share most first.
pub(super) async fn find(
    executor: impl Executor,
    tenant: Option<TenantId>,
    text: &str,
) -> Result<Vec<Identifier>, Error> {
    let (equal, mut near) = near::asked(text);
    if let Some(last) = near.last().copied() {
        near.resize(near.len().next_multiple_of(STEP), last);
    }
    let mut statement = sql(SELECT).push("(SELECT k.identifier_id, SUM(k.weight) AS weight FROM (");
    if let Some(tenant) = tenant {
        statement = statement.bind(tenant);
    }
    let keys = equal.into_iter().map(|key| (key, 1_000, EACH.0));
    let keys = keys.chain(near.into_iter().map(|key| (key, 1, EACH.1)));
    for (n, (key, weight, most)) in keys.enumerate() {
        statement = branch(statement, n, key, weight, most, tenant.is_some());
    }
    // Each branch is bounded by itself, and so is all of it. The cross join fixes the order on SQLite.
    statement = statement.push(
        ") k GROUP BY k.identifier_id ORDER BY weight DESC, k.identifier_id LIMIT 500) c CROSS JOIN identifiers i \
         WHERE i.id = c.identifier_id ORDER BY c.weight DESC, i.id",
    );
    statement.scanning = true;
    all(executor.rows(statement).await?, read)
}

/// The order is the index's: without one, PostgreSQL may take so few rows for found sooner by reading all.
fn branch(
    statement: Statement<'_>,
    n: usize,
    key: i64,
    weight: u32,
    most: u32,
    scoped: bool,
) -> Statement<'_> {
    let (union, scope) =
        (if n == 0 { "" } else { " UNION ALL " }, if scoped { " AND s.tenant_id = $1" } else { "" });
    let place = n + 1 + usize::from(scoped);
    let text = format!(
        "{union}SELECT * FROM (SELECT s.identifier_id, {weight} AS weight FROM search_forms s WHERE s.form = ${place}{scope} \
         ORDER BY s.tenant_id, s.identifier_id LIMIT {most}) b{n}"
    );
    statement.push(&text).bind(key)
}
