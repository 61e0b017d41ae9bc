//! Streams that outlive the decision that let them in.

use crate::fixture::*;
use portcullis_identity::directory::NewApiKey;
use portcullis_store::entity::revocations::Revoked;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const ISS: &str = "https://corp.example.com";

#[tokio::test]
async fn a_stream_ends_when_its_user_is_suspended_and_only_then() {
    let world = World::new().await;
    let (ada, bob) =
        (world.user("ada", &[("corp", "ada")]).await, world.user("bob", &[("corp", "bob")]).await);
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let token = sign(&hmac_key(), &claims(ISS, world.now(), json!({})));
    let caller = authenticate(&identity, &token).await.unwrap();
    let principal =
        Arc::new(identity.resolve(&caller, portcullis_identity::Effects::Live, &mut ()).await.unwrap());
    let mut standing = identity.watch(principal.clone(), Some(&caller), None);
    let watching = tokio::time::timeout(Duration::from_millis(1), standing.lost()).await;
    assert!(watching.is_err(), "stands");
    world.directory.suspend(&actor(), bob.id, None).await.unwrap();
    world.hear().await;
    standing.check().await.unwrap();
    identity.standing(&principal).await.unwrap();
    world.directory.suspend(&actor(), ada.id, Some("left".into())).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "user_suspended");
    assert_eq!(identity.standing(&principal).await.unwrap_err().code().name(), "user_suspended");
    // What happened between the decision and the first watch counts too.
    let mut late = identity.watch(principal, Some(&caller), None);
    assert_eq!(late.lost().await.code().name(), "user_suspended");
}

#[tokio::test]
async fn keys_applications_tenants_and_tokens_end_streams_too() {
    let world = World::new().await;
    let shop = world.application("shop", &[]).await;
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let new = NewApiKey {
        application: shop.id,
        name: "k".into(),
        user: None,
        limits: Default::default(),
        expires_at: None,
    };
    let (key, secret) = world.directory.create_api_key(&actor(), new).await.unwrap();
    let watch = async |credential: &str| {
        let caller = authenticate(&identity, credential).await.unwrap();
        let principal = identity.resolve(&caller, portcullis_identity::Effects::Live, &mut ()).await.unwrap();
        identity.watch(Arc::new(principal), Some(&caller), None)
    };
    let mut standing = watch(secret.expose()).await;
    standing.check().await.unwrap();
    world.directory.set_application_disabled(&actor(), shop.id, true).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "application_disabled");
    world.directory.set_application_disabled(&actor(), shop.id, false).await.unwrap();
    world.hear().await;
    let mut standing = watch(secret.expose()).await;
    world.directory.revoke_api_key(&actor(), key.id).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "api_key_revoked");
    let ada = world.user("ada", &[("corp", "ada")]).await;
    let token = sign(&hmac_key(), &claims(ISS, world.now(), json!({})));
    let mut standing = watch(&token).await;
    standing.check().await.unwrap();
    let what = Revoked::Token { issuer: name("corp"), jti: "j1".into() };
    world.directory.revoke(&actor(), None, what, None, None).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "token_revoked");
    let second = sign(&hmac_key(), &claims(ISS, world.now(), json!({ "jti": "second" })));
    let mut standing = watch(&second).await;
    let issued_before = portcullis_model::Timestamp::from_seconds(world.now() + 1);
    let what = Revoked::User { user: ada.id, issued_before };
    let entry = world.directory.revoke(&actor(), None, what, None, None).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "token_revoked");
    world.directory.lift_revocation(&actor(), entry.id).await.unwrap();
    world.hear().await;
    let other = sign(&hmac_key(), &claims(ISS, world.now(), json!({ "jti": "other" })));
    let mut standing = watch(&other).await;
    world.directory.set_tenant_disabled(&actor(), world.acme.id, true).await.unwrap();
    world.hear().await;
    assert_eq!(standing.lost().await.code().name(), "tenant_disabled");
}
