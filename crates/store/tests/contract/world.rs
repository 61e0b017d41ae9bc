//! Where a contract test runs: a database of its own, and things to put into it.

use crate::port::free_port;
use futures_util::FutureExt;
use portcullis_fault::Secret;
use portcullis_model::record::{Outcome, Timing};
use portcullis_model::tenant::Origin;
use portcullis_model::{
    Application, ApplicationId, Name, Record, RequestId, Tenant, TenantId, Timestamp, User, UserId,
    UserStatus,
};
use portcullis_store::entity::{tenants, users};
use portcullis_store::{Database, Options, Store};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 2025-11-22T08:09:10Z.
pub const NOW: Timestamp = Timestamp::from_seconds(1_763_798_950);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Something that was never there before in this process.
pub fn fresh() -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn seconds(n: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(n))
}

/// A database of a test's own.
pub struct World {
    pub store: Store,
    pub options: Options,
    /// A place for files.
    pub directory: tempfile::TempDir,
    /// PostgreSQL: the server's own database, and the test's.
    server: Option<(String, String)>,
    redis: std::sync::Mutex<Option<RedisServer>>,
}

/// Generous: the machine may be busy. Tests of the time-out set their own.
fn patient(database: Database) -> Options {
    Options { statement_timeout: Duration::from_secs(30), ..Options::new(database) }
}

pub async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(&'static World) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let options = patient(Database::Sqlite(directory.path().join("test.db")));
    run(
        World {
            store: Store::open(options.clone()).await.unwrap(),
            options,
            directory,
            server: None,
            redis: Default::default(),
        },
        test,
    )
    .await;
}

pub async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(&'static World) -> F) {
    on_server(None, test).await;
}

/// On PostgreSQL, with nodes that tell each other through a Redis server of the test's own.
pub async fn on_redis<F: Future<Output = ()>>(test: impl FnOnce(&'static World) -> F) {
    let Some(redis) = RedisServer::start() else {
        println!("skipped: there is no `redis-server` here (Debian: apt-get install redis-server)");
        return;
    };
    on_server(Some(redis), test).await;
}

async fn on_server<F: Future<Output = ()>>(
    redis: Option<RedisServer>,
    test: impl FnOnce(&'static World) -> F,
) {
    #[expect(clippy::disallowed_methods, reason = "a test has no `main` that could hand it in")]
    let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
        println!("skipped: `PORTCULLIS_TEST_POSTGRES` is not set (see `scripts/with-postgres`)");
        return;
    };
    let database =
        format!("portcullis_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (base, _) = base.rsplit_once('/').unwrap();
    let url = format!("{base}/{database}?{query}");
    let mut options = patient(Database::Postgres(Secret::new(url)));
    options.pool = 4;
    options.redis = redis.as_ref().map(RedisServer::url);
    let store = Store::open(options.clone()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let redis = std::sync::Mutex::new(redis);
    run(World { store, options, directory, server: Some((server, database)), redis }, test).await;
}

async fn run<F: Future<Output = ()>>(world: World, test: impl FnOnce(&'static World) -> F) {
    // For the length of the process, so that tests can hand it to tasks.
    let world: &'static World = Box::leak(Box::new(world));
    let outcome = AssertUnwindSafe(test(world)).catch_unwind().await;
    world.store.close().await;
    if let Some((server, database)) = &world.server {
        let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)"))).await.unwrap();
    }
    world.redis.lock().unwrap().take();
    let _ = std::fs::remove_dir_all(world.directory.path());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A Redis server, ended when it goes.
pub struct RedisServer {
    child: std::process::Child,
    port: u16,
}

impl RedisServer {
    /// One on a free port, when the program is there.
    fn start() -> Option<Self> {
        Self::at(free_port())
    }

    fn at(port: u16) -> Option<Self> {
        let child = std::process::Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .ok()?;
        let mut server = Self { child, port };
        for _ in 0..6_000 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("redis-server ended: {status}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not start");
    }

    fn url(&self) -> Secret<String> {
        Secret::new(format!("redis://127.0.0.1:{}/0", self.port))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// Ends the Redis server, as a crash would; its port.
    pub fn kill_redis(&self) -> u16 {
        self.redis.lock().unwrap().take().unwrap().port
    }

    /// How many connections listen to the Redis server's channel.
    pub fn redis_listeners(&self) -> u32 {
        let port = self.redis.lock().unwrap().as_ref().unwrap().port;
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        connection.write_all(b"PUBSUB NUMSUB portcullis:events\r\nQUIT\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        // `*2`, the length and name of the channel, `:1`, `+OK`.
        let count = answer.lines().find_map(|line| line.strip_prefix(':'));
        count.unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    /// Starts it again where it was.
    pub fn restart_redis(&self, port: u16) {
        *self.redis.lock().unwrap() = RedisServer::at(port);
    }

    /// Another node on the same database.
    pub async fn node(&self) -> Store {
        Store::open(self.options.clone()).await.unwrap()
    }

    /// Runs SQL past the store, as another program would.
    pub async fn raw(&self, sql: &str) {
        match &self.options.database {
            Database::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(Duration::from_secs(5));
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
            }
            Database::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url.expose()).await.unwrap();
                connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
            }
        }
    }

    /// The number that a query of PostgreSQL gives.
    pub async fn count(&self, sql: &str) -> i64 {
        let Database::Postgres(url) = &self.options.database else { panic!("not on PostgreSQL") };
        let mut connection = sqlx::PgConnection::connect(url.expose()).await.unwrap();
        let row = connection.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap();
        sqlx::Row::get(&row, 0)
    }

    /// Runs SQL in the server's own database.
    pub async fn on_server(&self, sql: &str) {
        let (server, database) = self.server.as_ref().unwrap();
        let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
        connection.execute(AssertSqlSafe(sql.replace("{database}", database))).await.unwrap();
    }

    pub async fn tenant(&self, text: &str) -> Tenant {
        let tenant = Tenant {
            id: TenantId::new(NOW, fresh()),
            name: name(text),
            models: vec!["fast".to_owned()],
            origin: Origin::Api,
            disabled: false,
            created_at: NOW,
            updated_at: NOW,
        };
        let mut tx = self.store.begin().await.unwrap();
        tenants::insert(&mut tx, &tenant).await.unwrap();
        tx.commit().await.unwrap();
        tenant
    }

    /// Adds a user after `change` had its way with it.
    pub async fn user(&self, tenant: TenantId, change: impl FnOnce(&mut User)) -> User {
        let mut user = user(tenant);
        change(&mut user);
        let mut tx = self.store.begin().await.unwrap();
        users::insert(&mut tx, &user).await.unwrap();
        tx.commit().await.unwrap();
        user
    }
}

pub fn user(tenant: TenantId) -> User {
    User {
        id: UserId::new(NOW, fresh()),
        tenant,
        status: UserStatus::Active,
        external_id: None,
        username: None,
        email: None,
        email_verified: false,
        display_name: None,
        roles: Vec::new(),
        attributes: BTreeMap::new(),
        merged_into: None,
        status_changed_at: NOW,
        status_changed_by: "test".to_owned(),
        status_reason: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn application(tenant: TenantId, text: &str) -> Application {
    Application {
        id: ApplicationId::new(NOW, fresh()),
        tenant,
        name: name(text),
        roles: vec!["batch".to_owned()],
        clients: Vec::new(),
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn record(at: Timestamp) -> Record {
    Record {
        id: RequestId::new(at, fresh()),
        at,
        outcome: Outcome::Completed,
        status: 200,
        code: None,
        detail: None,
        would_refuse: None,
        tenant: None,
        user: None,
        application: None,
        api_key: None,
        service: Some("ai".into()),
        operation: Some("chat".into()),
        model: Some("fast".into()),
        provider: None,
        deployment: None,
        batch: None,
        method: "POST".into(),
        path: "/v1/chat/completions".to_owned(),
        source: "192.0.2.7".to_owned(),
        trace: None,
        token: None,
        usage: None,
        upstream_status: Some(200),
        bytes_in: 10,
        bytes_out: 20,
        attempts: 1,
        tried: Vec::new(),
        dialect: None,
        dropped: None,
        tools: None,
        cost: None,
        timing: Timing::default(),
        capture: None,
    }
}
