//! A gateway with everything around it that it needs, for one test.

use crate::client::{Answer, Client};
use portcullis_config::Config;
use portcullis_fault::Secret;
use portcullis_gateway::{Body, Gateway, Parts, Spans};
use portcullis_identity::directory::{Actor, Directory, NewApiKey, NewApplication, NewUser};
use portcullis_identity::local::{LocalSubject, LocalToken};
use portcullis_identity::secrets::{Custody, Pepper, SecretReader, SystemRng};
use portcullis_identity::sources::DatabaseSource;
use portcullis_identity::{LocalIssuer, Runtime, RuntimeParts};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::{
    ApiKey, Application, ByteSize, Clock, Name, Record, Rng, Span, Specification, SystemClock, Tenant, User,
    UserStatus,
};
use portcullis_net::accept::{ListenOptions, Listener};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::spool::SpoolReader;
use portcullis_store::{Database, Options, Page, Spool, SpoolOptions, Store, entity};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything takes that works, on a busy machine as well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway with everything around it.
pub struct House {
    pub gateway: Arc<Gateway>,
    pub address: SocketAddr,
    pub directory: Directory,
    pub actor: Actor,
    pub ada: User,
    pub shutdown: CancellationToken,
    local: Arc<LocalIssuer>,
    store: Store,
    secrets: SecretReader,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    spool: Mutex<SpoolReader>,
    tasks: TaskTracker,
    _data: tempfile::TempDir,
}

impl House {
    /// A house by this configuration. There are tenants `acme` and `umbra`, and `ada`, a user of `acme` with the role
    /// `reader`.
    pub async fn open(config: &str) -> Arc<Self> {
        Self::open_with(config, None).await
    }

    /// The same, with spans.
    pub async fn open_with(config: &str, spans: Option<Spans>) -> Arc<Self> {
        let text = format!(
            "[[tenants]]\nname = \"acme\"\nmodels = [\"*\"]\n[[tenants]]\nname = \"umbra\"\n{config}"
        );
        let config = portcullis_config::parse(&text, "test.toml")
            .unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        Self::with(config, spans, None).await
    }

    /// The same, with a clock of the gateway's own.
    pub async fn open_by(config: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        let config = format!("[[tenants]]\nname = \"acme\"\nmodels = [\"*\"]\n{config}");
        let config = portcullis_config::parse(&config, "test.toml").unwrap();
        Self::with(config, None, Some(clock)).await
    }

    async fn with(mut config: Config, spans: Option<Spans>, timed_by: Option<Arc<dyn Clock>>) -> Arc<Self> {
        let data = tempfile::tempdir().unwrap();
        // A busy machine may take longer than the half seconds of the defaults.
        config.resolution.timeout = Span::seconds(30);
        let options = Options::new(Database::Sqlite(data.path().join("p.db")));
        let store =
            Store::open(Options { statement_timeout: Duration::from_secs(30), ..options }).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
        let pepper = Pepper::new(&[7; 32]);
        let custody = Custody::new(&Secret::new([9; 32]), &[]);
        let directory =
            Directory::new(store.clone(), clock.clone(), rng.clone(), pepper.clone(), custody.clone());
        let actor = Actor::new("test", "test");
        directory.upsert_file_tenants(&actor, &config.tenants).await.unwrap();
        let egress = Egress::new(clock.clone(), ProxyEnvironment::default());
        let local = Arc::new(LocalIssuer::generate().unwrap());
        let runtime = Runtime::new(RuntimeParts {
            store: store.clone(),
            source: Arc::new(DatabaseSource::new(directory.clone())),
            egress: egress.clone(),
            clock: clock.clone(),
            pepper,
            resolution: config.resolution.clone(),
            token_cache: ByteSize(1 << 20),
            local: Some(local.clone()),
        });
        let (spool, reader) = Spool::open(&data.path().join("spool"), SpoolOptions::default()).unwrap();
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(runtime.clone().run(shutdown.clone()));
        let gateway = Gateway::new(Parts {
            config: Arc::new(config.clone()),
            identity: runtime,
            store: store.clone(),
            spool,
            egress,
            clock: timed_by.unwrap_or_else(|| clock.clone()),
            rng: rng.clone(),
            spans,
        });
        let secrets = SecretReader::new(
            [("PROVIDER_KEY", "sk-ours"), ("PROVIDER_KEY_2", "sk-second")]
                .map(|(name, key)| (name.to_owned(), key.to_owned())),
            custody,
        );
        let listener =
            Listener::bind(ListenOptions::new("gateway", "127.0.0.1:0".parse().unwrap())).await.unwrap();
        let address = listener.local_address();
        let drain = Duration::from_millis(200);
        tasks.spawn({
            let (gateway, shutdown) = (gateway.clone(), shutdown.clone());
            async move { listener.serve(gateway, shutdown, drain).await }
        });
        tasks.spawn({
            let (gateway, shutdown) = (gateway.clone(), shutdown.clone());
            async move { gateway.run(shutdown).await }
        });
        let acme = entity::tenants::find_by_name(&store, "acme").await.unwrap().unwrap();
        let ada = directory.create_user(&actor, new_user(acme.id, "ada")).await.unwrap();
        let house = Arc::new(Self {
            gateway,
            address,
            directory,
            actor,
            ada,
            shutdown,
            local,
            store,
            secrets,
            clock,
            rng,
            spool: Mutex::new(reader),
            tasks,
            _data: data,
        });
        house.publish(&config).await.unwrap();
        house
    }

    /// Puts a configuration in force.
    pub async fn publish(&self, config: &Config) -> Result<(), Vec<String>> {
        let tenants = entity::tenants::list(&self.store, Page::first(100)).await.unwrap();
        let specification = Specification {
            version: 1,
            tenants: tenants.into_iter().map(Arc::new).collect(),
            issuers: config.issuers.clone(),
            sources: config.sources.clone(),
            providers: config.providers.clone(),
            models: config.models.clone(),
            services: config.services.clone(),
            policies: config.policies.clone(),
        };
        let compiled = self.gateway.compile(&specification, config, &self.secrets);
        let snapshot =
            compiled.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.gateway.install(snapshot);
        Ok(())
    }

    /// The tenant of this name.
    pub async fn tenant(&self, name: &str) -> Tenant {
        entity::tenants::find_by_name(&self.store, name).await.unwrap().unwrap()
    }

    /// A new user of `tenant`.
    pub async fn user(&self, tenant: &str, name: &str) -> User {
        let tenant = entity::tenants::find_by_name(&self.store, tenant).await.unwrap().unwrap();
        self.directory.create_user(&self.actor, new_user(tenant.id, name)).await.unwrap()
    }

    /// A key of a new application of `acme`.
    pub async fn key(&self, limits: ApiKeyLimits) -> (Application, ApiKey, String) {
        let acme = self.ada.tenant;
        let new = NewApplication { tenant: acme, name: name("crawler"), roles: vec![], clients: vec![] };
        let application = self.directory.create_application(&self.actor, new).await.unwrap();
        let new = NewApiKey {
            application: application.id,
            name: "k".to_owned(),
            user: None,
            limits,
            expires_at: None,
        };
        let (key, text) = self.directory.create_api_key(&self.actor, new).await.unwrap();
        (application, key, text.expose().clone())
    }

    /// A token of the local issuer.
    pub fn token(&self, tenant: &str, subject: LocalSubject, lifetime: Duration) -> String {
        let token = LocalToken {
            tenant: name(tenant),
            subject,
            scopes: vec!["orders:read".to_owned()],
            claims: serde_json::Map::default(),
            lifetime,
        };
        self.local.mint(&token, self.clock.now(), &*self.rng).unwrap().expose().clone()
    }

    /// `authorization` of ada.
    pub fn ada(&self) -> String {
        format!("Bearer {}", self.token("acme", LocalSubject::User(self.ada.id), Duration::from_secs(600)))
    }

    /// `authorization` of somebody.
    pub fn bearer(&self, user: &User) -> String {
        format!("Bearer {}", self.token("acme", LocalSubject::User(user.id), Duration::from_secs(600)))
    }

    /// A connection of a client.
    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One call of ada's over a connection of its own.
    pub async fn get(&self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", self.ada());
        self.client().await.call(&head).await
    }

    /// The next record, waiting for it.
    pub async fn record(&self) -> Record {
        let mut spool = self.spool.lock().await;
        let batch =
            tokio::time::timeout(PATIENCE, spool.next(1)).await.expect("a record should come").unwrap();
        let record = serde_json::from_slice(batch.records().next().unwrap()).unwrap();
        spool.commit(&batch);
        record
    }

    /// The next record, which must be there already.
    pub async fn record_now(&self) -> Option<Record> {
        let mut spool = self.spool.lock().await;
        let batch = spool.try_next(1).await.unwrap();
        let record = batch.records().next().map(|body| serde_json::from_slice(body).unwrap());
        spool.commit(&batch);
        record
    }

    /// Brings records into the database, as the drain does, and reads them there.
    pub async fn stored(&self, records: &[Record]) -> Vec<Record> {
        entity::records::insert_batch(&self.store, records).await.unwrap();
        let mut stored = Vec::new();
        for record in records {
            stored.extend(entity::records::find(&self.store, record.id).await.unwrap());
        }
        stored
    }

    /// That no record is waiting to be read and no call is under way that could write one.
    pub async fn no_more_records(&self) {
        let quiet = async {
            while self.gateway.under_way() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.expect("all calls should be over");
        let more = self.record_now().await;
        assert!(more.is_none(), "one record too many: {more:?}");
    }

    /// Takes the database away. Who was known stays so for a moment.
    pub async fn lose_the_database(&self) {
        self.store.close().await;
    }

    /// Shuts down and waits until everything has ended.
    pub async fn close(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("everything should end");
    }
}

/// Whether it comes to that, in time.
pub async fn eventually(mut is: impl AsyncFnMut() -> bool) -> bool {
    let comes = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, comes).await.is_ok()
}

/// That something is done within a second. A busy machine may hold up an attempt, so there are several; what is slow by
/// itself is slow in each. An attempt tells how long it took, and checks everything else for itself.
pub async fn within_a_second(mut attempt: impl AsyncFnMut() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 5 {
        took.push(attempt().await);
        if took.last().is_some_and(|last| *last < Duration::from_secs(1)) {
            return;
        }
    }
    panic!("each time longer than a second: {took:?}");
}

/// An address at which nobody listens, and nobody else can, while the socket is held.
pub fn nobody_listens() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn new_user(tenant: portcullis_model::TenantId, name: &str) -> NewUser {
    NewUser {
        tenant,
        status: UserStatus::Active,
        external_id: Some(format!("emp-{name}")),
        username: Some(name.to_owned()),
        email: None,
        email_verified: false,
        display_name: None,
        roles: vec!["reader".to_owned()],
        attributes: Default::default(),
        identities: vec![],
    }
}

/// A service `orders` at `/orders`, in front of `upstream`, with more settings.
pub fn orders(upstream: SocketAddr, more: &str) -> String {
    format!(
        "[[services]]\nname = \"orders\"\ntenant = \"acme\"\npath = \"/orders\"\nupstream = \"http://{upstream}\"\n{more}\n"
    )
}

/// The gateway's body is what a listener needs.
const _: fn() = || {
    fn needs<B: http_body::Body<Error: std::error::Error + Send + Sync> + Send + Unpin>() {}
    needs::<Body>();
};
