//! The policy for key sets, against a real server and a clock that is set by hand.

use crate::fixture::*;
use portcullis_identity::{Effects, Identity};
use portcullis_jose::{Alg, SigningKey};
use portcullis_model::{Issuer, Span};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const ISS: &str = "https://corp.example.com";
const PATH: &str = "/jwks";

struct Remote {
    world: World,
    server: Server,
    identity: Arc<Identity>,
}

impl Remote {
    async fn new(headers: &str, keys: &[&SigningKey]) -> Self {
        let world = World::new().await;
        world.user("ada", &[("corp", "ada")]).await;
        let server = Server::start().await;
        server.answer(PATH, 200, headers, key_set(keys));
        let identity = Arc::new(world.compile(vec![Self::issuer(&server)]));
        Self { world, server, identity }
    }

    fn issuer(server: &Server) -> Issuer {
        Issuer { jwks_url: Some(server.url(PATH).parse().unwrap()), ..issuer("corp", ISS) }
    }

    fn token(&self, key: &SigningKey, jti: &str) -> String {
        sign(key, &claims(ISS, self.world.now(), json!({ "jti": jti })))
    }

    async fn code(&self, key: &SigningKey, jti: &str) -> &'static str {
        code(&self.identity, &self.token(key, jti)).await
    }

    fn publish(&self, keys: &[&SigningKey]) {
        self.server.answer(PATH, 200, "", key_set(keys));
    }

    fn advance(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }

    fn hits(&self) -> usize {
        self.server.hits(PATH)
    }

    fn facts(&self) -> portcullis_identity::jwks::KeySetFacts {
        let mut all = self.world.runtime.key_sets();
        all.retain(|facts| facts.issuer.as_str() == "corp");
        all.remove(0)
    }
}

#[tokio::test]
async fn nothing_is_fetched_before_somebody_comes_and_then_once() {
    let key = key(Alg::ES256, "one");
    let remote = Remote::new("", &[&key]).await;
    assert_eq!(remote.hits(), 0);
    for jti in ["a", "b", "c"] {
        assert_eq!(remote.code(&key, jti).await, "accepted");
    }
    assert_eq!(remote.hits(), 1);
}

#[tokio::test]
async fn a_rotation_refuses_no_good_token_and_removes_the_old_key() {
    let (old, new) = (key(Alg::ES256, "old"), key(Alg::ES256, "new"));
    let remote = Remote::new("", &[&old]).await;
    assert_eq!(remote.code(&old, "a").await, "accepted");
    remote.publish(&[&new]);
    // The token of the new key makes the set be fetched again, at once.
    assert_eq!(remote.code(&new, "b").await, "accepted");
    assert_eq!(remote.hits(), 2);
    // The old one is gone, also for tokens that were remembered, and nothing is fetched for it within ten seconds.
    assert_eq!(remote.code(&old, "a").await, "key_unknown");
    assert_eq!(remote.code(&old, "c").await, "key_unknown");
    assert_eq!(remote.hits(), 2);
    let facts = remote.facts();
    assert_eq!(facts.history.len(), 1);
    assert_eq!(facts.history[0].keys.iter().next().unwrap().kid(), Some("old"));
}

#[tokio::test]
async fn a_removed_key_is_refused_within_the_sets_life() {
    let (kept, removed) = (key(Alg::ES256, "kept"), key(Alg::ES256, "removed"));
    let remote = Remote::new("cache-control: max-age=100\r\n", &[&kept, &removed]).await;
    assert_eq!(remote.code(&removed, "a").await, "accepted");
    remote.publish(&[&kept]);
    assert_eq!(remote.code(&removed, "b").await, "accepted", "nobody has said otherwise yet");
    // Ahead of its end, the set is fetched again by itself.
    remote.advance(60);
    remote.world.runtime.tick().await;
    assert_eq!(remote.hits(), 1, "60 of 100 seconds");
    remote.advance(16);
    remote.world.runtime.tick().await;
    until("the refresh", || remote.facts().keys.unwrap().len() == 1).await;
    assert_eq!(remote.hits(), 2);
    assert_ne!(remote.code(&removed, "b").await, "accepted");
}

#[tokio::test]
async fn a_storm_of_unknown_kids_fetches_once_and_hides_no_real_rotation() {
    let (old, new) = (key(Alg::ES256, "old"), key(Alg::ES256, "new"));
    let remote = Arc::new(Remote::new("", &[&old]).await);
    assert_eq!(remote.code(&old, "a").await, "accepted");
    let stranger = key(Alg::ES256, "x");
    let forged = |n: usize| {
        let header = json!({ "alg": "ES256", "kid": format!("storm-{n}") }).to_string();
        signed_raw(&stranger, &header, &claims(ISS, remote.world.now(), json!({})).to_string())
    };
    let gate = remote.server.gate();
    let mut storm = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (identity, token) = (remote.identity.clone(), forged(n));
        storm.spawn(async move { code(&identity, &token).await });
    }
    until("the fetch", || remote.hits() == 2).await;
    remote.publish(&[&old, &new]);
    gate.add_permits(1_000);
    while let Some(refusal) = storm.join_next().await {
        // 401 only for those whose token came before the fetch that lacked its key began.
        assert!(matches!(refusal.unwrap(), "key_unknown" | "keys_unavailable"));
    }
    assert_eq!(remote.hits(), 2, "one fetch for two hundred");
    // A good token whose key the attackers' fetch did not bring is asked to come again, never refused for good.
    let latest = key(Alg::ES256, "latest");
    remote.publish(&[&old, &new, &latest]);
    let fault = recognise(&remote.identity, &remote.token(&latest, "b")).await.unwrap_err();
    assert_eq!((fault.code().name(), fault.code().status()), ("keys_unavailable", 503));
    let wait = fault.retry_delay().unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(10), "{wait:?}");
    remote.advance(wait.as_secs() + 1);
    assert_eq!(remote.code(&latest, "b").await, "accepted");
    assert_eq!(remote.hits(), 3);
}

#[tokio::test]
async fn a_kid_that_is_absent_is_refused_only_after_a_fetch_that_began_after_the_token_came() {
    let (known, unknown) = (key(Alg::ES256, "known"), key(Alg::ES256, "unknown"));
    let remote = Remote::new("", &[&known]).await;
    assert_eq!(remote.code(&known, "a").await, "accepted");
    assert_eq!(remote.code(&unknown, "b").await, "key_unknown");
    assert_eq!(remote.hits(), 2);
    // The same token again: it came before that fetch. Another one did not.
    assert_eq!(remote.code(&unknown, "b").await, "key_unknown");
    assert_eq!(remote.code(&unknown, "c").await, "keys_unavailable");
    assert_eq!(remote.hits(), 2);
    remote.advance(10);
    assert_eq!(remote.code(&unknown, "c").await, "key_unknown");
    assert_eq!(remote.hits(), 3);
    // Published in the end.
    remote.publish(&[&known, &unknown]);
    remote.advance(61);
    assert_eq!(remote.code(&unknown, "c").await, "accepted");
}

#[tokio::test]
async fn a_key_replaced_under_its_own_id_is_found_and_bad_signatures_cost_one_fetch_in_ten_seconds() {
    let (old, new) = (key(Alg::ES256, "same"), key(Alg::ES256, "same"));
    let remote = Remote::new("", &[&old]).await;
    assert_eq!(remote.code(&old, "a").await, "accepted");
    remote.publish(&[&new]);
    assert_eq!(remote.code(&new, "b").await, "accepted");
    assert_eq!(remote.hits(), 2);
    for jti in ["c", "d", "e"] {
        assert_eq!(remote.code(&old, jti).await, "signature_invalid");
    }
    assert_eq!(remote.hits(), 2);
    // An unknown `kid` has a ration of its own.
    assert_eq!(remote.code(&key(Alg::ES256, "other"), "f").await, "key_unknown");
    assert_eq!(remote.hits(), 3);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_believed_for_a_bounded_time() {
    let key = key(Alg::ES256, "one");
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let server = Server::start().await;
    server.answer(PATH, 500, "", "down");
    let issuer = Issuer { stale: Span::seconds(600), ..Remote::issuer(&server) };
    let identity = Arc::new(world.compile(vec![issuer]));
    let remote = Remote { world, server, identity };
    // Down from the start: an outage is a 503 and names no user.
    let fault = recognise(&remote.identity, &remote.token(&key, "a")).await.unwrap_err();
    assert_eq!((fault.code().name(), fault.retry_delay().is_some()), ("keys_unavailable", true));
    assert!(fault.private_context().unwrap().contains("500"));
    remote.server.answer(PATH, 200, "cache-control: max-age=60\r\n", key_set(&[&key]));
    remote.advance(2);
    assert_eq!(remote.code(&key, "a").await, "accepted");
    for (status, body) in [
        (500, String::new()),
        (200, "<html>maintenance</html>".into()),
        (200, json!({ "keys": [] }).to_string()),
        (200, "x".repeat(300_000)),
    ] {
        remote.server.answer(PATH, status, "", body);
        let before = remote.hits();
        remote.advance(90);
        remote.world.runtime.tick().await;
        until("an attempt", || remote.facts().last_error.is_some() && remote.hits() > before).await;
        assert_eq!(remote.code(&key, "b").await, "accepted", "a bad answer replaces no good set");
    }
    remote.advance(400);
    assert_eq!(remote.code(&key, "b").await, "keys_unavailable", "past life and grace");
    remote.publish(&[&key]);
    remote.advance(31);
    assert_eq!(remote.code(&key, "b").await, "accepted");
}

#[tokio::test]
async fn private_keys_in_a_published_set_replace_nothing() {
    let (good, leaked) = (key(Alg::ES256, "good"), key(Alg::ES256, "leaked"));
    let remote = Remote::new("cache-control: max-age=60\r\n", &[&good]).await;
    assert_eq!(remote.code(&good, "a").await, "accepted");
    let body = format!(
        r#"{{"keys":[{},{}]}}"#,
        public(&good).to_public_json().unwrap(),
        *leaked.jwk().to_private_json()
    );
    remote.server.answer(PATH, 200, "", body);
    remote.advance(45);
    remote.world.runtime.tick().await;
    until("the refusal", || remote.facts().last_error.is_some_and(|error| error.contains("private"))).await;
    assert_eq!(remote.facts().keys.unwrap().len(), 1);
    assert_eq!(remote.code(&leaked, "b").await, "keys_unavailable");
    assert_eq!(remote.code(&good, "c").await, "accepted");
}

#[tokio::test]
async fn an_explanation_spends_no_fetch_and_fills_nothing() {
    let (known, unknown) = (key(Alg::ES256, "known"), key(Alg::ES256, "unknown"));
    let remote = Remote::new("", &[&known]).await;
    let dry = async |key: &SigningKey| {
        let token = remote.token(key, "a");
        authenticate_with(&remote.identity, &token, Effects::Dry, &mut ())
            .await
            .map(|_| ())
            .map_err(|fault| fault.code().name())
    };
    assert_eq!(dry(&known).await, Err("keys_unavailable"));
    assert_eq!(remote.hits(), 0);
    assert_eq!(remote.code(&known, "x").await, "accepted");
    assert_eq!(dry(&known).await, Ok(()));
    assert_eq!(dry(&unknown).await, Err("key_unknown"));
    assert_eq!(remote.hits(), 1);
    assert_eq!(remote.code(&unknown, "b").await, "key_unknown", "the ration was not spent");
    assert_eq!(remote.hits(), 2);
}

#[tokio::test]
async fn without_a_kid_at_most_four_keys_are_tried() {
    let keys: Vec<_> = (0..6).map(|n| key(Alg::ES256, &format!("k{n}"))).collect();
    let rsa = key(Alg::RS256, "rsa");
    let all: Vec<_> = std::iter::once(&rsa).chain(&keys).collect();
    let remote = Remote::new("", &all).await;
    for (n, key) in keys.iter().enumerate() {
        let token =
            signed_raw(key, r#"{"alg":"ES256"}"#, &claims(ISS, remote.world.now(), json!({})).to_string());
        let expected = if n < 4 { "accepted" } else { "signature_invalid" };
        assert_eq!(code(&remote.identity, &token).await, expected, "key {n}");
    }
}

#[tokio::test]
async fn keys_survive_a_new_configuration_with_the_same_source() {
    let key = key(Alg::ES256, "one");
    let remote = Remote::new("", &[&key]).await;
    assert_eq!(remote.code(&key, "a").await, "accepted");
    let mut changed = Remote::issuer(&remote.server);
    changed.audiences.push("api://more".into());
    let identity = remote.world.compile(vec![changed.clone()]);
    assert_eq!(code(&identity, &remote.token(&key, "b")).await, "accepted");
    assert_eq!(remote.hits(), 1);
    // A remembered token meets the rules in force, not those it was verified under.
    changed.audiences = vec!["api://other".into()];
    let identity = remote.world.compile(vec![changed]);
    assert_eq!(code(&identity, &remote.token(&key, "a")).await, "audience_mismatch");
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read_again_when_it_changes() {
    let (old, new) = (key(Alg::ES256, "old"), key(Alg::ES256, "newer"));
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, key_set(&[&old])).unwrap();
    let identity = world.compile(vec![Issuer { jwks_file: Some(path.clone()), ..issuer("corp", ISS) }]);
    let token = |key, jti: &str| sign(key, &claims(ISS, world.now(), json!({ "jti": jti })));
    assert_eq!(code(&identity, &token(&old, "a")).await, "accepted");
    assert_eq!(code(&identity, &token(&new, "b")).await, "key_unknown");
    std::fs::write(&path, "half a fi").unwrap();
    assert_ne!(code(&identity, &token(&new, "c")).await, "accepted");
    assert_eq!(code(&identity, &token(&old, "a")).await, "accepted");
    world.clock.advance(Duration::from_secs(2));
    std::fs::write(&path, key_set(&[&new])).unwrap();
    assert_eq!(code(&identity, &token(&new, "d")).await, "accepted");
    assert_eq!(code(&identity, &token(&old, "e")).await, "key_unknown");
}
