//! The handle to the database.

use crate::entity::events;
use crate::listener::Listener;
use crate::redis::Redis;
use crate::sql::{Dialect, Pool};
use crate::statement::{Executor, Statement, one, sql};
use crate::{Error, Events, Row, Tx, backfill, migrations};
use portcullis_fault::Secret;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Which database, and how it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data is.
    pub database: Database,
    /// Connections at most (readers, on SQLite).
    pub pool: u32,
    /// How long one statement of a look-up may take.
    pub statement_timeout: Duration,
    /// A `redis://` URL through which nodes on one PostgreSQL tell each other of events, beside the database itself.
    pub redis: Option<Secret<String>>,
}

impl Options {
    /// The defaults for `database`: 10 connections, 500 ms.
    pub const fn new(database: Database) -> Self {
        Self { database, pool: 10, statement_timeout: Duration::from_millis(500), redis: None }
    }

    /// Whether the URLs have the form of one. Nobody is asked.
    pub fn check(&self) -> Result<(), Error> {
        Pool::check(&self.database)?;
        self.redis.as_ref().map_or(Ok(()), |url| Redis::new(url).map(drop))
    }
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Database {
    /// In this file, which is made when it is not there. One process at a time: see [`crate::DataDir`].
    Sqlite(PathBuf),
    /// At this `postgres://` URL. Several nodes may share it.
    Postgres(Secret<String>),
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Pool,
    redis: Option<Redis>,
    /// Counts commits with events, to wake subscriptions in this process.
    commits: watch::Sender<u64>,
    /// The last event when the store was opened.
    opened_at: i64,
}

impl Store {
    /// Opens the database and brings its schema up to date. Safe when several nodes do so at once. Refuses a database
    /// that a newer release has migrated.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let pool = Pool::open(&options).await?;
        // The embedded database has one process, which wakes itself.
        let redis = options.redis.as_ref().filter(|_| pool.dialect() == Dialect::Postgres);
        let redis = redis.map(Redis::new).transpose()?;
        migrations::run(&pool).await?;
        let mut connection = pool.reader().await?;
        let opened_at = events::last(&mut connection).await?;
        drop(connection);
        let store = Self(Arc::new(Inner { pool, redis, commits: watch::Sender::new(0), opened_at }));
        backfill::run(&store).await?;
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.rows(sql("SELECT 1")).await.map(drop)
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let mut connection = self.0.pool.writer().await?;
        connection.begin().await?;
        Ok(Tx { store: self.clone(), connection, events: Vec::new() })
    }

    /// The event log.
    pub fn events(&self) -> Events {
        Events::new(self.clone(), self.0.opened_at)
    }

    /// Closes all connections, waiting for what is under way. Everything after this is [`Error::Unavailable`].
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    /// Whether the data is in a file of ours.
    pub fn is_embedded(&self) -> bool {
        self.dialect() == Dialect::Sqlite
    }

    /// The same embedded database through a connection of its own, whose work is done on a thread that takes after the one
    /// that calls this. For work in bulk that others should not wait behind.
    pub(crate) async fn beside(&self) -> Result<Self, Error> {
        let pool = self.0.pool.beside().await?;
        Ok(Self(Arc::new(Inner {
            pool,
            redis: None,
            commits: watch::Sender::new(0),
            opened_at: self.0.opened_at,
        })))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.0.pool.dialect()
    }

    /// Events up to a position were committed here: this process is woken, and other nodes are told.
    pub(crate) async fn woken(&self, position: i64) {
        self.0.commits.send_modify(|n| *n = n.wrapping_add(1));
        if let Some(redis) = &self.0.redis {
            redis.publish(position).await;
        }
    }

    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }

    pub(crate) async fn listen(&self, channel: &str) -> Result<Listener, Error> {
        if let Some(redis) = &self.0.redis {
            match redis.listen().await {
                Ok(ear) => return Ok(Listener::Redis(ear)),
                Err(error) => tracing::debug!(%error, "cannot listen to Redis; listening to PostgreSQL"),
            }
        }
        self.0.pool.listen(channel).await.map(Listener::Database)
    }

    /// Copies the embedded database into `file`, which must not exist, as it is at one moment.
    pub(crate) async fn copy_into(&self, file: &std::path::Path) -> Result<(), Error> {
        let Some(file) = file.to_str().filter(|_| self.is_embedded()) else {
            return Err(Error::Unsupported(
                "only the embedded database is copied to a path, which must be UTF-8; use `pg_dump` for PostgreSQL".to_owned(),
            ));
        };
        let mut connection = self.0.pool.reader().await?;
        connection.execute(sql("VACUUM INTO $1").bind(file)).await.map(drop)
    }

    /// Whether the embedded database is sound as a file.
    pub(crate) async fn is_sound(&self) -> Result<(), Error> {
        let mut connection = self.0.pool.reader().await?;
        let rows = connection.rows(sql("PRAGMA integrity_check(1)")).await?;
        let said: Option<String> = one(rows, |mut row| row.take())?;
        if said.as_deref() == Some("ok") { Ok(()) } else { Err(Error::Corrupt(said.unwrap_or_default())) }
    }
}

impl Executor for &Store {
    async fn rows(self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        self.0.pool.reader().await?.rows(statement).await
    }

    async fn execute(self, statement: Statement<'_>) -> Result<u64, Error> {
        self.0.pool.writer().await?.execute(statement).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_form() {
        let postgres = |url: &str| Options::new(Database::Postgres(Secret::new(url.to_owned())));
        let good = postgres("postgres://user@db.example.com/name?sslmode=verify-full");
        assert!(good.check().is_ok());
        for url in ["", "db.example.com", "http://db.example.com/name", "redis://db.example.com"] {
            assert!(postgres(url).check().is_err(), "{url}");
        }
        let redis = |url: &str| Options { redis: Some(Secret::new(url.to_owned())), ..good.clone() };
        assert!(redis("rediss://cache.example.com").check().is_ok());
        for url in ["cache.example.com", "rediss://cache.example.com#insecure"] {
            assert!(redis(url).check().is_err(), "{url}");
        }
    }
}
