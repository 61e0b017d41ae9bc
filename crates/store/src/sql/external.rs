//! Connections to a database that is not ours.
//!
//! Few, and kept for a minute. Not the driver's own pool: that tries to connect again and again, and in the end only says
//! that it took too long.

use super::AssertSqlSafe;
use crate::external::{Bound, ExternalError};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgTypeInfo, types::Oid};
use sqlx::{
    Arguments as _, Column as _, ConnectOptions, Connection as _, Executor as _, Row as _, SqlSafeStr as _,
    Statement as _,
};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The type of parameters that are texts.
const TEXT: PgTypeInfo = PgTypeInfo::with_oid(Oid(25));

/// How long a connection is kept that nobody needs.
const IDLE: Duration = Duration::from_secs(60);

pub(crate) struct Pool {
    options: PgConnectOptions,
    turns: Semaphore,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
}

impl Pool {
    pub(crate) fn new(url: &str, connections: u32) -> Result<Self, String> {
        // The parser's own message may repeat the URL, and with it the password.
        let valid = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = PgConnectOptions::from_str(url).ok().filter(|_| valid);
        let options = options.ok_or("it is not a valid `postgres://` URL")?;
        let options = options
            .application_name("portcullis")
            // Statements without names: a connection pooler may give each transaction to another server process.
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let turns = Semaphore::new(connections.clamp(1, 1_000) as usize);
        Ok(Self { options, turns, idle: Mutex::default() })
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.options.get_host(), self.options.get_port())
    }

    /// The first column of every row, as text; null is left out.
    pub(crate) async fn rows(
        &self,
        text: String,
        values: &[Bound<'_>],
        within: Duration,
    ) -> Result<Vec<String>, ExternalError> {
        let work = async {
            let closed = |_| ExternalError::Unreachable("it is closed".to_owned());
            let _turn = self.turns.acquire().await.map_err(closed)?;
            while let Some(kept) = self.kept() {
                // The server may have closed it meanwhile: that says nothing about the server, and nothing was asked yet.
                match self.begin(kept, within).await {
                    Ok(connection) => return self.run(connection, &text, values).await,
                    Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_)) => {}
                    Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57P01") => {}
                    Err(other) => return Err(classify(&other, within)),
                }
            }
            let fresh = self.options.connect().await.map_err(|error| classify(&error, within))?;
            let connection = self.begin(fresh, within).await.map_err(|error| classify(&error, within))?;
            self.run(connection, &text, values).await
        };
        // Given up in the middle of something, a connection is dropped, which closes it.
        match tokio::time::timeout(within, work).await {
            Ok(Err(ExternalError::Slow(_))) | Err(_) => Err(ExternalError::Slow(within)),
            Ok(done) => done,
        }
    }

    /// The columns of a query.
    pub(crate) async fn columns(
        &self,
        text: String,
        parameters: usize,
        within: Duration,
    ) -> Result<Vec<String>, ExternalError> {
        let work = async {
            // A connection of its own, which is closed afterwards: this is rarely asked.
            let fresh = self.options.connect().await.map_err(|error| classify(&error, within))?;
            let mut connection = self.begin(fresh, within).await.map_err(|error| classify(&error, within))?;
            let types = vec![TEXT; parameters];
            let statement = connection.prepare_with(AssertSqlSafe(text).into_sql_str(), &types).await;
            let statement = statement.map_err(|error| classify(&error, within))?;
            let columns: Vec<String> =
                statement.columns().iter().map(|column| column.name().to_owned()).collect();
            let _ = connection.close_hard().await;
            Ok(columns)
        };
        tokio::time::timeout(within, work).await.unwrap_or(Err(ExternalError::Slow(within)))
    }

    fn kept(&self) -> Option<PgConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() < IDLE {
                return Some(connection);
            }
        }
        None
    }

    async fn begin(
        &self,
        mut connection: PgConnection,
        within: Duration,
    ) -> Result<PgConnection, sqlx::Error> {
        let text = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
            within.as_millis().clamp(1, 86_400_000)
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
        Ok(connection)
    }

    async fn run(
        &self,
        mut connection: PgConnection,
        text: &str,
        values: &[Bound<'_>],
    ) -> Result<Vec<String>, ExternalError> {
        let mut arguments = PgArguments::default();
        for value in values {
            match value {
                Bound::Text(text) => arguments.add(*text),
                Bound::Texts(texts) => arguments.add(*texts),
                Bound::Int(int) => arguments.add(*int),
            }
            .map_err(|error| ExternalError::Query(format!("a value cannot be bound: {error}")))?;
        }
        let query = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments);
        let answer = query.fetch_all(&mut connection).await;
        if matches!(answer, Ok(_) | Err(sqlx::Error::Database(_))) {
            // The transaction only read: how it ends makes no difference to what was read.
            if sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.is_ok() {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
            } else {
                let _ = connection.close_hard().await;
            }
        }
        let rows = answer.map_err(|error| classify(&error, Duration::ZERO))?;
        let read = |row: &sqlx::postgres::PgRow| row.try_get::<Option<String>, _>(0);
        let read = rows.iter().map(read).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|error| ExternalError::Query(error.to_string()))?;
        Ok(read.into_iter().flatten().collect())
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// What a driver's error means to whoever asks.
fn classify(error: &sqlx::Error, within: Duration) -> ExternalError {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Io(io) => ExternalError::Unreachable(io.to_string()),
            sqlx::Error::Tls(tls) => ExternalError::Unreachable(format!("TLS: {}", with_causes(&**tls))),
            sqlx::Error::Configuration(error) => {
                ExternalError::Unreachable(format!("its URL cannot be used: {}", with_causes(&**error)))
            }
            other => ExternalError::Unreachable(other.to_string()),
        };
    };
    let code = database.code().unwrap_or_default().into_owned();
    // PostgreSQL's details may repeat values; its primary message repeats those of the class 22 only, which is not shown.
    let said = format!("{} ({code})", database.message());
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.as_str() {
        "57014" => ExternalError::Slow(within),
        "22P02" | "22003" | "22007" | "22008" | "22021" | "22P05" | "22001" => ExternalError::Value,
        "25006" => ExternalError::Query(format!("the query writes, and is only allowed to read: {said}")),
        "42501" => ExternalError::Refused(said),
        // A copy that had to take a change: the truth is asked instead.
        "40001" | "40P01" => ExternalError::Unreachable(said),
        _ if code.starts_with("28") || code.starts_with("3D") => ExternalError::Refused(said),
        _ if ["08", "53", "55", "57", "58", "F0"].iter().any(|class| code.starts_with(class)) => {
            ExternalError::Unreachable(said)
        }
        _ if code.starts_with("22") => ExternalError::Query(format!("the query failed ({code})")),
        _ => ExternalError::Query(said),
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
