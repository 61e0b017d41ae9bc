//! The seam to the two databases: only this file, and those below it, name a driver.
//!
//! SQLite has one writing connection (so writers queue here, not in lock errors) and a pool of readers beside it (WAL);
//! PostgreSQL has one pool. A connection that was left in the middle of something, by an error on the wire, a time-out or
//! a caller that went away, is closed and not used again.

pub(crate) mod external;

use crate::statement::Statement;
use crate::value::{Kind, Row, Value};
use crate::{Database, Error, Options, error};
use sqlx::error::ErrorKind;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgListener, PgRow, PgTypeInfo, types::Oid};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Decode, Encode, Postgres, Row as _, Sqlite, TypeInfo as _, ValueRef as _,
};
use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long the one writer of SQLite is waited for, and another process that holds its file.
const WRITER_WAIT: Duration = Duration::from_secs(5);
/// How long the first connection may take.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);
/// What the network may add to the server's own statement time-out.
const NETWORK_GRACE: Duration = Duration::from_millis(250);

/// Which of the two it is, where a text has to differ: the placeholders of migrations, and locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Connections to the database.
#[derive(Debug)]
pub(crate) enum Pool {
    Sqlite {
        writer: sqlx::Pool<Sqlite>,
        readers: sqlx::Pool<Sqlite>,
        options: Box<SqliteConnectOptions>,
        timeout: Duration,
    },
    Postgres {
        pool: sqlx::Pool<Postgres>,
        options: Box<PgConnectOptions>,
        timeout: Duration,
    },
}

impl Pool {
    /// Opens the pools and one connection, to say at once when it cannot be done.
    pub(crate) async fn open(options: &Options) -> Result<Self, Error> {
        let timeout = options.statement_timeout.max(Duration::from_millis(1));
        match &options.database {
            Database::Sqlite(path) => Self::open_sqlite(path, options.pool, timeout).await,
            Database::Postgres(url) => Self::open_postgres(url.expose(), options.pool, timeout).await,
        }
    }

    async fn open_sqlite(path: &Path, readers: u32, timeout: Duration) -> Result<Self, Error> {
        create_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // Not NORMAL: the spool deletes what was committed here, so a commit has to survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WRITER_WAIT)
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "memory")
            .thread_name(|n| format!("store-{n}"))
            .disable_statement_logging();
        Self::sqlite(options, readers, timeout).await
    }

    async fn sqlite(options: SqliteConnectOptions, readers: u32, timeout: Duration) -> Result<Self, Error> {
        let pool = |most| PoolOptions::<Sqlite>::new().max_connections(most).test_before_acquire(false);
        let writer = pool(1).acquire_timeout(WRITER_WAIT).idle_timeout(None).max_lifetime(None);
        let writer = writer.connect_with(options.clone()).await.map_err(classify)?;
        let readers = pool(readers.max(1))
            .acquire_timeout(timeout.max(Duration::from_secs(1)))
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(None)
            .connect_lazy_with(options.clone());
        Ok(Self::Sqlite { writer, readers, options: Box::new(options), timeout })
    }

    /// The same file through a writing connection of its own. SQLite's lock stands between the two then, and each waits
    /// for the other's transaction.
    pub(crate) async fn beside(&self) -> Result<Self, Error> {
        let Self::Sqlite { options, timeout, .. } = self else {
            return Err(Error::Unsupported("PostgreSQL has one pool".to_owned()));
        };
        let options = options.as_ref().clone().thread_name(|n| format!("records-{n}"));
        Self::sqlite(options, 1, *timeout).await
    }

    /// Whether a database can be where this says.
    pub(crate) fn check(database: &Database) -> Result<(), Error> {
        match database {
            Database::Sqlite(_) => Ok(()),
            Database::Postgres(url) => postgres_options(url.expose()).map(drop),
        }
    }

    async fn open_postgres(url: &str, most: u32, timeout: Duration) -> Result<Self, Error> {
        let options = postgres_options(url)?.application_name("portcullis").disable_statement_logging();
        // Not through the pool, which would try again and again and in the end only say that it took too long.
        let slow = |_| Error::Unavailable(format!("no connection within {FIRST_CONNECTION:?}"));
        let first = tokio::time::timeout(FIRST_CONNECTION, options.connect())
            .await
            .map_err(slow)?
            .map_err(classify)?;
        let _ = tokio::time::timeout(NETWORK_GRACE, sqlx::Connection::close(first)).await;
        let pool = PoolOptions::<Postgres>::new()
            .max_connections(most.max(2))
            // Kept open in the background, so that connecting is not part of somebody's look-up.
            .min_connections(1)
            .acquire_timeout(timeout.max(Duration::from_secs(1)))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    // Set here and not at start-up: connection poolers refuse start-up parameters that they do not know.
                    let text = format!(
                        "SET statement_timeout = {0}; SET lock_timeout = {0}; SET idle_in_transaction_session_timeout = 30000",
                        timeout.as_millis().clamp(1, 86_400_000)
                    );
                    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
                })
            })
            .connect_lazy_with(options.clone());
        Ok(Self::Postgres { pool, options: Box::new(options), timeout })
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// A connection to read from. It sees everything that was committed before it was asked for.
    pub(crate) async fn reader(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { readers, timeout, .. } => Connection {
                lease: Lease::Sqlite(acquire(readers).await?),
                state: State::Idle,
                timeout: *timeout,
            },
            Self::Postgres { .. } => return self.writer().await,
        })
    }

    /// A connection to write with.
    pub(crate) async fn writer(&self) -> Result<Connection, Error> {
        let (lease, timeout) = match self {
            Self::Sqlite { writer, timeout, .. } => (Lease::Sqlite(acquire(writer).await?), *timeout),
            Self::Postgres { pool, timeout, .. } => (Lease::Postgres(acquire(pool).await?), *timeout),
        };
        Ok(Connection { lease, state: State::Idle, timeout })
    }

    /// Wakes up when another node has committed something. Errors are for the caller to wait on and try again.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Listener, Error> {
        let Self::Postgres { options, timeout, .. } = self else {
            // SQLite has one process, which wakes itself.
            return Ok(Listener(None));
        };
        // A pool of its own, so that listening takes no connection from the look-ups.
        let pool = PoolOptions::<Postgres>::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout((*timeout).max(Duration::from_secs(5)))
            .connect_lazy_with((**options).clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(classify)?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        listener.listen(channel).await.map_err(classify)?;
        Ok(Listener(Some(listener)))
    }

    /// Closes everything, waiting for what is under way.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, Error> {
    let ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The parser's own message may repeat the URL, and with it the password.
    PgConnectOptions::from_str(url)
        .ok()
        .filter(|_| ours)
        .ok_or_else(|| Error::Unsupported("`storage.database` is not a valid `postgres://` URL".to_owned()))
}

async fn acquire<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Result<PoolConnection<DB>, Error> {
    pool.acquire().await.map_err(classify)
}

/// SQLite gives `-wal` and `-shm` the mode of the database file, so it is made before SQLite makes it.
fn create_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| Error::file("cannot open the database", path, error))
}

/// Notifications from other nodes.
pub(crate) struct Listener(Option<PgListener>);

impl Listener {
    /// Returns when something was notified, or the connection was lost and notifications may have been. Never, on SQLite.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        match &mut self.0 {
            Some(listener) => listener.try_recv().await.map(drop).map_err(classify),
            None => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// A connection on loan from a pool.
#[derive(Debug)]
pub(crate) struct Connection {
    lease: Lease,
    state: State,
    timeout: Duration,
}

#[derive(Debug)]
enum Lease {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is open: goes back to the pool.
    Idle,
    /// A transaction is open.
    Transaction,
    /// A statement was begun and its end not seen.
    Busy,
}

impl Connection {
    /// Begins a transaction. On SQLite it is the writer from the start, so that no other comes between what it reads
    /// and what it writes.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let text = match self.lease {
            Lease::Sqlite(_) => "BEGIN IMMEDIATE",
            Lease::Postgres(_) => "BEGIN",
        };
        self.script(text).await?;
        self.state = State::Transaction;
        Ok(())
    }

    /// Ends the transaction with `COMMIT` or `ROLLBACK`.
    pub(crate) async fn end(&mut self, text: &'static str) -> Result<(), Error> {
        self.script(text).await?;
        self.state = State::Idle;
        Ok(())
    }

    /// For migrations, which may take long.
    pub(crate) fn be_patient(&mut self) {
        self.timeout = Duration::from_secs(3_600);
    }

    /// Runs several statements without values.
    pub(crate) async fn script(&mut self, text: &str) -> Result<(), Error> {
        let before = self.start();
        let limit = self.timeout + NETWORK_GRACE;
        let script = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        let done = match &mut self.lease {
            Lease::Sqlite(connection) => script.execute(&mut **connection).await.map(drop),
            Lease::Postgres(connection) => within(limit, script.execute(&mut **connection)).await?.map(drop),
        };
        self.finish(before, done)
    }

    /// Runs a statement that answers with rows.
    pub(crate) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        statement.check()?;
        let before = self.start();
        let timeout = self.timeout;
        match &mut self.lease {
            Lease::Sqlite(connection) => {
                let connection = &mut **connection;
                let arguments = sqlite_arguments(&statement)?;
                let query = sqlx::query_with(AssertSqlSafe(statement.text), arguments);
                let answer = if statement.scanning {
                    let deadline = Instant::now() + timeout;
                    let mut handle = connection.lock_handle().await.map_err(classify)?;
                    handle.set_progress_handler(10_000, move || Instant::now() < deadline);
                    drop(handle);
                    let answer = query.fetch_all(&mut *connection).await;
                    connection.lock_handle().await.map_err(classify)?.remove_progress_handler();
                    answer
                } else {
                    query.fetch_all(connection).await
                };
                let rows = self.finish(before, answer)?;
                rows.iter().map(sqlite_row).collect()
            }
            Lease::Postgres(connection) => {
                let connection = &mut **connection;
                let arguments = postgres_arguments(&statement)?;
                let text = if statement.locking {
                    Cow::Owned(format!("{} FOR UPDATE", statement.text))
                } else {
                    statement.text
                };
                let query = sqlx::query_with(AssertSqlSafe(text), arguments);
                let answer = within(timeout + NETWORK_GRACE, query.fetch_all(connection)).await?;
                let rows = self.finish(before, answer)?;
                rows.iter().map(postgres_row).collect()
            }
        }
    }

    /// Runs a statement that changes something; how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        statement.check()?;
        let before = self.start();
        let limit = self.timeout + NETWORK_GRACE;
        match &mut self.lease {
            Lease::Sqlite(connection) => {
                let connection = &mut **connection;
                let arguments = sqlite_arguments(&statement)?;
                let text = if statement.bulk { nameless(&statement.text).into() } else { statement.text };
                let done = sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await;
                self.finish(before, done).map(|done| done.rows_affected())
            }
            Lease::Postgres(connection) => {
                let connection = &mut **connection;
                let arguments = postgres_arguments(&statement)?;
                let query = sqlx::query_with(AssertSqlSafe(statement.text), arguments);
                let done = within(limit, query.execute(connection)).await?;
                self.finish(before, done).map(|done| done.rows_affected())
            }
        }
    }

    fn start(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Busy)
    }

    /// The statement has ended: with an answer or the database's own refusal the connection is as it was before;
    /// anything else leaves it busy, and it will be closed.
    fn finish<T>(&mut self, before: State, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        if matches!(result, Ok(_) | Err(sqlx::Error::Database(_))) {
            self.state = before;
        }
        result.map_err(classify)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.state == State::Idle {
            return;
        }
        // Closing ends the transaction. Returning it instead would make the pool wait for an answer that may never come.
        match &mut self.lease {
            Lease::Sqlite(connection) => connection.close_on_drop(),
            Lease::Postgres(connection) => connection.close_on_drop(),
        }
    }
}

/// The server ends a statement itself; this is for a server or a network that says nothing at all.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, work)
        .await
        .map_err(|_| Error::Unavailable(format!("no answer within {limit:?}")))
}

fn sqlite_arguments(statement: &Statement<'_>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for value in &statement.values {
        use sqlx::Arguments as _;
        match value {
            Value::Null(_) => arguments.add(None::<i64>),
            Value::Uuid(v) => arguments.add(v.as_bytes().as_slice()),
            Value::Int(v) => arguments.add(*v),
            Value::Bool(v) => arguments.add(i64::from(*v)),
            Value::Text(v) | Value::Json(v) => arguments.add(&**v),
            Value::Bytes(v) => arguments.add(&**v),
        }
        .map_err(unbound)?;
    }
    Ok(arguments)
}

fn postgres_arguments(statement: &Statement<'_>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for value in &statement.values {
        use sqlx::Arguments as _;
        match value {
            Value::Null(Kind::Uuid) => arguments.add(None::<PgUuid<'_>>),
            Value::Null(Kind::Int) => arguments.add(None::<i64>),
            Value::Null(Kind::Bool) => arguments.add(None::<bool>),
            Value::Null(Kind::Text) => arguments.add(None::<&str>),
            Value::Null(Kind::Bytes) => arguments.add(None::<&[u8]>),
            Value::Uuid(v) => arguments.add(PgUuid(v.as_bytes())),
            Value::Int(v) => arguments.add(*v),
            Value::Bool(v) => arguments.add(*v),
            Value::Text(v) => arguments.add(&**v),
            Value::Json(v) => arguments.add(PgJson(v)),
            Value::Bytes(v) => arguments.add(&**v),
        }
        .map_err(unbound)?;
    }
    Ok(arguments)
}

/// `$1, $2, …` as `?, ?, …`. SQLite takes `$n` for a name, and the driver looks the name of every place up in a list: with
/// a thousand places that is most of an insert's time.
fn nameless(text: &str) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('?');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

fn unbound(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Corrupt(format!("a value cannot be bound: {error}"))
}

/// Object ids of types that PostgreSQL has had since they exist (`pg_type`).
const UUID: Oid = Oid(2950);
const JSON: Oid = Oid(114);

macro_rules! postgres_type {
    ($name:ident($inner:ty), $oid:ident) => {
        struct $name<'a>(&'a $inner);
        impl sqlx::Type<Postgres> for $name<'_> {
            fn type_info() -> PgTypeInfo {
                PgTypeInfo::with_oid($oid)
            }
        }
        impl Encode<'_, Postgres> for $name<'_> {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                buffer.extend_from_slice(self.0.as_ref());
                Ok(sqlx::encode::IsNull::No)
            }
        }
    };
}

postgres_type!(PgUuid(uuid::Bytes), UUID);
// `json`, not `jsonb`: it keeps the text as it is, as SQLite does, and takes every JSON text; `jsonb` refuses `\u0000`.
postgres_type!(PgJson(str), JSON);

fn sqlite_row(row: &SqliteRow) -> Result<Row, Error> {
    let read = |i| -> Result<Value<'static>, sqlx::Error> {
        let raw = row.try_get_raw(i)?;
        if raw.is_null() {
            return Ok(Value::Null(Kind::Text));
        }
        let name = raw.type_info().name().to_owned();
        match name.as_str() {
            "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(raw).map(Value::Int),
            "TEXT" => <String as Decode<'_, Sqlite>>::decode(raw).map(|v| Value::Text(Cow::Owned(v))),
            "BLOB" => <Vec<u8> as Decode<'_, Sqlite>>::decode(raw).map(|v| Value::Bytes(Cow::Owned(v))),
            other => Err(format!("a column of type {other}").into()),
        }
        .map_err(sqlx::Error::Decode)
    };
    (0..row.len()).map(read).collect::<Result<_, _>>().map(Row::new).map_err(classify)
}

fn postgres_row(row: &PgRow) -> Result<Row, Error> {
    let read = |i| -> Result<Value<'static>, sqlx::Error> {
        let raw = row.try_get_raw(i)?;
        if raw.is_null() {
            return Ok(Value::Null(Kind::Text));
        }
        let oid = raw.type_info().oid().map_or(0, |oid| oid.0);
        match oid {
            16 => <bool as Decode<'_, Postgres>>::decode(raw).map(Value::Bool),
            17 => <Vec<u8> as Decode<'_, Postgres>>::decode(raw).map(|v| Value::Bytes(Cow::Owned(v))),
            20 => <i64 as Decode<'_, Postgres>>::decode(raw).map(Value::Int),
            21 => <i16 as Decode<'_, Postgres>>::decode(raw).map(|v| Value::Int(v.into())),
            23 => <i32 as Decode<'_, Postgres>>::decode(raw).map(|v| Value::Int(v.into())),
            25 | 1043 => <String as Decode<'_, Postgres>>::decode(raw).map(|v| Value::Text(Cow::Owned(v))),
            114 => raw.as_str().map(|v| Value::Json(Cow::Owned(v.to_owned()))),
            2950 => raw.as_bytes().and_then(|v| Ok(Value::Uuid(uuid::Uuid::from_slice(v)?))),
            other => Err(format!("a column of type {other}").into()),
        }
        .map_err(sqlx::Error::Decode)
    };
    (0..row.len()).map(read).collect::<Result<_, _>>().map(Row::new).map_err(classify)
}

/// What a driver's error means to the caller.
fn classify(error: sqlx::Error) -> Error {
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            // A server in the middle of going away answers out of turn.
            | sqlx::Error::Protocol(_) => Error::Unavailable(error.to_string()),
            other => Error::Corrupt(other.to_string()),
        };
    };
    match database.kind() {
        ErrorKind::UniqueViolation => {
            return Error::Conflict { what: error::rule(database.constraint(), database.message()) };
        }
        ErrorKind::ForeignKeyViolation => return Error::Dangling,
        _ => {}
    }
    // PostgreSQL's details may repeat values; its primary message does not.
    let said = format!("{} ({})", database.message(), database.code().unwrap_or_default());
    let code = database.code().unwrap_or_default().into_owned();
    let transient = match code.parse::<i64>() {
        // https://sqlite.org/rescode.html, primary codes: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
        Ok(sqlite) if code.len() != 5 => matches!(sqlite & 0xff, 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15),
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        _ => match code.as_str() {
            // Values that PostgreSQL cannot take: encoding, range, length, index row size.
            "22021" | "22P05" | "22003" | "22001" | "54000" => {
                return Error::Invalid { what: "a value", reason: database.message().to_owned() };
            }
            // Read-only: a standby, in the middle of a fail-over.
            "25006" => true,
            // Connection, authorisation, no such database, roll-back (deadlock), resources, state, intervention, system, configuration.
            _ => ["08", "28", "3D", "40", "53", "55", "57", "58", "F0"]
                .iter()
                .any(|class| code.starts_with(class)),
        },
    };
    if transient { Error::Unavailable(said) } else { Error::Corrupt(said) }
}
