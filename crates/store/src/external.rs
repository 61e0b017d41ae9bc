//! A database of somebody else's: PostgreSQL, read only, asked with the operator's own queries.
//!
//! Nothing of ours is kept there and no schema is expected. Not here: what the rows mean (`identity::sources`).

use crate::sql::external::Pool;
use portcullis_fault::Secret;
use std::time::Duration;

/// A database of somebody else's. Connects when it is first asked.
#[derive(Debug)]
pub struct External(Pool);

/// A value for one of `$1…$n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound<'a> {
    /// `text`, or null.
    Text(Option<&'a str>),
    /// `text[]`.
    Texts(&'a [String]),
    /// `bigint`.
    Int(i64),
}

/// Why there is no answer. None of the texts holds a URL, a password or a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExternalError {
    /// No connection, or it broke; the server goes down or has no place for us.
    #[error("{0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// It does not let us in, or not at this table.
    #[error("{0}")]
    Refused(String),
    /// A value that was bound cannot be of the type that the query makes of it: nobody's.
    #[error("the value cannot be of the type that the query compares it as")]
    Value,
    /// The query is wrong, or writes.
    #[error("{0}")]
    Query(String),
}

impl External {
    /// The database at a `postgres://` URL; `connections` at most.
    ///
    /// # Errors
    /// The URL is none; it is not repeated.
    pub fn new(url: &Secret<String>, connections: u32) -> Result<Self, String> {
        Pool::new(url.expose(), connections).map(Self)
    }

    /// Host and port, for messages.
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Asks one query in a read-only transaction: at most `most` rows, each as a JSON object of its columns. The server
    /// gives up after `within`, and so is it given up.
    ///
    /// # Errors
    /// There is no answer; why.
    pub async fn ask(
        &self,
        query: &str,
        values: &[Bound<'_>],
        most: u32,
        within: Duration,
    ) -> Result<Vec<String>, ExternalError> {
        // On a line of its own, so that a comment at the end of the query does not swallow what follows.
        let text = format!("SELECT CAST(to_json(p) AS text) FROM (\n{query}\n) AS p LIMIT {most}");
        self.0.rows(text, values, within).await
    }

    /// The columns that a query gives, without asking it. All `parameters` are text.
    ///
    /// # Errors
    /// There is no answer, or the query is wrong; why.
    pub async fn columns(
        &self,
        query: &str,
        parameters: usize,
        within: Duration,
    ) -> Result<Vec<String>, ExternalError> {
        self.0.columns(query.to_owned(), parameters, within).await
    }

    /// How far this copy is behind the server that it is a copy of; nothing when it is none.
    ///
    /// # Errors
    /// There is no answer; why.
    pub async fn lag(&self, within: Duration) -> Result<Option<Duration>, ExternalError> {
        // A copy that has replayed all that it received is up to date as far as it can know, however long ago the last
        // change was. One that has replayed nothing since it was started is counted from there.
        let text = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL \
                    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN '0' \
                    ELSE CAST(CAST(extract(epoch FROM clock_timestamp() - COALESCE(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) * 1000 AS bigint) AS text) END";
        let rows = self.0.rows(text.to_owned(), &[], within).await?;
        let millis = rows.first().and_then(|text| text.parse::<i64>().ok());
        Ok(millis.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
    }
}
