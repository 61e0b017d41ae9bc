//! The figures that the request path promises: resolution from memory below 1 µs over 100,000 random subjects, a Cedar
//! decision below 5 µs, a known token and an API key.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::Method;
use portcullis_fault::Secret;
use portcullis_identity::directory::{Actor, Directory, NewApiKey, NewApplication};
use portcullis_identity::secrets::{Custody, Pepper, SystemRng};
use portcullis_identity::sources::{Creation, DatabaseSource, Newcomer, Source};
use portcullis_identity::{
    CallFacts, Caller, ConnectionFacts, Effects, Identity, Places, Runtime, RuntimeParts, ServiceRules,
};
use portcullis_jose::{Alg, Protected, SigningKey, encode};
use portcullis_model::issuer::{SubjectRule, TenantRule, TokenProfile};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::service::AuthMode;
use portcullis_model::{
    ApiKey, ApiKeyId, Application, ApplicationId, ByteSize, Clock, Issuer, Name, Policy, SecretRef, Span,
    Specification, SystemClock, Team, Tenant, TenantId, User, UserId, UserStatus,
};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::entity::users::Lookup;
use portcullis_store::{Database, Options, Store};
use serde_json::json;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const SUBJECTS: usize = 100_000;

struct OneSecret;

impl SecretSource for OneSecret {
    fn read(&self, _: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        Ok(Secret::new(SECRET.to_vec()))
    }
}

/// Everybody exists.
struct Everybody(DatabaseSource);

#[async_trait::async_trait]
impl Source for Everybody {
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String> {
        let Lookup::Identity { subject, .. } = lookup else { return Ok(Vec::new()) };
        let digest = portcullis_jose::sha256(subject.as_bytes());
        let now = SystemClock.now();
        Ok(vec![User {
            id: UserId(uuid::Uuid::from_slice(&digest[..16]).unwrap()),
            tenant,
            status: UserStatus::Active,
            external_id: None,
            username: Some(subject.clone()),
            email: None,
            email_verified: false,
            display_name: None,
            roles: vec!["reader".into(), "writer".into()],
            attributes: Default::default(),
            merged_into: None,
            status_changed_at: now,
            status_changed_by: String::new(),
            status_reason: None,
            created_at: now,
            updated_at: now,
        }])
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, String> {
        self.0.user(id).await
    }

    async fn teams_of_user(&self, _: UserId) -> Result<Vec<(Team, bool)>, String> {
        Ok(Vec::new())
    }

    async fn teams_of_tenant(&self, tenant: TenantId) -> Result<Vec<Team>, String> {
        self.0.teams_of_tenant(tenant).await
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, String> {
        self.0.api_key(id).await
    }

    async fn application(&self, id: ApplicationId) -> Result<Option<Application>, String> {
        self.0.application(id).await
    }

    async fn client(
        &self,
        tenant: TenantId,
        issuer: &Name,
        client: &str,
    ) -> Result<Option<Application>, String> {
        self.0.client(tenant, issuer, client).await
    }

    async fn create(&self, _: TenantId, _: &Newcomer, _: bool) -> Result<Creation, String> {
        Ok(Creation::Taken)
    }
}

struct Bench {
    identity: Identity,
    directory: Directory,
    acme: Arc<Tenant>,
    key: SigningKey,
    _data: tempfile::TempDir,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Bench {
    async fn new(policies: Vec<Policy>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(Database::Sqlite(data.path().join("bench.db")))).await.unwrap();
        let clock = Arc::new(SystemClock);
        let pepper = Pepper::new(&[7; 32]);
        let directory = Directory::new(
            store.clone(),
            clock.clone(),
            Arc::new(SystemRng::new()),
            pepper.clone(),
            Custody::new(&Secret::new([9; 32]), &[]),
        );
        let acme = Arc::new(
            directory
                .create_tenant(&Actor::new("bench", "bench"), name("acme"), vec!["*".into()])
                .await
                .unwrap(),
        );
        let day = Span::seconds(86_400);
        let runtime = Runtime::new(RuntimeParts {
            store,
            source: Arc::new(Everybody(DatabaseSource::new(directory.clone()))),
            egress: Egress::new(clock.clone(), ProxyEnvironment::default()),
            clock,
            pepper,
            resolution: portcullis_config::Resolution {
                capacity: 400_000,
                positive_ttl: day,
                ..Default::default()
            },
            token_cache: ByteSize(1 << 30),
            local: None,
        });
        let issuer = Issuer {
            name: name("corp"),
            tenant: TenantRule::Named(name("acme")),
            issuer: "https://corp.example.com".into(),
            preset: None,
            jwks_url: None,
            jwks_file: None,
            public_key_file: None,
            secret: Some(SecretRef::Env("SECRET".into())),
            decryption_keys: Vec::new(),
            audiences: vec!["api://acme".into()],
            audience_claim: None,
            algorithms: Vec::new(),
            profile: TokenProfile::Generic,
            leeway: Span::seconds(30),
            max_age: None,
            single_use: false,
            required_claims: Vec::new(),
            subject: SubjectRule::default(),
            machine: Vec::new(),
            client_claim: None,
            role_claims: Vec::new(),
            groups: None,
            stale: Span::seconds(0),
            http: Default::default(),
        };
        let specification = Specification {
            tenants: vec![acme.clone()],
            issuers: vec![issuer],
            policies,
            ..Default::default()
        };
        let identity = Identity::compile(&specification, &runtime, &OneSecret).unwrap();
        let key = portcullis_jose::Secret::new(SECRET).unwrap().signing_key(Alg::HS256).unwrap();
        Self { identity, directory, acme, key, _data: data }
    }

    fn token(&self, subject: &str) -> String {
        let now = SystemClock.now().seconds();
        let claims = json!({ "iss": "https://corp.example.com", "aud": "api://acme", "sub": subject, "iat": now, "exp": now + 86_400, "jti": subject, "scope": "orders:read orders:write" });
        encode(&Protected::new(), claims.to_string().as_bytes(), &self.key).unwrap()
    }

    async fn caller(&self, credential: &str) -> Caller {
        let request = request(credential);
        self.identity
            .authenticate(&request, &Places::default(), &connection(), Effects::Live, &mut ())
            .await
            .unwrap()
    }
}

fn request(credential: &str) -> http::Request<()> {
    http::Request::get("/").header("authorization", format!("Bearer {credential}")).body(()).unwrap()
}

fn connection() -> ConnectionFacts {
    ConnectionFacts::from_address(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// The result of a future that does not wait.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn resolution(criterion: &mut Criterion) {
    let tokio = runtime();
    let (bench, callers) = tokio.block_on(async {
        let bench = Bench::new(Vec::new()).await;
        let mut callers = Vec::with_capacity(SUBJECTS);
        for n in 0..SUBJECTS {
            let caller = bench.caller(&bench.token(&format!("user-{n:08}"))).await;
            bench.identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
            callers.push(caller);
        }
        (bench, callers)
    });
    // A fixed walk over all of them in no order. The token itself was looked at a moment ago, as it is on the path of a
    // call; what the directory's cache holds was not.
    let mut at = 1_usize;
    criterion.bench_function("resolve/cached/100k-random-subjects", |b| {
        b.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let some = left.min(64);
                let next = || {
                    at = (at * 48_281 + 11) % SUBJECTS;
                    let caller = &callers[at];
                    black_box((caller.claims().map(|claims| claims.sub()), caller.issuer()));
                    caller
                };
                let warm: Vec<&Caller> = std::iter::repeat_with(next).take(some as usize).collect();
                let started = Instant::now();
                for caller in warm {
                    black_box(
                        now(bench.identity.resolve(black_box(caller), Effects::Live, &mut ())).unwrap(),
                    );
                }
                spent += started.elapsed();
                left -= some;
            }
            spent
        });
    });
}

fn tokens(criterion: &mut Criterion) {
    let tokio = runtime();
    let (bench, api_key) = tokio.block_on(async {
        let bench = Bench::new(Vec::new()).await;
        let actor = Actor::new("bench", "bench");
        let new = NewApplication {
            tenant: bench.acme.id,
            name: name("shop"),
            roles: Vec::new(),
            clients: Vec::new(),
        };
        let shop = bench.directory.create_application(&actor, new).await.unwrap();
        let new = NewApiKey {
            application: shop.id,
            name: "k".into(),
            user: None,
            limits: Default::default(),
            expires_at: None,
        };
        let (_, secret) = bench.directory.create_api_key(&actor, new).await.unwrap();
        let api_key = secret.expose().clone();
        bench.caller(&api_key).await;
        bench.caller(&bench.token("ada")).await;
        (bench, api_key)
    });
    let (known, key) = (request(&bench.token("ada")), request(&api_key));
    let (places, connection) = (Places::default(), connection());
    criterion.bench_function("authenticate/token/known", |b| {
        b.iter(|| {
            now(bench.identity.authenticate(black_box(&known), &places, &connection, Effects::Live, &mut ()))
                .unwrap()
        });
    });
    criterion.bench_function("authenticate/api-key/known", |b| {
        b.iter(|| {
            now(bench.identity.authenticate(black_box(&key), &places, &connection, Effects::Live, &mut ()))
                .unwrap()
        });
    });
    let mut n = 0;
    criterion.bench_function("authenticate/token/fresh-hs256", |b| {
        b.iter_batched(
            || {
                n += 1;
                request(&bench.token(&format!("fresh-{n}")))
            },
            |request| {
                now(bench.identity.authenticate(&request, &places, &connection, Effects::Live, &mut ()))
                    .unwrap()
            },
            BatchSize::SmallInput,
        );
    });
}

fn policies(criterion: &mut Criterion) {
    let tokio = runtime();
    let policy = |called: &str, cedar: &str| Policy {
        name: name(called),
        tenant: None,
        cedar: Some(cedar.into()),
        file: None,
    };
    for (title, policies) in [
        ("authorize/no-policies", vec![]),
        (
            "authorize/cedar/one-policy",
            vec![policy(
                "paths",
                r#"forbid (principal, action == Action::"call", resource) when { context.path like "/internal/*" };"#,
            )],
        ),
        (
            "authorize/cedar/roles-of-the-directory",
            vec![policy(
                "del",
                r#"forbid (principal, action == Action::"call", resource) when { context.method == "DELETE" && !principal.roles.contains("admin") };"#,
            )],
        ),
        (
            "authorize/cedar/three-policies",
            vec![
                policy(
                    "night",
                    r#"forbid (principal, action == Action::"call", resource == Service::"payroll") unless { context.roles.contains("payroll") };"#,
                ),
                policy(
                    "net",
                    r#"forbid (principal, action == Action::"call", resource) when { context.source.isInRange(ip("198.51.100.0/24")) };"#,
                ),
                policy(
                    "del",
                    r#"forbid (principal, action == Action::"call", resource) when { context.method == "DELETE" && !principal.roles.contains("admin") };"#,
                ),
            ],
        ),
    ] {
        let (bench, caller, principal) = tokio.block_on(async {
            let bench = Bench::new(policies).await;
            let caller = bench.caller(&bench.token("ada")).await;
            let principal = Arc::new(bench.identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap());
            (bench, caller, principal)
        });
        let rules = ServiceRules::ai(name("orders"), AuthMode::Required);
        let facts = CallFacts {
            method: &Method::GET,
            path: "/orders/7",
            client: connection().client,
            now: SystemClock.now(),
            caller: Some(&caller),
        };
        criterion.bench_function(title, |b| {
            b.iter(|| bench.identity.authorize(black_box(principal.clone()), &rules, &facts).unwrap());
        });
        // Never asked before: another path and another address each time.
        let mut n = 0_u32;
        criterion.bench_function(&format!("{title}/first"), |b| {
            b.iter_batched(
                || {
                    n += 1;
                    (format!("/orders/{n}"), Ipv4Addr::from_bits(n).into())
                },
                |(path, client)| {
                    let facts = CallFacts { path: &path, client, ..facts };
                    bench.identity.authorize(black_box(principal.clone()), &rules, &facts).unwrap()
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, resolution, tokens, policies);
criterion_main!(benches);
