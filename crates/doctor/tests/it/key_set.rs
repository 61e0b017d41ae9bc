//! A key set that may not be kept: the cause of what others outlive, a part of it, or only worth knowing.

use crate::fixture::{Server, World, claims, issuer, key, key_set, public, signed_raw, until};
use crate::practice::{Practice, codes};
use portcullis_doctor::report::Likelihood;
use portcullis_jose::{Alg, SigningKey};
use portcullis_model::{Issuer, Span};
use serde_json::json;
use std::time::Duration;

fn remote(server: &Server, called: &str) -> Issuer {
    Issuer {
        jwks_url: Some(server.url(&format!("/{called}")).parse().unwrap()),
        stale: Span::seconds(0),
        ..issuer(called, &format!("https://{called}.example.com"))
    }
}

fn token(practice: &Practice, of: &str, key: &SigningKey) -> String {
    let claims = claims(&format!("https://{of}.example.com"), practice.world.now(), json!({}));
    let header = json!({ "alg": "ES256", "kid": public(key).kid() });
    signed_raw(key, &header.to_string(), &claims.to_string())
}

/// Has every set that is due fetched, until this holds of the set of `issuer`: whether there is one, and whether the last
/// attempt failed.
async fn fetched(practice: &Practice, issuer: &str, (there, failed): (bool, bool)) {
    practice.world.runtime.tick().await;
    until("a fetch", || {
        let sets = practice.world.runtime.key_sets();
        let set = sets.iter().find(|set| set.issuer.as_str() == issuer).unwrap();
        (set.keys.is_some(), set.last_error.is_some()) == (there, failed)
    })
    .await;
}

#[tokio::test]
async fn a_set_that_may_not_be_kept_is_why_a_short_outage_is_felt() {
    let server = Server::start().await;
    let key = key(Alg::ES256, "k-1");
    let world = World::new().await;
    world.user("ada", &[("fleeting", "ada"), ("kept", "ada")]).await;
    for (path, headers) in [("/fleeting", "cache-control: private, no-store\r\n"), ("/kept", "")] {
        server.answer(path, 200, headers, key_set(&[&key]));
    }
    let practice = Practice::of(world, vec![remote(&server, "fleeting"), remote(&server, "kept")]);
    for issuer in ["fleeting", "kept"] {
        fetched(&practice, issuer, (true, false)).await;
    }

    // All is well, and it is worth knowing.
    let told = practice.asked(&token(&practice, "fleeting", &key)).await;
    assert!(told.accepted, "{told:#?}");
    assert_eq!(codes(&told), ["jwks_uncacheable"], "{told:#?}");
    assert_eq!(told.findings[0].likelihood, Likelihood::Aside);
    assert_eq!(codes(&practice.asked(&token(&practice, "kept", &key)).await), [""; 0]);

    // Both servers are down for a minute: one is missed, and the other is not.
    for path in ["/fleeting", "/kept"] {
        server.answer(path, 500, "", "");
    }
    practice.world.clock.advance(Duration::from_secs(60));
    fetched(&practice, "fleeting", (true, true)).await;
    let told = practice.asked(&token(&practice, "fleeting", &key)).await;
    assert_eq!(told.code.as_deref(), Some("keys_unavailable"), "{told:#?}");
    assert_eq!(codes(&told)[..2], ["jwks_uncacheable", "jwks_unreachable"], "{told:#?}");
    let cause = &told.findings[0];
    assert_eq!(cause.likelihood, Likelihood::Certain, "{cause:#?}");
    assert!(cause.evidence[0].contains("`Cache-Control: private, no-store`"), "{cause:#?}");
    assert!(cause.evidence[1].contains("fresh for 30 s"), "{cause:#?}");
    assert!(practice.asked(&token(&practice, "kept", &key)).await.accepted);

    // Down for longer than anybody keeps a set: that is the cause, and the other at most a part of it.
    practice.world.clock.advance(Duration::from_secs(900));
    for issuer in ["fleeting", "kept"] {
        fetched(&practice, issuer, (true, true)).await;
    }
    let told = practice.asked(&token(&practice, "fleeting", &key)).await;
    assert_eq!(codes(&told)[..2], ["jwks_unreachable", "jwks_uncacheable"], "{told:#?}");
    assert_eq!(told.findings[1].likelihood, Likelihood::Likely, "{told:#?}");
    let told = practice.asked(&token(&practice, "kept", &key)).await;
    assert_eq!(codes(&told), ["jwks_unreachable"], "{told:#?}");
}

#[tokio::test]
async fn a_removed_key_is_refused_so_soon_because_the_set_may_not_be_kept() {
    let server = Server::start().await;
    let (old, new) = (key(Alg::ES256, "k-1"), key(Alg::ES256, "k-2"));
    let world = World::new().await;
    world.user("ada", &[("fleeting", "ada")]).await;
    let no_store = "cache-control: no-store\r\n";
    server.answer("/fleeting", 200, no_store, key_set(&[&old]));
    let practice = Practice::of(world, vec![remote(&server, "fleeting")]);
    fetched(&practice, "fleeting", (true, false)).await;
    server.answer("/fleeting", 200, no_store, key_set(&[&new]));
    practice.world.clock.advance(Duration::from_secs(31));
    practice.world.runtime.tick().await;
    until("the new set", || !practice.world.runtime.key_sets()[0].history.is_empty()).await;
    let told = practice.asked(&token(&practice, "fleeting", &old)).await;
    assert_eq!(told.code.as_deref(), Some("key_unknown"), "{told:#?}");
    assert_eq!(codes(&told)[..2], ["key_removed", "jwks_uncacheable"], "{told:#?}");
    assert_eq!(told.findings[1].likelihood, Likelihood::Likely, "{told:#?}");
    // A key that never was there is no matter of keeping.
    let other = key(Alg::ES256, "k-3");
    let told = practice.asked(&token(&practice, "fleeting", &other)).await;
    assert_eq!(codes(&told), ["kid_unknown", "jwks_uncacheable"], "{told:#?}");
    assert_eq!(told.findings[1].likelihood, Likelihood::Aside, "{told:#?}");
}
