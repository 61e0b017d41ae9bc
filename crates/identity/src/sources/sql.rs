//! People in a PostgreSQL database of somebody else's, found by the operator's own query.
//!
//! What a caller sends is bound, never spliced in, in a transaction that can only read.

use super::foreign::{Batch, Cursor, Failure, Foreign, Freshness, Person, Wanted, Watermark};
use super::kinds::{Parts, Wrong};
use super::reading;
use async_trait::async_trait;
use portcullis_fault::Secret;
use portcullis_model::source::FIELDS;
use portcullis_model::source::query::Query;
use portcullis_model::{Name, SecretRef, Source, Timestamp};
use portcullis_store::entity::LONGEST_IDENTIFIER;
use portcullis_store::{Bound, External, ExternalError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// People of one page of a synchronisation.
const PAGE: u32 = 500;
/// Near misses at most.
const NEAR: u32 = 20;
/// Forms that are asked for one after the other where there is no query for all.
const FORMS: usize = 8;
/// A change may be committed after another that is younger: a run begins so much before the last change of the one before.
const OVERLAP: Duration = Duration::from_secs(60);
/// A page of a synchronisation may take longer than a caller waits.
const PAGE_TIME: Duration = Duration::from_secs(60);

/// People in a database.
struct Sql {
    name: Name,
    primary: Database,
    replica: Option<Database>,
    query: Query,
    by_key: Option<Query>,
    near: Option<Query>,
    changes: Option<Query>,
    columns: BTreeMap<String, String>,
    timeout: Duration,
}

/// A database, or why there can be none: a stored secret may be set later than the configuration is read.
type Database = Result<External, String>;

/// Makes the source if it is of this kind.
pub(super) fn open(source: &Source, parts: &Parts<'_>) -> Option<Result<Arc<dyn Foreign>, Wrong>> {
    let sql = source.sql.as_ref()?;
    let query =
        |at: &str, text: &str| Query::parse(text).map_err(|error| (format!("sql.{at}"), error.to_string()));
    let optional = |at: &str, text: &Option<String>| text.as_deref().map(|text| query(at, text)).transpose();
    let make = || {
        let database = |at: &str, reference: &SecretRef| {
            database(reference, sql.pool, parts).map_err(|message| (format!("sql.{at}"), message))
        };
        Ok(Arc::new(Sql {
            name: source.name.clone(),
            primary: database("primary", &sql.primary)?,
            replica: sql.replica.as_ref().map(|replica| database("replica", replica)).transpose()?,
            query: query("query", &sql.query)?,
            by_key: optional("by_key", &sql.by_key)?,
            near: optional("near", &sql.near)?,
            changes: optional("changes", &sql.changes)?,
            columns: sql.columns.clone(),
            timeout: source.timeout.0,
        }) as Arc<dyn Foreign>)
    };
    Some(make())
}

fn database(reference: &SecretRef, pool: u32, parts: &Parts<'_>) -> Result<Database, String> {
    let url = parts.secrets.read(reference)?;
    let made = match String::from_utf8(url.expose().clone()) {
        Ok(url) => External::new(&Secret::new(url), pool),
        Err(_) => Err("it is not a valid `postgres://` URL".to_owned()),
    };
    match (made, reference) {
        (Err(message), SecretRef::Stored(_)) => Ok(Err(format!("what is at `{reference}`: {message}"))),
        (Err(message), _) => Err(format!("what is at `{reference}`: {message}")),
        (made, _) => Ok(made),
    }
}

impl Sql {
    fn database(&self, freshness: Freshness) -> (&Database, &'static str) {
        match (&self.replica, freshness) {
            (Some(replica), Freshness::Any) => (replica, "replica"),
            _ => (&self.primary, "primary"),
        }
    }

    async fn ask<'v>(
        &self,
        query: &Query,
        value: impl Fn(&str) -> Bound<'v>,
        freshness: Freshness,
        (most, within): (u32, Duration),
    ) -> Result<Vec<String>, Failure> {
        let (database, which) = self.database(freshness);
        let database = database.as_ref().map_err(|message| Failure::unsupported(message.clone()))?;
        let values: Vec<_> = query.names().map(value).collect();
        match database.ask(query.text(), &values, most, within).await {
            Ok(rows) => Ok(rows),
            // A text that cannot be what the column is, a UUID or a number, is nobody's: no reason to give the source up.
            Err(ExternalError::Value) => Ok(Vec::new()),
            Err(error) => Err(told(which, database, &error)),
        }
    }

    fn person(&self, row: &str) -> Result<Person, Failure> {
        let value = reading::strict(row.as_bytes())
            .map_err(|error| Failure::broken(format!("the query's answer cannot be read: column {error}")))?;
        let Value::Object(table) = value else {
            return Err(Failure::broken("the query's answer is no row of columns"));
        };
        self.check_columns(|column| table.contains_key(column))?;
        let named = |field: &str| self.columns.get(field).map_or(field.to_owned(), String::clone);
        reading::person(
            |field| table.get(&named(field)),
            |field| table.contains_key(&named(field)),
            self.attributes(&table),
        )
    }

    /// Attributes that are mapped, and columns that are called so.
    fn attributes<'t>(&'t self, table: &'t Map<String, Value>) -> impl Iterator<Item = (String, &'t Value)> {
        let mapped = self.columns.iter().filter_map(|(field, column)| {
            Some((field.strip_prefix("attributes.")?.to_owned(), table.get(column)?))
        });
        let called = table
            .iter()
            .filter_map(|(column, value)| Some((column.strip_prefix("attributes.")?.to_owned(), value)));
        mapped.chain(called)
    }

    /// Whether the query gives what is mapped.
    fn check_columns(&self, there: impl Fn(&str) -> bool) -> Result<(), Failure> {
        for (field, column) in &self.columns {
            if !there(column) {
                return Err(Failure::broken(format!(
                    "the query has no column `{column}`, which is to be the `{field}`; select it, or change `columns`"
                )));
            }
        }
        if !self.columns.contains_key("key") && !there("key") {
            return Err(Failure::broken(
                "the query has no column `key`; select what identifies a person for good as `key`, or name its column in `columns`",
            ));
        }
        Ok(())
    }

    fn value<'w>(wanted: &'w Wanted, name: &str) -> Bound<'w> {
        match name {
            "subject" => Bound::Text(Some(&wanted.subject)),
            "issuer" => Bound::Text(Some(wanted.issuer.as_str())),
            "tenant" => Bound::Text(Some(wanted.tenant.as_str())),
            // The configuration is refused with any other name.
            _ => Bound::Text(None),
        }
    }
}

/// What happened, to which of the two databases.
fn told(which: &str, database: &External, error: &ExternalError) -> Failure {
    let message = format!("the {which} ({}): {error}", database.address());
    match error {
        ExternalError::Unreachable(_) => Failure::unreachable(message),
        ExternalError::Slow(_) => Failure::slow(message),
        ExternalError::Refused(_) => Failure::refused(message),
        ExternalError::Value | ExternalError::Query(_) => Failure::broken(message),
    }
}

/// Where a page of a synchronisation begins: behind this key; and the last change seen so far.
#[derive(Serialize, Deserialize)]
struct Place {
    after: String,
    last: Option<i64>,
}

#[async_trait]
impl Foreign for Sql {
    fn name(&self) -> &Name {
        &self.name
    }

    fn has_replica(&self) -> bool {
        self.replica.is_some()
    }

    async fn find(&self, wanted: &Wanted, freshness: Freshness) -> Result<Vec<Person>, Failure> {
        if wanted.subject.len() > LONGEST_IDENTIFIER || wanted.subject.contains('\0') {
            return Ok(Vec::new());
        }
        // The truth has to have its turn within the same time.
        let within = if freshness == Freshness::Any { self.timeout / 2 } else { self.timeout };
        let rows = self.ask(&self.query, |name| Self::value(wanted, name), freshness, (2, within)).await?;
        rows.iter().map(|row| self.person(row)).collect()
    }

    async fn by_key(&self, wanted: &Wanted, key: &str) -> Result<Option<Person>, Failure> {
        let Some(by_key) = &self.by_key else {
            return Err(Failure::unsupported(
                "there is no `by_key` query, by which somebody who was renamed is told from somebody who is gone",
            ));
        };
        if key.contains('\0') {
            return Ok(None);
        }
        let value = |name: &str| match name {
            "key" => Bound::Text(Some(key)),
            name => Self::value(wanted, name),
        };
        for row in self.ask(by_key, value, Freshness::Primary, (2, self.timeout)).await? {
            let person = self.person(&row)?;
            if person.key == key {
                return Ok(Some(person));
            }
        }
        Ok(None)
    }

    async fn near(&self, wanted: &Wanted, forms: &[String]) -> Result<Vec<Person>, Failure> {
        let forms: Vec<String> = forms.iter().filter(|form| !form.contains('\0')).cloned().collect();
        let mut people: Vec<Person> = Vec::new();
        if let Some(near) = &self.near {
            let value = |name: &str| match name {
                "forms" => Bound::Texts(&forms),
                name => Self::value(wanted, name),
            };
            let rows = self.ask(near, value, Freshness::Primary, (NEAR, self.timeout)).await?;
            people.extend(rows.iter().filter_map(|row| self.person(row).ok()));
            return Ok(people);
        }
        for form in forms.iter().take(FORMS) {
            let other = Wanted { subject: form.clone(), ..wanted.clone() };
            for person in self.find(&other, Freshness::Primary).await? {
                if people.iter().all(|known| known.key != person.key) {
                    people.push(person);
                }
            }
        }
        Ok(people)
    }

    async fn page(&self, since: Option<&Watermark>, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        let Some(changes) = &self.changes else {
            return Err(Failure::unsupported(
                "there is no `changes` query, by which all people can be read; add one to synchronise this source",
            ));
        };
        let place: Option<Place> = match &cursor {
            None => None,
            Some(cursor) => Some(
                serde_json::from_slice(&cursor.0)
                    .map_err(|_| Failure::broken("the cursor is of another run"))?,
            ),
        };
        let value = |name: &str| match name {
            "since" => Bound::Text(since.map(|since| since.0.as_str())),
            "after" => Bound::Text(place.as_ref().map(|place| place.after.as_str())),
            "limit" => Bound::Int(i64::from(PAGE)),
            _ => Bound::Text(None),
        };
        let rows = self.ask(changes, value, Freshness::Primary, (PAGE, PAGE_TIME)).await?;
        let mut batch = Batch::default();
        let mut last = place.as_ref().and_then(|place| place.last);
        for row in &rows {
            match self.person(row) {
                Ok(person) => {
                    last = last.max(person.changed.map(Timestamp::micros));
                    batch.people.push(person);
                }
                Err(failure) if failure.kind == super::foreign::FailureKind::Person => {
                    let key = serde_json::from_str::<Value>(row).ok();
                    let column = self.columns.get("key").map_or("key", String::as_str);
                    let key = key.and_then(|row| Some(row.get(column)?.to_string()));
                    batch.unreadable.push((key.unwrap_or_else(|| "?".to_owned()), failure.message));
                }
                Err(failure) => return Err(failure),
            }
        }
        let full = rows.len() >= PAGE as usize;
        match batch.people.last() {
            Some(behind) if full => {
                if place.as_ref().is_some_and(|place| place.after == behind.key) {
                    return Err(Failure::broken(
                        "the `changes` query gives the same page again; it has to begin after `:after`",
                    ));
                }
                let next = Place { after: behind.key.clone(), last };
                let next = serde_json::to_vec(&next).map_err(|error| Failure::broken(error.to_string()))?;
                batch.next = Some(Cursor(next));
            }
            None if full => return Err(Failure::broken("a whole page of people cannot be read")),
            _ => {
                let mark = last.map(|last| Timestamp::from_micros(last).minus(OVERLAP).rfc3339());
                batch.watermark = mark.map(Watermark).or_else(|| since.cloned());
            }
        }
        Ok(batch)
    }

    async fn probe(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for freshness in [Freshness::Primary, Freshness::Any] {
            let (database, which) = self.database(freshness);
            if freshness == Freshness::Any && which == "primary" {
                continue;
            }
            let database = database.as_ref().map_err(|message| Failure::unsupported(message.clone()))?;
            let fail = |error: ExternalError| told(which, database, &error);
            let columns = async |query: &Query| {
                let columns = database.columns(query.text(), query.names().count(), self.timeout);
                let columns = columns.await.map_err(fail)?;
                self.check_columns(|column| columns.iter().any(|there| there == column))?;
                Ok::<_, Failure>(columns)
            };
            if let Some(by_key) = &self.by_key {
                columns(by_key)
                    .await
                    .map_err(|failure| Failure::new(failure.kind, format!("`by_key`: {failure}")))?;
            }
            let columns = columns(&self.query).await?;
            let fields = FIELDS.into_iter().filter(|field| {
                columns.iter().any(|column| self.columns.get(*field).map_or(*field, String::as_str) == column)
            });
            lines.push(format!(
                "the {which} ({}) answers, and the query gives {}",
                database.address(),
                fields.map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
            ));
            match database.lag(self.timeout).await.map_err(fail)? {
                Some(lag) => lines
                    .push(format!("the {which} is a copy, {} behind", portcullis_model::time::in_words(lag))),
                None => lines.push(format!("the {which} is no copy of another server")),
            }
        }
        // Nobody's name begins with a NUL's picture.
        let wanted = Wanted {
            subject: "\u{2400}nobody".to_owned(),
            issuer: self.name.clone(),
            tenant: self.name.clone(),
        };
        match self.find(&wanted, Freshness::Primary).await?.len() {
            0 => lines.push("a subject that nobody has is nobody's".to_owned()),
            _ => {
                return Err(Failure::broken(
                    "the query finds somebody for a subject that nobody has; it must compare `:subject` exactly",
                ));
            }
        }
        Ok(lines)
    }

    async fn lag(&self) -> Result<Option<Duration>, Failure> {
        let Some(replica) = &self.replica else { return Ok(None) };
        let replica = replica.as_ref().map_err(|message| Failure::unsupported(message.clone()))?;
        replica.lag(self.timeout).await.map_err(|error| told("replica", replica, &error))
    }
}
