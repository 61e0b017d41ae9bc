//! A directory that stops, hangs and comes back, with real users of every kind in it: nobody is ever told anything but what
//! is true of them, or that it cannot be said.

use crate::fixture::*;
use async_trait::async_trait;
use portcullis_config::Resolution;
use portcullis_fault::codes;
use portcullis_identity::directory::NewUser;
use portcullis_identity::sources::{Creation, DatabaseSource, Newcomer, Source};
use portcullis_identity::{Caller, Effects, Examined, Standing};
use portcullis_model::issuer::{Normalisation, SubjectRule};
use portcullis_model::source::Breaker;
use portcullis_model::{
    ApiKey, ApiKeyId, Application, ApplicationId, Issuer, Name, Span, Team, TenantId, User, UserId,
    UserStatus,
};
use portcullis_store::Signal;
use portcullis_store::entity::users::Lookup;
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Works,
    Refuses,
    Hangs,
}

/// The directory in our own database, behind something that breaks.
struct Stoppable {
    directory: OnceLock<DatabaseSource>,
    manner: Mutex<Manner>,
    asked: AtomicUsize,
}

impl Stoppable {
    async fn world(resolution: Resolution) -> (World, Arc<Self>) {
        let source = Arc::new(Self {
            directory: OnceLock::new(),
            manner: Mutex::new(Manner::Works),
            asked: AtomicUsize::new(0),
        });
        let world = World::with(resolution, Some(source.clone())).await;
        assert!(source.directory.set(DatabaseSource::new(world.directory.clone())).is_ok());
        (world, source)
    }

    fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn there(&self) -> Result<&DatabaseSource, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Works => Ok(self.directory.get().unwrap()),
            Manner::Refuses => Err("connection refused".to_owned()),
            Manner::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Source for Stoppable {
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String> {
        self.there().await?.users(tenant, lookup).await
    }

    async fn alike(
        &self,
        tenant: TenantId,
        lookup: &Lookup,
        texts: &[String],
    ) -> Result<Vec<(UserId, String)>, String> {
        self.there().await?.alike(tenant, lookup, texts).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, String> {
        self.there().await?.user(id).await
    }

    async fn teams_of_user(&self, user: UserId) -> Result<Vec<(Team, bool)>, String> {
        self.there().await?.teams_of_user(user).await
    }

    async fn teams_of_tenant(&self, tenant: TenantId) -> Result<Vec<Team>, String> {
        self.there().await?.teams_of_tenant(tenant).await
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, String> {
        self.there().await?.api_key(id).await
    }

    async fn application(&self, id: ApplicationId) -> Result<Option<Application>, String> {
        self.there().await?.application(id).await
    }

    async fn client(&self, tenant: TenantId, issuer: &Name, id: &str) -> Result<Option<Application>, String> {
        self.there().await?.client(tenant, issuer, id).await
    }

    async fn create(&self, tenant: TenantId, newcomer: &Newcomer, active: bool) -> Result<Creation, String> {
        self.there().await?.create(tenant, newcomer, active).await
    }
}

/// One whose subjects are user names, in whatever case.
fn folding() -> Issuer {
    let subject = SubjectRule {
        attribute: "username".into(),
        normalise: vec![Normalisation::Lowercase],
        ..SubjectRule::default()
    };
    Issuer { subject, ..hmac_issuer("loose") }
}

/// A subject of each kind: what it is, issuer, subject, and the code.
const KINDS: [(&str, &str, &str, &str); 8] = [
    ("active", "corp", "active", "accepted"),
    ("merged", "corp", "merged", "accepted"),
    ("suspended", "corp", "suspended", "user_suspended"),
    ("deleted", "corp", "deleted", "user_deleted"),
    ("merged into somebody deleted", "corp", "orphan", "user_deleted"),
    ("pending", "corp", "pending", "user_pending"),
    ("unknown", "corp", "nobody", "user_unknown"),
    ("ambiguous", "loose", "Twin", "subject_ambiguous"),
];

async fn everybody(world: &World) {
    let (act, users) = (actor(), &world.directory);
    let active = world.user("active", &[("corp", "active")]).await.id;
    let merged = world.user("merged", &[("corp", "merged")]).await.id;
    users.merge(&act, merged, active, None).await.unwrap();
    let suspended = world.user("suspended", &[("corp", "suspended")]).await.id;
    users.suspend(&act, suspended, None).await.unwrap();
    let deleted = world.user("deleted", &[("corp", "deleted")]).await.id;
    users.delete(&act, deleted, None).await.unwrap();
    let (orphan, gone) =
        (world.user("orphan", &[("corp", "orphan")]).await.id, world.user("gone", &[]).await.id);
    users.merge(&act, orphan, gone, None).await.unwrap();
    users.delete(&act, gone, None).await.unwrap();
    let pending = NewUser {
        tenant: world.acme.id,
        status: UserStatus::Pending,
        external_id: None,
        username: None,
        email: None,
        email_verified: false,
        display_name: None,
        roles: Vec::new(),
        attributes: BTreeMap::new(),
        identities: vec![(name("corp"), "pending".to_owned())],
    };
    users.create_user(&act, pending).await.unwrap();
    world.user("Twin", &[]).await;
    // Which is heard of with everything before it.
    world.user("twin", &[]).await;
}

fn token(world: &World, issuer: &str, sub: &str) -> String {
    let iss = format!("https://{issuer}.example.com");
    let changes = json!({ "sub": sub, "exp": world.now() + 86_400, "jti": format!("{issuer}-{sub}") });
    sign(&hmac_key(), &claims(&iss, world.now(), changes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_stays_right_under_load_while_the_store_stops_and_starts() {
    let resolution = Resolution {
        positive_ttl: Span::millis(1),
        negative_ttl: Span::millis(1),
        timeout: Span::millis(500),
        breaker: Breaker { failures: 5, open: Span::millis(20) },
        ..Resolution::default()
    };
    let (world, store) = Stoppable::world(resolution).await;
    everybody(&world).await;
    let identity = Arc::new(world.compile(vec![hmac_issuer("corp"), folding()]));
    let tokens = Arc::new(KINDS.map(|(_, issuer, sub, _)| token(&world, issuer, sub)));
    let outcomes: Arc<Mutex<BTreeMap<(usize, &'static str), usize>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = tokio::task::JoinSet::new();
    for first in 0..8 {
        let (identity, tokens, outcomes, stop, clock) =
            (identity.clone(), tokens.clone(), outcomes.clone(), stop.clone(), world.clock.clone());
        load.spawn(async move {
            let mut n = first;
            while !stop.load(Ordering::SeqCst) {
                let kind = n % KINDS.len();
                let outcome = code(&identity, &tokens[kind]).await;
                *outcomes.lock().unwrap().entry((kind, outcome)).or_default() += 1;
                // What is in memory is too old the next time, and an open breaker's time passes.
                clock.advance(Duration::from_millis(2));
                n += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    let count = |kind: usize, outcome: &'static str| {
        outcomes.lock().unwrap().get(&(kind, outcome)).copied().unwrap_or(0)
    };
    // Each phase has begun for all of them when each has seen it several times more than before.
    let phase = async |what: &str, manner: Manner| {
        store.set(manner);
        let expected = |kind: usize| match manner {
            Manner::Works => KINDS[kind].3,
            Manner::Refuses | Manner::Hangs => "resolution_unavailable",
        };
        let before: Vec<usize> = (0..KINDS.len()).map(|kind| count(kind, expected(kind))).collect();
        until(what, || (0..KINDS.len()).all(|kind| count(kind, expected(kind)) >= before[kind] + 5)).await;
    };
    phase("the beginning", Manner::Works).await;
    for round in 0..2 {
        phase(&format!("refusal {round}"), Manner::Refuses).await;
        phase(&format!("return {round}"), Manner::Works).await;
        phase(&format!("standstill {round}"), Manner::Hangs).await;
        phase(&format!("second return {round}"), Manner::Works).await;
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(done) = load.join_next().await {
        done.unwrap();
    }
    for ((kind, outcome), n) in outcomes.lock().unwrap().iter() {
        let (what, _, _, expected) = KINDS[*kind];
        assert!(
            [expected, "resolution_unavailable"].contains(outcome),
            "{what}: `{outcome}`, {n} times, where only `{expected}` is true"
        );
    }
}

/// The result of a future that does not wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn a_look_up_ends_by_its_time_out_and_an_open_breaker_waits_for_nothing() {
    let (world, store) = Stoppable::world(Resolution::default()).await;
    let identity = Arc::new(world.compile(vec![hmac_issuer("corp")]));
    store.set(Manner::Hangs);
    let began = Instant::now();
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..5 {
        let (identity, token) = (identity.clone(), token(&world, "corp", &format!("s{n}")));
        asked.spawn(async move { code(&identity, &token).await });
    }
    assert_eq!(asked.join_all().await, ["resolution_unavailable"; 5]);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(60), "{took:?}");
    // As many failures as open the breaker: from here on the answer is there before anything could be waited for.
    let before = store.asked();
    for n in 0..1_000 {
        let caller = authenticate(&identity, &token(&world, "corp", &format!("t{n}"))).await.unwrap();
        let fault = at_once(identity.resolve(&caller, Effects::Live, &mut ())).unwrap_err();
        assert_eq!((fault.code(), fault.code().status()), (codes::RESOLUTION_UNAVAILABLE, 503));
        assert!(fault.retry_delay().is_some());
    }
    assert_eq!(store.asked(), before);
}

#[tokio::test]
async fn all_who_may_not_call_are_remembered_for_the_same_time() {
    let (world, store) = Stoppable::world(Resolution::default()).await;
    everybody(&world).await;
    let identity = world.compile(vec![hmac_issuer("corp"), folding()]);
    for (what, issuer, sub, expected) in KINDS {
        let token = token(&world, issuer, sub);
        assert_eq!(code(&identity, &token).await, expected, "{what}");
        let Caller::Token(caller) = authenticate(&identity, &token).await.unwrap() else { panic!("a token") };
        let believed = || identity.remembered(&Examined::from(&caller)).unwrap().believed;
        // By default: 30 s for who may call, 2 s for everybody else, whatever the reason.
        let ttl = if expected == "accepted" { 30_000 } else { 2_000 };
        world.clock.advance(Duration::from_millis(ttl - 1));
        assert!(believed(), "{what}: {ttl} ms");
        let asked = store.asked();
        assert_eq!(code(&identity, &token).await, expected);
        assert_eq!(store.asked(), asked, "{what}: from memory");
        world.clock.advance(Duration::from_millis(1));
        assert!(!believed(), "{what}: {ttl} ms");
        assert_eq!(code(&identity, &token).await, expected);
        assert!(store.asked() > asked, "{what}: asked again");
    }
}

#[tokio::test]
async fn a_stream_outlives_a_short_outage_and_no_long_one() {
    let (world, source) = Stoppable::world(Resolution::default()).await;
    world.user("ada", &[("corp", "ada")]).await;
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let token = sign(&hmac_key(), &claims("https://corp.example.com", world.now(), json!({})));
    let caller = authenticate(&identity, &token).await.unwrap();
    let principal = Arc::new(identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap());
    let mut standing = identity.watch(principal, Some(&caller), None);
    standing.check().await.unwrap();
    // Looks at once, and then waits.
    let goes_on = async |standing: &mut Standing| {
        tokio::time::timeout(Duration::from_millis(100), standing.lost()).await.is_err()
    };
    let seconds = |seconds| world.clock.advance(Duration::from_secs(seconds));
    let cut_off = async || {
        source.set(Manner::Refuses);
        world.runtime.hear(Signal::Lost).await;
    };
    cut_off().await;
    assert!(goes_on(&mut standing).await);
    seconds(119);
    assert!(goes_on(&mut standing).await, "a database that starts again cuts nobody off");
    // It is back, and what was is forgotten.
    source.set(Manner::Works);
    world.runtime.hear(Signal::Restored).await;
    seconds(60);
    standing.check().await.unwrap();
    assert!(goes_on(&mut standing).await);
    cut_off().await;
    assert!(goes_on(&mut standing).await);
    seconds(119);
    assert!(goes_on(&mut standing).await);
    seconds(2);
    let ends = async |standing: &mut Standing| {
        let fault = tokio::time::timeout(Duration::from_secs(60), standing.lost()).await.expect("it ends");
        assert_eq!(fault.code(), codes::RESOLUTION_UNAVAILABLE);
    };
    ends(&mut standing).await;

    // The news stop while the directory still answers, and it goes away without a word: it is asked again all the same.
    source.set(Manner::Works);
    world.runtime.hear(Signal::Restored).await;
    seconds(60);
    standing.check().await.unwrap();
    world.runtime.hear(Signal::Lost).await;
    assert!(goes_on(&mut standing).await);
    source.set(Manner::Refuses);
    seconds(10);
    assert!(goes_on(&mut standing).await);
    seconds(121);
    ends(&mut standing).await;
}
