//! A gateway's identity in a temporary directory, and an issuer on a loopback port.

use portcullis_fault::{Fault, Secret};
use portcullis_identity::directory::{Actor, Directory, NewApplication, NewUser};
use portcullis_identity::secrets::{Custody, Pepper, SystemRng};
use portcullis_identity::sources::{DatabaseSource, Source};
use portcullis_identity::{
    Caller, ConnectionFacts, DialectPlaces, Effects, Identity, LocalIssuer, Observer, Places, Runtime,
    RuntimeParts,
};
use portcullis_jose::{Alg, Jwk, JwkSet, Protected, SigningKey, encode};
use portcullis_model::issuer::{SubjectRule, TenantRule, TokenProfile};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::time::ManualClock;
use portcullis_model::{
    ByteSize, Clock, Issuer, Name, Principal, SecretRef, Specification, Tenant, Timestamp, User, UserStatus,
};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::{Database, Options, Store, Subscription};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The time at which everything begins.
pub const START: i64 = 1_800_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn actor() -> Actor {
    Actor::new("operator:test", "127.0.0.1")
}

/// No secrets but one, under any name.
pub struct OneSecret(pub Vec<u8>);

impl SecretSource for OneSecret {
    fn read(&self, _: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        Ok(Secret::new(self.0.clone()))
    }
}

/// A whole identity.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub directory: Directory,
    pub runtime: Arc<Runtime>,
    pub local: Arc<LocalIssuer>,
    pub acme: Arc<Tenant>,
    pub globex: Arc<Tenant>,
    events: tokio::sync::Mutex<Subscription>,
    _data: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        // A busy machine may take longer than the half second of the default.
        let timeout = portcullis_model::Span::seconds(30);
        Self::with(portcullis_config::Resolution { timeout, ..Default::default() }, None).await
    }

    pub async fn with(resolution: portcullis_config::Resolution, source: Option<Arc<dyn Source>>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let options = Options::new(Database::Sqlite(data.path().join("test.db")));
        let store =
            Store::open(Options { statement_timeout: Duration::from_secs(30), ..options }).await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let pepper = Pepper::new(&[7; 32]);
        let custody = Custody::new(&Secret::new([9; 32]), &[]);
        let directory =
            Directory::new(store.clone(), clock.clone(), Arc::new(SystemRng::new()), pepper.clone(), custody);
        let acme =
            directory.create_tenant(&actor(), name("acme"), vec!["fast".into(), "big".into()]).await.unwrap();
        let globex = directory.create_tenant(&actor(), name("globex"), vec![]).await.unwrap();
        let local = Arc::new(LocalIssuer::generate().unwrap());
        let runtime = Runtime::new(RuntimeParts {
            store: store.clone(),
            source: source.unwrap_or_else(|| Arc::new(DatabaseSource::new(directory.clone()))),
            egress: Egress::new(Arc::new(portcullis_model::SystemClock), ProxyEnvironment::default()),
            clock: clock.clone(),
            pepper,
            resolution,
            token_cache: ByteSize(1 << 20),
            local: Some(local.clone()),
        });
        let events = tokio::sync::Mutex::new(store.events().subscribe());
        let world = Self {
            clock,
            directory,
            runtime,
            local,
            acme: Arc::new(acme),
            globex: Arc::new(globex),
            events,
            _data: data,
            store,
        };
        world.hear().await;
        world
    }

    pub fn now(&self) -> i64 {
        self.clock.now().seconds()
    }

    /// Lets the runtime hear of everything that was committed.
    pub async fn hear(&self) {
        let signal = self.events.lock().await.next().await;
        self.runtime.hear(signal).await;
    }

    pub fn specification(&self, issuers: Vec<Issuer>) -> Specification {
        Specification {
            version: 1,
            tenants: vec![self.acme.clone(), self.globex.clone()],
            issuers,
            ..Specification::default()
        }
    }

    pub fn compile(&self, issuers: Vec<Issuer>) -> Identity {
        self.compile_all(&self.specification(issuers)).unwrap()
    }

    pub fn compile_all(
        &self,
        specification: &Specification,
    ) -> Result<Identity, Vec<portcullis_model::Problem>> {
        Identity::compile(specification, &self.runtime, &OneSecret(SECRET.to_vec()))
    }

    pub async fn user(&self, username: &str, identities: &[(&str, &str)]) -> User {
        let user = NewUser {
            tenant: self.acme.id,
            status: UserStatus::Active,
            external_id: Some(format!("x-{username}")),
            username: Some(username.into()),
            email: Some(format!("{username}@example.com")),
            email_verified: true,
            display_name: None,
            roles: vec!["reader".into()],
            attributes: BTreeMap::new(),
            identities: identities
                .iter()
                .map(|(issuer, subject)| (name(issuer), (*subject).to_owned()))
                .collect(),
        };
        let user = self.directory.create_user(&actor(), user).await.unwrap();
        self.hear().await;
        user
    }

    pub async fn application(&self, called: &str, clients: &[(&str, &str)]) -> portcullis_model::Application {
        let clients = clients.iter().map(|(issuer, client)| (name(issuer), (*client).to_owned())).collect();
        let new =
            NewApplication { tenant: self.acme.id, name: name(called), roles: vec!["robot".into()], clients };
        let application = self.directory.create_application(&actor(), new).await.unwrap();
        self.hear().await;
        application
    }
}

/// The shared secret of HMAC issuers in tests.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An issuer with a shared secret.
pub fn hmac_issuer(called: &str) -> Issuer {
    Issuer {
        secret: Some(SecretRef::Env("SECRET".into())),
        ..issuer(called, &format!("https://{called}.example.com"))
    }
}

/// An issuer whose key source is still to be given.
pub fn issuer(called: &str, iss: &str) -> Issuer {
    Issuer {
        name: name(called),
        tenant: TenantRule::Named(name("acme")),
        issuer: iss.to_owned(),
        preset: None,
        jwks_url: None,
        jwks_file: None,
        public_key_file: None,
        secret: None,
        decryption_keys: Vec::new(),
        audiences: vec!["api://acme".to_owned()],
        audience_claim: None,
        algorithms: Vec::new(),
        profile: TokenProfile::Generic,
        leeway: portcullis_model::Span::seconds(30),
        max_age: None,
        single_use: false,
        required_claims: Vec::new(),
        subject: SubjectRule::default(),
        machine: Vec::new(),
        client_claim: None,
        role_claims: Vec::new(),
        groups: None,
        stale: portcullis_model::Span::seconds(7_200),
        http: portcullis_model::issuer::Egress::default(),
    }
}

/// The key of [`hmac_issuer`].
pub fn hmac_key() -> SigningKey {
    portcullis_jose::Secret::new(SECRET).unwrap().signing_key(Alg::HS256).unwrap()
}

/// Claims that are good at `now`, with changes; `null` removes.
pub fn claims(iss: &str, now: i64, changes: Value) -> Value {
    let mut claims =
        json!({ "iss": iss, "aud": "api://acme", "sub": "ada", "iat": now, "exp": now + 300, "jti": "j1" });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub fn sign(key: &SigningKey, claims: &Value) -> String {
    encode(&Protected::new(), claims.to_string().as_bytes(), key).unwrap()
}

pub fn key(alg: Alg, kid: &str) -> SigningKey {
    SigningKey::generate(alg).unwrap().jwk().clone().with_kid(kid).signing_key(Some(alg)).unwrap()
}

pub fn key_set(keys: &[&SigningKey]) -> String {
    keys.iter().filter_map(|key| key.public_jwk()).collect::<JwkSet>().to_public_json()
}

pub fn connection() -> ConnectionFacts {
    ConnectionFacts::from_address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
}

/// A request with a credential in `Authorization`.
pub fn bearer(credential: &str) -> http::Request<()> {
    http::Request::get("/").header("authorization", format!("Bearer {credential}")).body(()).unwrap()
}

pub async fn authenticate(identity: &Identity, credential: &str) -> Result<Caller, Fault> {
    authenticate_with(identity, credential, Effects::Live, &mut ()).await
}

pub async fn authenticate_with<O: Observer>(
    identity: &Identity,
    credential: &str,
    effects: Effects,
    observer: &mut O,
) -> Result<Caller, Fault> {
    let request = bearer(credential);
    identity
        .authenticate(&request, &Places::dialect(DialectPlaces::ALL), &connection(), effects, observer)
        .await
}

/// Authenticated and resolved.
pub async fn recognise(identity: &Identity, credential: &str) -> Result<Principal, Fault> {
    let caller = authenticate(identity, credential).await?;
    identity.resolve(&caller, Effects::Live, &mut ()).await
}

/// The code of a refusal.
pub async fn code(identity: &Identity, credential: &str) -> &'static str {
    match recognise(identity, credential).await {
        Ok(_) => "accepted",
        Err(fault) => fault.code().name(),
    }
}

/// An HTTP server that answers every path with what it was told to.
pub struct Server {
    pub address: std::net::SocketAddr,
    pub state: Arc<Mutex<Answers>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
pub struct Answers {
    /// Path → (status, headers, body).
    pub paths: BTreeMap<String, (u16, String, String)>,
    /// Requests per path.
    pub hits: BTreeMap<String, usize>,
    /// Answers wait for this.
    pub gate: Option<Arc<tokio::sync::Semaphore>>,
}

impl Server {
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the test's runtime, and `Drop` ends it before that"
    )]
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<Answers>> = Arc::default();
        let answers = state.clone();
        let task = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                calls.spawn(serve(stream, answers.clone()));
                while calls.try_join_next().is_some() {}
            }
        });
        Self { address, state, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn answer(&self, path: &str, status: u16, headers: &str, body: impl Into<String>) {
        self.state.lock().unwrap().paths.insert(path.to_owned(), (status, headers.to_owned(), body.into()));
    }

    pub fn hits(&self, path: &str) -> usize {
        self.state.lock().unwrap().hits.get(path).copied().unwrap_or(0)
    }

    /// From now on answers wait for permits of the returned gate.
    pub fn gate(&self) -> Arc<tokio::sync::Semaphore> {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        self.state.lock().unwrap().gate = Some(gate.clone());
        gate
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: tokio::net::TcpStream, answers: Arc<Mutex<Answers>>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4_096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => head.extend(&buffer[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let (answer, gate) = {
        let mut answers = answers.lock().unwrap();
        *answers.hits.entry(path.clone()).or_default() += 1;
        (
            answers.paths.get(&path).cloned().unwrap_or((404, String::new(), "nothing here".into())),
            answers.gate.clone(),
        )
    };
    if let Some(gate) = gate {
        let Ok(permit) = gate.acquire().await else { return };
        permit.forget();
    }
    let (status, headers, body) = answer;
    let text = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Waits for something that another task brings about; a minute at most.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "{what} did not happen");
}

/// A token with this header and payload text, and a signature that is `signature`.
pub fn raw(header: &str, payload: &str, signature: &[u8]) -> String {
    use base64::Engine;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(signature))
}

/// A token with this very header, signed by the key.
pub fn signed_raw(key: &SigningKey, header: &str, payload: &str) -> String {
    let unsigned = raw(header, payload, b"");
    let input = unsigned.trim_end_matches('.');
    let signature = key.sign(input.as_bytes()).unwrap();
    raw(header, payload, &signature)
}

pub fn public(key: &SigningKey) -> Jwk {
    key.public_jwk().unwrap()
}
