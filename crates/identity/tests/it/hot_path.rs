//! What a call with a known token costs: no allocation from the verified token to the principal.

use crate::fixture::*;
use portcullis_identity::{Effects, Identity};
use serde_json::json;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The result of a future that does not wait.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn a_hit_waits_for_nothing_and_allocates_nothing() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let identity: Identity = world.compile(vec![hmac_issuer("corp")]);
    let mut falls_back = hmac_issuer("other");
    falls_back.subject.fallback = vec!["oid".into()];
    world.user("bob", &[("other", "o-bob")]).await;
    let falling: Identity = world.compile(vec![falls_back]);
    let token =
        sign(&hmac_key(), &claims("https://other.example.com", world.now(), json!({ "oid": "o-bob" })));
    let caller = authenticate(&falling, &token).await.unwrap();
    let found = falling.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    assert_eq!(found.user.unwrap().username.as_deref(), Some("bob"));
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(now(falling.resolve(&caller, Effects::Live, &mut ())).is_ok());
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "also by a claim that is fallen back to");
    let token =
        sign(&hmac_key(), &claims("https://corp.example.com", world.now(), json!({ "scope": "a b" })));
    let caller = authenticate(&identity, &token).await.unwrap();
    identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(now(identity.resolve(&caller, Effects::Live, &mut ())).is_ok());
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    // The token itself, known: looked at in place.
    let request = bearer(&token);
    let places = portcullis_identity::Places::default();
    let connection = connection();
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(
                now(identity.authenticate(&request, &places, &connection, Effects::Live, &mut ())).is_ok()
            );
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
