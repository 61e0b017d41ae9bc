//! A control plane on a database of its own, called without sockets.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use portcullis_config::{Config, Resolution};
use portcullis_control::publish::Prepared;
use portcullis_control::sinks::Deliveries;
use portcullis_control::{Alone, Control, DataPlane, Entrance, Parts, Publisher};
use portcullis_doctor::Doctor;
use portcullis_fault::Secret;
use portcullis_identity::directory::{Actor, Directory, NewOperator};
use portcullis_identity::secrets::{Custody, Pepper, SecretReader, SystemRng};
use portcullis_identity::sources::DatabaseSource;
use portcullis_identity::{LocalIssuer, Runtime, RuntimeParts};
use portcullis_model::audit::OperatorRole;
use portcullis_model::route::{RouteError, RouteExplanation, RouteQuestion, RouteStandby, RouteStandbyModel};
use portcullis_model::time::ManualClock;
use portcullis_model::{ByteSize, Clock, Name, Problem, Rng, Span, Specification, TenantId, Timestamp};
use portcullis_net::accept::{FailureBudget, FailureBudgetOptions};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::{DataDir, Database, Options, Store};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tower::ServiceExt;

/// A control plane.
pub struct Plane {
    pub router: Router,
    pub directory: Directory,
    pub publisher: Arc<Publisher>,
    pub compiled: Arc<Compiler>,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub sinks: Deliveries,
    _place: TempDir,
}

/// A data plane that keeps what it was given, and refuses a model that is called `bad`.
#[derive(Default)]
pub struct Compiler {
    pub prepared: Mutex<u32>,
    pub installed: Arc<Mutex<Vec<Arc<Specification>>>>,
}

impl DataPlane for Compiler {
    fn prepare(&self, specification: &Arc<Specification>, _: &Arc<Config>) -> Result<Prepared, Vec<Problem>> {
        *self.prepared.lock().unwrap() += 1;
        if specification.models.iter().any(|model| model.name == *"bad") {
            return Err(vec![Problem::new("models.bad", "a bad model")]);
        }
        let (specification, installed) = (specification.clone(), self.installed.clone());
        Ok(Prepared::new(move || installed.lock().unwrap().push(specification)))
    }

    /// Of the model `m`, with who is asked about where needs are told, and two models that stand by.
    fn explain(&self, _: &Config, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        match (question.model.as_str(), question.dialect.as_deref()) {
            ("m" | "secret", None) => {}
            ("m", Some(_)) => return Err(RouteError::Invalid("`dialect` is one of none".to_owned())),
            _ => return Err(RouteError::UnknownModel),
        }
        let needs = match &question.principal {
            None => vec!["nobody".to_owned()],
            Some(who) => {
                let user = who.user.as_ref().and_then(|user| user.username.clone()).unwrap_or_default();
                let teams: Vec<_> = who.teams.iter().map(|team| team.name.as_str()).collect();
                let application = who.application.as_ref().map(|application| application.name.to_string());
                vec![
                    format!("tenant {}", who.tenant.name),
                    format!("user {user}"),
                    format!("roles {}", who.roles.join(",")),
                    format!("teams {}", teams.join(",")),
                    format!("application {}", application.unwrap_or_default()),
                ]
            }
        };
        let standing_by = |name| RouteStandbyModel { model: Name::new(name).unwrap(), permission: None };
        let models = vec![standing_by("secret"), standing_by("m")];
        let standby = vec![RouteStandby { class: "outage".to_owned(), models }];
        Ok(RouteExplanation { model: question.model.clone(), needs, standby, ..RouteExplanation::default() })
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body of an answer that is good.
    pub fn good(self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.body
    }

    pub fn id(self) -> String {
        self.good()["id"].as_str().unwrap().to_owned()
    }
}

/// What names of the configuration's may be used in tests: issuers of any tenant, services and models.
pub fn has() -> Config {
    let issuer = |name: &str, tenant: Value| json!({ "name": name, "issuer": format!("https://{name}.example"), "tenant": tenant, "audiences": ["api"] });
    let map = json!({ "a": "acme", "o": "ours", "t": "theirs" });
    let service = |name: &str, tenant: &str| json!({ "name": name, "tenant": tenant, "path": format!("/{name}"), "upstream": "http://127.0.0.1:9" });
    let ldap = json!({ "urls": ["ldaps://ldap.example.com"], "base": "dc=x", "filter": "(uid={subject})" });
    serde_json::from_value(json!({
        "issuers": [
            issuer("corp", json!({ "claim": "tid", "map": map })),
            issuer("partner", json!("globex")),
        ],
        "services": [service("orders", "acme"), service("ledger", "globex")],
        "models": [{ "name": "m", "deployments": [] }, { "name": "org/large", "deployments": [] }],
        "sources": [{ "name": "hr", "tenant": "acme", "ldap": ldap }],
    }))
    .unwrap()
}

/// How a test gets in.
#[derive(Clone, Copy, Debug)]
pub enum As<'c> {
    /// With this credential, over the network.
    Bearer(&'c str),
    /// With nothing, over the network.
    Nobody,
    /// Over the socket.
    Socket,
}

impl Plane {
    pub async fn new() -> Self {
        Self::reaching(|clock| {
            (Egress::new(clock, ProxyEnvironment::default()), portcullis_model::issuer::Egress::default())
        })
        .await
    }

    /// With this way out to what callers name.
    pub async fn reaching(
        way_out: impl FnOnce(Arc<dyn Clock>) -> (Egress, portcullis_model::issuer::Egress),
    ) -> Self {
        let place = tempfile::tempdir().unwrap();
        let data = Arc::new(DataDir::open(place.path().join("data")).unwrap());
        let manual = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_312_243)));
        let clock: Arc<dyn Clock> = manual.clone();
        let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
        // A busy machine may take longer than the half seconds of the defaults.
        let options = Options::new(Database::Sqlite(data.database()));
        let options = Options { statement_timeout: std::time::Duration::from_secs(30), ..options };
        let store = Store::open(options).await.unwrap();
        let (pepper, custody) = (Pepper::new(&[7; 32]), Custody::new(&Secret::new([8; 32]), &[]));
        let directory =
            Directory::new(store.clone(), clock.clone(), rng.clone(), pepper.clone(), custody.clone());
        let secrets = SecretReader::new([], custody);
        let doctor_secrets = secrets.clone();
        let local = Arc::new(LocalIssuer::generate().unwrap());
        let identity = Runtime::new(RuntimeParts {
            store: store.clone(),
            source: Arc::new(DatabaseSource::new(directory.clone())),
            egress: Egress::new(clock.clone(), ProxyEnvironment::default()),
            clock: clock.clone(),
            pepper,
            resolution: Resolution { timeout: Span::seconds(30), ..Resolution::default() },
            token_cache: ByteSize(1 << 20),
            local: Some(local.clone()),
        });
        let (egress, fetching) = way_out(clock.clone());
        let compiled = Arc::new(Compiler::default());
        let publisher = Arc::new(Publisher::new(
            directory.clone(),
            secrets,
            compiled.clone(),
            clock.clone(),
            rng.clone(),
        ));
        publisher.assume(Arc::new(has()), Vec::new());
        let doctor = Doctor::new(portcullis_doctor::Parts {
            directory: directory.clone(),
            runtime: identity.clone(),
            secrets: doctor_secrets,
            environment: Vec::new(),
            clock: clock.clone(),
            probe: None,
            in_force: Box::new(|| None),
        });
        let sinks = Deliveries::new(store.clone(), clock.clone(), rng.clone());
        let control = Control::new(Parts {
            sinks: sinks.clone(),
            doctor,
            store: store.clone(),
            stored: None,
            data,
            directory: directory.clone(),
            identity,
            local,
            publisher: publisher.clone(),
            readiness: Arc::new(Alone),
            exposition: Box::new(|| "metric 1\n".to_owned()),
            metrics_open: false,
            failures: FailureBudget::new(
                FailureBudgetOptions { failures: 50, ..FailureBudgetOptions::default() },
                clock.clone(),
            ),
            rate: 1_000_000,
            egress,
            fetching,
            pages: "http://control.test/errors".to_owned(),
            clock,
            rng,
        });
        Self {
            router: control.router(),
            directory,
            publisher,
            compiled,
            clock: manual,
            store,
            sinks,
            _place: place,
        }
    }

    /// Every file of the data directory, its bytes.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let (mut folders, mut files) = (vec![self._place.path().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    // What is no file, or another's to read, is none of ours.
                    false => files.extend(std::fs::read(path).ok()),
                }
            }
        }
        files
    }

    /// A credential of this role.
    pub async fn operator(&self, name: &str, role: OperatorRole, tenant: Option<TenantId>) -> String {
        let source = (role == OperatorRole::Provisioner).then(|| Name::new("idp").unwrap());
        let new = NewOperator { name: Name::new(name).unwrap(), role, tenant, source, expires_at: None };
        let (_, secret) = self.directory.create_operator(&Actor::new("test", "test"), new).await.unwrap();
        secret.expose().clone()
    }

    pub async fn call(&self, who: As<'_>, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let As::Bearer(credential) = who {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let mut request =
            request.body(Body::from(body.map(ToString::to_string).unwrap_or_default())).unwrap();
        request.extensions_mut().insert(match who {
            As::Socket => Entrance::Socket { uid: 0 },
            As::Bearer(_) | As::Nobody => Entrance::Network([192, 0, 2, 1].into()),
        });
        self.send(request).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        // Ids sort by the millisecond: what is done one after another is listed so.
        self.clock.advance(std::time::Duration::from_millis(1));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        #[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
        let bytes = Limited::new(body, 16 << 20).collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(As::Socket, Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(As::Socket, Method::POST, path, Some(&body)).await
    }

    /// A tenant of this name; its id.
    pub async fn tenant(&self, name: &str) -> TenantId {
        self.post("/admin/v1/tenants", json!({ "name": name, "models": ["m"] })).await.id().parse().unwrap()
    }
}
