//! Statements: one text for both databases, with `$1…$n`, and the values that belong to it.

use crate::value::Value;
use crate::{Error, Row};
use std::borrow::Cow;
use std::fmt::Write;
use uuid::Uuid;

/// A statement and its values.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Vec<Value<'a>>,
    /// `FOR UPDATE` where rows are locked; SQLite has one writer and needs none.
    pub(crate) locking: bool,
    /// May look at many rows, and so is given up after the statement time-out on SQLite too, which has no such setting.
    pub(crate) scanning: bool,
    /// Has all its values in tuples, so that its places come in order, each once.
    pub(crate) bulk: bool,
}

/// A statement whose text is written here and nowhere else.
pub(crate) fn sql<'a>(text: &'static str) -> Statement<'a> {
    Statement { text: Cow::Borrowed(text), values: Vec::new(), locking: false, scanning: false, bulk: false }
}

impl<'a> Statement<'a> {
    /// Binds the next of `$1…$n`.
    pub(crate) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Appends text of our own.
    pub(crate) fn push(mut self, text: &str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends ` AND <condition> $n` and binds `value`, when there is one.
    pub(crate) fn and<V: Into<Value<'a>>>(mut self, condition: &'static str, value: Option<V>) -> Self {
        if let Some(value) = value {
            self.values.push(value.into());
            let n = self.values.len();
            // Writing to a string cannot fail.
            let _ = write!(self.text.to_mut(), " AND {condition} ${n}");
        }
        self
    }

    /// Appends a place for each value in brackets: `($7, $8)`. A statement with tuples has no other places.
    pub(crate) fn tuple(mut self, values: impl IntoIterator<Item = Value<'a>>) -> Self {
        let text = self.text.to_mut();
        for (i, value) in values.into_iter().enumerate() {
            self.values.push(value);
            let _ = write!(text, "{}${}", if i == 0 { "(" } else { ", " }, self.values.len());
        }
        text.push(')');
        self.bulk = true;
        self
    }

    /// Binds all the values of a text that has their tuples already.
    pub(crate) fn tuples(mut self, values: impl IntoIterator<Item = Value<'a>>) -> Self {
        self.values.extend(values);
        self.bulk = true;
        self
    }

    /// Orders by id and keeps one page: oldest first, or newest first with `descending`.
    pub(crate) fn page(mut self, column: &'static str, page: Page, descending: bool) -> Self {
        let (condition, order) = if descending { ("<", "DESC") } else { (">", "ASC") };
        if let Some(after) = page.after {
            self.values.push(Value::Uuid(after));
            let n = self.values.len();
            let _ = write!(self.text.to_mut(), " AND {column} {condition} ${n}");
        }
        self.values.push(Value::Int(i64::from(page.rows())));
        let n = self.values.len();
        let _ = write!(self.text.to_mut(), " ORDER BY {column} {order} LIMIT ${n}");
        self.scanning = true;
        self
    }

    /// Is given up after the statement time-out: it may look at many rows.
    pub(crate) fn scanning(mut self) -> Self {
        self.scanning = true;
        self
    }

    /// Locks the rows that it finds until the transaction ends.
    pub(crate) fn locking(mut self) -> Self {
        self.locking = true;
        self
    }

    /// PostgreSQL cannot store NUL in text. Refused on both, so that a record is never accepted by one and not by the
    /// other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let nul = self.values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')));
        if nul {
            return Err(Error::Invalid { what: "text", reason: "it contains a NUL character".to_owned() });
        }
        Ok(())
    }
}

/// One page of a list, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last id of the page before; `None` begins.
    pub after: Option<Uuid>,
    /// How many rows at most; 1 to [`Page::MOST`], anything else is taken as the nearest of the two.
    pub limit: u32,
}

impl Page {
    /// The most rows of one page.
    pub const MOST: u32 = 1_000;

    /// The first page.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    pub(crate) fn rows(self) -> u32 {
        self.limit.clamp(1, Self::MOST)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(100)
    }
}

/// Where statements run: `&Store` (each on its own) or `&mut Tx` (within the transaction).
pub trait Executor: Send {
    /// Runs a statement that answers with rows.
    fn rows(self, statement: Statement<'_>) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// Runs a statement that changes something; how many rows it changed.
    fn execute(self, statement: Statement<'_>) -> impl Future<Output = Result<u64, Error>> + Send;
}

/// The only row of an answer that has at most one, read by `read`.
pub(crate) fn one<T>(rows: Vec<Row>, read: impl FnOnce(Row) -> Result<T, Error>) -> Result<Option<T>, Error> {
    rows.into_iter().next().map(read).transpose()
}

/// All rows, read by `read`.
pub(crate) fn all<T>(rows: Vec<Row>, read: impl FnMut(Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    rows.into_iter().map(read).collect()
}

/// An update that found its row.
pub(crate) fn found(changed: u64, what: &'static str) -> Result<(), Error> {
    if changed == 0 { Err(Error::NotFound { what }) } else { Ok(()) }
}
