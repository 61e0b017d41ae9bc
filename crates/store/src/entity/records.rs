//! Records of calls: written in batches from the spool, searched, and forgotten by age and size.

mod front;

use super::bills::{self, Bill};
use crate::statement::{Executor, Page, all, one, sql};
use crate::value::Value;
use crate::{Error, Row, Store, Tx};
use portcullis_model::record::Outcome;
use portcullis_model::{ApplicationId, Record, RequestId, TenantId, Timestamp, UserId};
use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;

/// A record as it is stored: what is searched, and the whole as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    columns: Columns<'a>,
    json: Cow<'a, str>,
}

/// What is searched, and what says that a batch's use is in it.
#[derive(Clone, Debug)]
struct Columns<'a> {
    id: RequestId,
    at: Timestamp,
    outcome: Outcome,
    status: u16,
    tenant: Option<TenantId>,
    user: Option<UserId>,
    application: Option<ApplicationId>,
    service: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    provider: Option<Cow<'a, str>>,
    batch: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    /// From a record's JSON. Reads only what is searched.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Error> {
        let unreadable =
            |error: &dyn std::fmt::Display| Error::Corrupt(format!("a record cannot be read: {error}"));
        let json = std::str::from_utf8(json).map_err(|error| unreadable(&error))?;
        let columns = front::columns(json).map_err(|error| unreadable(&error))?;
        Ok(Self { columns, json: Cow::Borrowed(json) })
    }

    /// The record, as it was written.
    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    /// That it has what a batch used.
    fn bill(&self) -> Option<Bill<'_>> {
        let columns = &self.columns;
        let (batch, provider) = (columns.batch.as_deref()?, columns.provider.as_deref()?);
        Some(Bill { batch, provider, record: columns.id, at: columns.at })
    }

    /// The same without what a batch used, which another record has.
    fn unbilled(&self) -> Result<Self, Error> {
        let damaged = |error: serde_json::Error| Error::Corrupt(format!("a record cannot be read: {error}"));
        let mut record: Record = serde_json::from_str(&self.json).map_err(damaged)?;
        (record.batch, record.usage, record.cost) = (None, None, None);
        let json = serde_json::to_string(&record).map_err(damaged)?;
        Ok(Self { columns: Columns { batch: None, ..self.columns.clone() }, json: Cow::Owned(json) })
    }

    fn values(&self) -> [Value<'_>; COLUMNS] {
        let columns = &self.columns;
        [
            columns.id.into(),
            columns.at.into(),
            columns.tenant.into(),
            columns.user.into(),
            columns.application.into(),
            searched(columns.service.as_deref()),
            searched(columns.model.as_deref()),
            searched(columns.code.as_deref()),
            i64::from(columns.status).into(),
            columns.outcome.as_str().into(),
            i64::try_from(self.json.len()).unwrap_or(i64::MAX).into(),
            Value::Json(Cow::Borrowed(&self.json)),
        ]
    }
}

/// Columns of the table.
const COLUMNS: usize = 12;
/// The longest text of a column that is searched, in bytes.
const LONGEST: usize = 256;

/// A caller chooses the model that it asks for: its name is cut and cleaned, so that no call can make a record that
/// cannot be stored and holds up those behind it. The JSON keeps it whole.
fn searched(text: Option<&str>) -> Value<'_> {
    let Some(text) = text else { return None::<&str>.into() };
    let text = &text[..text.floor_char_boundary(LONGEST)];
    if text.contains('\0') { Value::Text(text.replace('\0', "\u{fffd}").into()) } else { text.into() }
}

/// Rows of one statement. Few sizes, so that few statements are prepared; 12 values each, far below either limit
/// (SQLite 32,766, PostgreSQL 65,535).
const ROWS: [usize; 3] = [100, 10, 1];

/// The text that inserts so many rows of [`ROWS`].
fn insertion(size: usize) -> &'static str {
    static TEXTS: [OnceLock<String>; ROWS.len()] = [const { OnceLock::new() }; ROWS.len()];
    TEXTS[size].get_or_init(|| {
        let text = "INSERT INTO records (id, at, tenant_id, user_id, application_id, service, model, code, status, outcome, size, record) VALUES ";
        let places = |row: usize| {
            let places: Vec<String> = (1..=COLUMNS).map(|n| format!("${}", row * COLUMNS + n)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<String> = (0..ROWS[size]).map(places).collect();
        format!("{text}{} ON CONFLICT (id) DO NOTHING", rows.join(", "))
    })
}

/// Writes records, all or none. One that is there already changes nothing.
pub async fn insert_batch(store: &Store, records: &[Record]) -> Result<(), Error> {
    let unwritable =
        |error: serde_json::Error| Error::Invalid { what: "a record", reason: error.to_string() };
    let texts: Vec<String> =
        records.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(unwritable)?;
    let entries: Vec<Entry<'_>> =
        texts.iter().map(|text| Entry::parse(text.as_bytes())).collect::<Result<_, _>>()?;
    insert_entries(store, &entries).await
}

pub(crate) async fn insert_entries(store: &Store, entries: &[Entry<'_>]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let entries = settled(&mut tx, entries).await?;
    let mut rest = &*entries;
    while !rest.is_empty() {
        // One row always fits.
        let size = ROWS.into_iter().position(|rows| rows <= rest.len()).unwrap_or(ROWS.len() - 1);
        let (now, later) = rest.split_at(ROWS[size]);
        (&mut tx).execute(sql(insertion(size)).tuples(now.iter().flat_map(Entry::values))).await?;
        rest = later;
    }
    tx.commit().await.map(drop)
}

/// What is written of these: what a batch used is in one record, whatever is killed and however often it is told.
async fn settled<'e, 'a>(tx: &mut Tx, entries: &'e [Entry<'a>]) -> Result<Cow<'e, [Entry<'a>]>, Error> {
    let mut bills: Vec<(usize, Bill<'_>)> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((at, entry.bill()?))).collect();
    // Everywhere in one order, so that no two nodes wait for each other; the first of one batch stays the first.
    bills.sort_by_key(|(_, bill)| (bill.batch, bill.provider));
    let mut written = Cow::Borrowed(entries);
    for (at, bill) in bills {
        if !bills::settle(tx, bill).await? {
            let unbilled = entries[at].unbilled()?;
            written.to_mut()[at] = unbilled;
        }
    }
    Ok(written)
}

fn read(mut row: Row) -> Result<Record, Error> {
    row.json()
}

/// The record of this call.
pub async fn find(executor: impl Executor, id: RequestId) -> Result<Option<Record>, Error> {
    one(executor.rows(sql("SELECT record FROM records WHERE id = $1").bind(id)).await?, read)
}

/// As [`find`], for somebody who may be quicker than the spool: a call that came less than ten seconds before `now` is
/// waited for, for at most two. How many wait at a time is for whoever asks to bound.
pub async fn find_soon(store: &Store, id: RequestId, now: Timestamp) -> Result<Option<Record>, Error> {
    const YOUNG: Duration = Duration::from_secs(10);
    const WAITS: u32 = 40;
    const WAIT: Duration = Duration::from_millis(50);
    let came = id.0.get_timestamp().map(|at| at.to_unix().0).and_then(|seconds| i64::try_from(seconds).ok());
    // What has yet to come is nobody's call: only clocks of nodes may differ.
    let about_now = now.minus(YOUNG)..now.plus(YOUNG);
    let is_young = came.is_some_and(|seconds| about_now.contains(&Timestamp::from_seconds(seconds)));
    for _ in 0..if is_young { WAITS } else { 0 } {
        if let Some(record) = find(store, id).await? {
            return Ok(Some(record));
        }
        tokio::time::sleep(WAIT).await;
    }
    find(store, id).await
}

/// Which records are searched for; what is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this user.
    pub user: Option<UserId>,
    /// Of this application.
    pub application: Option<ApplicationId>,
    /// Of this service.
    pub service: Option<String>,
    /// Of this model, as asked for (its first 256 bytes).
    pub model: Option<String>,
    /// Refused or cut with this code.
    pub code: Option<String>,
    /// With this HTTP status.
    pub status: Option<u16>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Records, newest first. By tenant, user, application or code the search is by index; what is asked for beside them is
/// looked at row by row, and a search that takes longer than the statement time-out is [`Error::Unavailable`].
pub async fn search(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<Record>, Error> {
    // An id begins with its time, so a range of time is a range of ids, and the search begins and ends there. A second
    // to either side, should an id have been made a little after its call was accepted.
    let slack = Duration::from_secs(1);
    let statement = sql("SELECT record FROM records WHERE 1 = 1")
        .and("tenant_id =", filter.tenant)
        .and("user_id =", filter.user)
        .and("application_id =", filter.application)
        .and("service =", filter.service.as_deref())
        .and("model =", filter.model.as_deref().map(|text| &text[..text.floor_char_boundary(LONGEST)]))
        .and("code =", filter.code.as_deref())
        .and("status =", filter.status.map(i64::from))
        .and("outcome =", filter.outcome.map(Outcome::as_str))
        .and("at >=", filter.since)
        .and("at <", filter.until)
        .and("id >=", filter.since.map(|at| first_id(at.minus(slack))))
        .and("id <", filter.until.map(|at| first_id(at.plus(slack))))
        .page("id", page, true);
    all(executor.rows(statement).await?, read)
}

/// The smallest id of a time.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.micros().div_euclid(1_000)).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(u128::from(millis) << 80)
}

/// Rows that one statement of [`prune`] deletes or measures.
const SLICE: u32 = 500;

/// Forgets records from before a time, and the oldest of those whose JSON together exceeds `max_bytes`; how many. Works
/// in small slices, so that it holds nobody up. (SQLite uses the space again; the file does not shrink.)
pub async fn prune(store: &Store, before: Timestamp, max_bytes: Option<u64>) -> Result<u64, Error> {
    let mut gone = prune_below(store, first_id(before)).await?;
    let Some(mut room) = max_bytes else { return Ok(gone) };
    let mut below = Uuid::max();
    loop {
        let text = "SELECT id, size FROM records WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let rows = store.rows(sql(text).bind(below).bind(Page::MOST)).await?;
        let sizes: Vec<(Uuid, i64)> = all(rows, |mut row| Ok((row.take()?, row.take()?)))?;
        let Some((oldest, _)) = sizes.last() else { return Ok(gone) };
        below = *oldest;
        for (id, size) in sizes {
            match room.checked_sub(u64::try_from(size).unwrap_or(0)) {
                Some(left) => room = left,
                None => {
                    gone += prune_below(store, next(id)).await?;
                    return Ok(gone);
                }
            }
        }
    }
}

async fn prune_below(store: &Store, id: Uuid) -> Result<u64, Error> {
    let mut gone = 0;
    loop {
        let text =
            "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE id < $1 ORDER BY id LIMIT $2)";
        let deleted = store.execute(sql(text).bind(id).bind(SLICE)).await?;
        gone += deleted;
        if deleted < u64::from(SLICE) {
            return Ok(gone);
        }
    }
}

fn next(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_chose_can_always_be_stored() {
        assert_eq!(searched(Some("a\0b")), Value::Text("a\u{fffd}b".into()));
        let long = "é".repeat(300);
        assert!(
            matches!(searched(Some(&long)), Value::Text(text) if text.len() <= LONGEST && text.len() > LONGEST - 2)
        );
        assert_eq!(searched(None), Value::Null(crate::value::Kind::Text));
    }

    #[test]
    fn ids_of_a_time_are_not_below_its_first() {
        let at = Timestamp::from_micros(1_763_798_950_123_456);
        assert!(RequestId::new(at, [0; 10]).0 >= first_id(at));
        assert!(RequestId::new(at.minus(Duration::from_millis(1)), [0xff; 10]).0 < first_id(at));
        assert_eq!(first_id(Timestamp::from_micros(-1)), Uuid::nil());
    }
}
