//! What lies around a caller: its tenant, and whether this node hears of changes.

use crate::fixture::{World, actor, claims, hmac_issuer, hmac_key, sign};
use crate::practice::{Practice, codes};
use portcullis_doctor::report::Likelihood;
use portcullis_model::{Specification, Tenant};
use portcullis_store::Signal;
use serde_json::json;
use std::sync::Arc;

fn token(world: &World) -> String {
    sign(&hmac_key(), &claims("https://corp.example.com", world.now(), json!({})))
}

#[tokio::test]
async fn a_tenant_that_is_disabled_is_told() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    world.directory.set_tenant_disabled(&actor(), world.acme.id, true).await.unwrap();
    world.hear().await;
    let acme = Arc::new(Tenant { disabled: true, ..(*world.acme).clone() });
    let issuers = vec![hmac_issuer("corp")];
    let specification = Specification { tenants: vec![acme], ..world.specification(issuers.clone()) };
    let identity = Arc::new(world.compile_all(&specification).unwrap());
    let practice = Practice::with(world, identity, issuers);
    let told = practice.asked(&token(&practice.world)).await;
    assert_eq!(codes(&told)[0], "tenant_disabled", "{told:#?}");
    assert_eq!(told.findings[0].command.as_deref(), Some("portcullis tenant enable acme"));
    assert!(told.verdict.contains("tenant `acme` is disabled"), "{}", told.verdict);
}

#[tokio::test]
async fn a_node_that_does_not_hear_of_changes_says_so() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let practice = Practice::of(world, vec![hmac_issuer("corp")]);
    let world = &practice.world;
    assert_eq!(codes(&practice.asked(&token(world)).await), [""; 0]);
    world.runtime.hear(Signal::Lost).await;
    let told = practice.asked(&token(world)).await;
    assert!(told.accepted, "{told:#?}");
    assert_eq!(codes(&told), ["event_stream_lost"], "{told:#?}");
    assert_eq!(told.findings[0].likelihood, Likelihood::Aside);
    world.runtime.hear(Signal::Restored).await;
    assert_eq!(codes(&practice.asked(&token(world)).await), [""; 0]);
}
