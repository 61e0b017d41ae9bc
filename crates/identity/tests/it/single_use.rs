//! Tokens that are for one call: one is let in by each, whatever comes at once, on whatever node, and whoever looks.

use crate::fixture::*;
use portcullis_config::Resolution;
use portcullis_fault::Fault;
use portcullis_identity::secrets::Pepper;
use portcullis_identity::sources::DatabaseSource;
use portcullis_identity::{Caller, Effects, Identity, Runtime, RuntimeParts};
use portcullis_model::{ByteSize, Issuer, RequestId, Span};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::entity::used_tokens;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

const CORP: &str = "https://corp.example.com";

fn single_use(called: &str) -> Issuer {
    Issuer { single_use: true, ..hmac_issuer(called) }
}

fn request(world: &World) -> RequestId {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    use portcullis_model::Clock;
    RequestId::new(world.clock.now(), [COUNT.fetch_add(1, Ordering::Relaxed); 10])
}

fn token(world: &World, changes: Value) -> String {
    sign(&hmac_key(), &claims(CORP, world.now(), changes))
}

/// A call up to the permit.
async fn call(world: &World, identity: &Identity, token: &str) -> Result<RequestId, Fault> {
    let caller = authenticate(identity, token).await?;
    let principal = identity.resolve(&caller, Effects::Live, &mut ()).await?;
    let request = request(world);
    identity.use_up(&caller, &principal, request).await.map(|()| request)
}

async fn outcome(world: &World, identity: &Identity, token: &str) -> &'static str {
    call(world, identity, token).await.map_or_else(|fault| fault.code().name(), |_| "accepted")
}

async fn used(world: &World, jti: &str) -> Option<used_tokens::UsedToken> {
    let jti = portcullis_jose::sha256(jti.as_bytes());
    used_tokens::find(&world.store, &name("corp"), &jti).await.unwrap()
}

#[tokio::test]
async fn a_token_lets_one_call_in() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada"), ("often", "ada")]).await;
    let identity = world.compile(vec![single_use("corp"), hmac_issuer("often")]);
    let one = token(&world, json!({}));
    // Whoever explains it does not use it, however often; nor does a call that is refused later.
    for effects in [Effects::Dry, Effects::Live, Effects::Dry] {
        let caller = authenticate_with(&identity, &one, effects, &mut ()).await.unwrap();
        identity.resolve(&caller, effects, &mut ()).await.unwrap();
    }
    let first = call(&world, &identity, &one).await.unwrap();
    let kept = used(&world, "j1").await.unwrap();
    assert_eq!((kept.request, kept.tenant), (first, world.acme.id));
    assert!(kept.expires_at.seconds() >= world.now() + 300 + 30, "as long as it is believed");
    // From memory, and with its signature checked anew.
    assert_eq!(outcome(&world, &identity, &one).await, "token_replayed");
    let anew = world.compile(vec![single_use("corp")]);
    assert_eq!(outcome(&world, &anew, &one).await, "token_replayed");
    let told = authenticate_with(&identity, &one, Effects::Dry, &mut ()).await.unwrap_err();
    assert_eq!(told.code().name(), "token_replayed");
    assert!(told.public_detail().contains("get a new one"), "{told:?}");
    // Other claims do not make another token of it: its `jti` does.
    assert_eq!(
        outcome(&world, &identity, &token(&world, json!({ "exp": world.now() + 200 }))).await,
        "token_replayed"
    );
    assert_eq!(outcome(&world, &identity, &token(&world, json!({ "jti": "J1" }))).await, "accepted");
    assert_eq!(outcome(&world, &identity, &token(&world, json!({ "jti": "j1 " }))).await, "accepted");
    // At another issuer it is another, and may be used as often as anybody likes where nobody says otherwise.
    let often = sign(&hmac_key(), &claims("https://often.example.com", world.now(), json!({})));
    for _ in 0..3 {
        assert_eq!(outcome(&world, &identity, &often).await, "accepted");
    }
    let none =
        used_tokens::find(&world.store, &name("often"), &portcullis_jose::sha256(b"j1")).await.unwrap();
    assert_eq!(none, None, "nothing is written of it");
}

#[tokio::test]
async fn what_is_refused_uses_nothing() {
    let world = World::new().await;
    let identity = world.compile(vec![single_use("corp")]);
    let early = token(&world, json!({}));
    assert_eq!(outcome(&world, &identity, &early).await, "user_unknown");
    assert_eq!(used(&world, "j1").await, None);
    world.user("ada", &[("corp", "ada")]).await;
    assert_eq!(outcome(&world, &identity, &early).await, "accepted");
    // And a used one says nothing about who is here to whoever replays it.
    let nobody = token(&world, json!({ "sub": "nobody" }));
    assert_eq!(outcome(&world, &identity, &nobody).await, "token_replayed");
    // Every other check comes first.
    for (changes, code) in [
        (json!({ "exp": world.now() - 100 }), "token_expired"),
        (json!({ "aud": "x" }), "audience_mismatch"),
        (json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }), "token_bound"),
    ] {
        assert_eq!(outcome(&world, &identity, &token(&world, changes)).await, code);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_told_from_others_is_refused() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let identity = world.compile(vec![single_use("corp")]);
    for (jti, code) in [
        (json!(null), "claim_missing"),
        (json!(""), "claim_invalid"),
        (json!(7), "claim_invalid"),
        (json!(["j"]), "claim_invalid"),
        // A text is a text, however long, and with what no database stores as one.
        (json!("a\u{0}b"), "accepted"),
        (json!("a\u{0}b"), "token_replayed"),
        (json!("a\u{0}c"), "accepted"),
        (json!("x".repeat(5_000)), "accepted"),
        (json!("x".repeat(5_000)), "token_replayed"),
        (json!("x".repeat(5_001)), "accepted"),
    ] {
        let one = token(&world, json!({ "jti": jti }));
        assert_eq!(outcome(&world, &identity, &one).await, code, "{:.40}", jti.to_string());
    }
    let endless = token(&world, json!({ "exp": null }));
    assert_eq!(outcome(&world, &identity, &endless).await, "claim_missing");
    // As good as for ever, and still once.
    let long = token(&world, json!({ "jti": "long", "exp": 253_402_300_799_i64 }));
    let outcomes = [outcome(&world, &identity, &long).await, outcome(&world, &identity, &long).await];
    assert_eq!(outcomes, ["accepted", "token_replayed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_calls_at_once_on_two_nodes_one_is_let_in() {
    let resolution = Resolution { timeout: Span::seconds(60), ..Resolution::default() };
    let world = World::with(resolution.clone(), None).await;
    world.user("ada", &[("corp", "ada")]).await;
    let other = Runtime::new(RuntimeParts {
        store: world.store.clone(),
        source: Arc::new(DatabaseSource::new(world.directory.clone())),
        egress: Egress::new(Arc::new(portcullis_model::SystemClock), ProxyEnvironment::default()),
        clock: world.clock.clone(),
        pepper: Pepper::new(&[7; 32]),
        resolution,
        token_cache: ByteSize(1 << 20),
        local: None,
    });
    let specification = world.specification(vec![single_use("corp")]);
    let identities = [
        world.compile_all(&specification).unwrap(),
        Identity::compile(&specification, &other, &OneSecret(SECRET.to_vec())).unwrap(),
    ];
    let one = token(&world, json!({}));
    let mut callers: Vec<Caller> = Vec::new();
    for n in 0..50 {
        callers.push(authenticate(&identities[n % 2], &one).await.unwrap());
    }
    // All of them were told that it was not used, and go on from there.
    let principal = identities[0].resolve(&callers[0], Effects::Live, &mut ()).await.unwrap();
    let uses = callers.iter().enumerate().map(|(n, caller)| {
        let (identity, request) = (&identities[n % 2], request(&world));
        let principal = &principal;
        async move { identity.use_up(caller, principal, request).await.map(|()| request) }
    });
    let outcomes = futures_util::future::join_all(uses).await;
    let let_in: Vec<RequestId> =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().copied()).collect();
    assert_eq!(let_in.len(), 1);
    let refused = |outcome: &Result<_, Fault>| {
        outcome.as_ref().is_err_and(|fault| fault.code().name() == "token_replayed")
    };
    assert_eq!(outcomes.iter().filter(|outcome| refused(outcome)).count(), 49);
    assert_eq!(used(&world, "j1").await.unwrap().request, let_in[0]);
}

#[tokio::test]
async fn nobody_is_let_in_while_the_database_cannot_say() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada"), ("often", "ada")]).await;
    let identity = world.compile(vec![single_use("corp"), hmac_issuer("often")]);
    let one = token(&world, json!({}));
    let caller = authenticate(&identity, &one).await.unwrap();
    let principal = identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    let often = sign(&hmac_key(), &claims("https://often.example.com", world.now(), json!({})));
    assert_eq!(outcome(&world, &identity, &often).await, "accepted");
    world.store.close().await;
    let unused = token(&world, json!({ "jti": "j2" }));
    // More than it takes until the database is left alone: the answer stays the same, and says when to come again.
    for _ in 0..20 {
        let request = request(&world);
        for fault in [
            identity.use_up(&caller, &principal, request).await.unwrap_err(),
            authenticate(&identity, &unused).await.unwrap_err(),
            authenticate_with(&identity, &unused, Effects::Dry, &mut ()).await.unwrap_err(),
        ] {
            assert_eq!((fault.code().name(), fault.code().status()), ("resolution_unavailable", 503));
        }
    }
    // Whose tokens are not for one call is not concerned: who that is, is remembered.
    assert_eq!(outcome(&world, &identity, &often).await, "accepted");
}

#[tokio::test]
async fn who_went_away_before_being_let_in_has_used_nothing() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let identity = world.compile(vec![single_use("corp")]);
    let one = token(&world, json!({}));
    let caller = authenticate(&identity, &one).await.unwrap();
    let principal = identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    // The use is being written when the caller hangs up.
    let mut hung_up = Box::pin(identity.use_up(&caller, &principal, request(&world)));
    assert!(hung_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(hung_up);
    let came_in = async {
        while outcome(&world, &identity, &one).await != "accepted" {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), came_in).await.is_ok(), "it stays used by nobody");
    assert_eq!(outcome(&world, &identity, &one).await, "token_replayed");
}

#[tokio::test]
async fn no_more_ask_at_once_than_may_wait() {
    let world = World::with(Resolution { queue: 1, ..Resolution::default() }, None).await;
    world.user("ada", &[("corp", "ada")]).await;
    let identity = world.compile(vec![single_use("corp")]);
    let callers = [
        authenticate(&identity, &token(&world, json!({}))).await.unwrap(),
        authenticate(&identity, &token(&world, json!({ "jti": "j2" }))).await.unwrap(),
    ];
    let principal = identity.resolve(&callers[0], Effects::Live, &mut ()).await.unwrap();
    let mut first = Box::pin(identity.use_up(&callers[0], &principal, request(&world)));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let second = identity.use_up(&callers[1], &principal, request(&world)).await.unwrap_err();
    assert_eq!(second.code().name(), "resolution_overloaded");
    first.await.unwrap();
    assert_eq!(used(&world, "j2").await, None);
}
