//! The life of an API key.

use crate::fixture::*;
use portcullis_fault::Secret;
use portcullis_identity::directory::NewApiKey;
use portcullis_identity::{Caller, Effects};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::{ApiKey, ApplicationId, Timestamp, UserId};
use portcullis_store::entity::api_keys;
use std::time::Duration;

async fn key(
    world: &World,
    application: ApplicationId,
    user: Option<UserId>,
    expires_at: Option<Timestamp>,
) -> (ApiKey, Secret<String>) {
    let new =
        NewApiKey { application, name: "test".into(), user, limits: ApiKeyLimits::default(), expires_at };
    let made = world.directory.create_api_key(&actor(), new).await.unwrap();
    world.hear().await;
    made
}

#[tokio::test]
async fn made_used_and_noted() {
    let world = World::new().await;
    let shop = world.application("shop", &[]).await;
    let (key, secret) = key(&world, shop.id, None, None).await;
    let identity = world.compile(vec![]);
    let principal = recognise(&identity, secret.expose()).await.unwrap();
    assert_eq!((principal.kind(), &principal.issuer), ("application", &None));
    assert_eq!(
        (principal.application.unwrap().id, principal.api_key.unwrap().id, principal.user.is_none()),
        (shop.id, key.id, true)
    );
    assert!(!format!("{key:?}").contains(&secret.expose()[40..]), "the secret is nowhere");
    assert_eq!(api_keys::find(&world.store, key.id).await.unwrap().unwrap().last_used_at, None);
    world.runtime.write_key_uses().await;
    let noted = api_keys::find(&world.store, key.id).await.unwrap().unwrap().last_used_at;
    assert_eq!(noted, Some(Timestamp::from_seconds(START)));
    // An explanation is no use.
    world.clock.advance(Duration::from_secs(60));
    authenticate_with(&identity, secret.expose(), Effects::Dry, &mut ()).await.unwrap();
    world.runtime.write_key_uses().await;
    assert_eq!(api_keys::find(&world.store, key.id).await.unwrap().unwrap().last_used_at, noted);
}

#[tokio::test]
async fn wrong_unknown_expired_and_revoked_look_alike_and_are_told_apart() {
    let world = World::new().await;
    let shop = world.application("shop", &[]).await;
    let (mine, secret) = key(&world, shop.id, None, None).await;
    let (other, other_secret) = key(&world, shop.id, None, Some(Timestamp::from_seconds(START + 60))).await;
    let identity = world.compile(vec![]);
    let swapped = format!("pck_{}_{}", other.id.0.as_simple(), secret.expose().rsplit('_').next().unwrap());
    let unknown = format!(
        "pck_{}_{}",
        uuid::Uuid::from_u128(1).as_simple(),
        secret.expose().rsplit('_').next().unwrap()
    );
    let mut public = Vec::new();
    for (credential, expected) in [
        (swapped.as_str(), "api_key_unknown"),
        (unknown.as_str(), "api_key_unknown"),
        ("pck_1_2", "api_key_invalid"),
        ("pck_", "api_key_invalid"),
        (secret.expose(), "accepted"),
        (other_secret.expose(), "accepted"),
    ] {
        match recognise(&identity, credential).await {
            Ok(_) => assert_eq!(expected, "accepted"),
            Err(fault) => {
                assert_eq!(fault.code().name(), expected);
                if expected == "api_key_unknown" {
                    public.push((fault.code().public(), fault.public_detail().to_owned()));
                }
            }
        }
    }
    world.clock.advance(Duration::from_secs(60));
    let expired = recognise(&identity, other_secret.expose()).await.unwrap_err();
    assert_eq!(expired.code().name(), "api_key_expired");
    world.directory.revoke_api_key(&actor(), mine.id).await.unwrap();
    world.hear().await;
    let revoked = recognise(&identity, secret.expose()).await.unwrap_err();
    assert_eq!(revoked.code().name(), "api_key_revoked");
    for fault in [expired, revoked] {
        assert_eq!((fault.code().public(), fault.public_detail().to_owned()), public[0]);
    }
}

#[tokio::test]
async fn a_rotation_overlaps_and_then_ends() {
    let world = World::new().await;
    let shop = world.application("shop", &[]).await;
    let (old, old_secret) = key(&world, shop.id, None, None).await;
    let identity = world.compile(vec![]);
    assert_eq!(code(&identity, old_secret.expose()).await, "accepted");
    let (new, new_secret) =
        world.directory.rotate_api_key(&actor(), old.id, Duration::from_secs(300)).await.unwrap();
    world.hear().await;
    for secret in [&old_secret, &new_secret] {
        assert_eq!(code(&identity, secret.expose()).await, "accepted");
    }
    assert!(
        world.directory.rotate_api_key(&actor(), old.id, Duration::ZERO).await.is_err(),
        "it was replaced already"
    );
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(code(&identity, old_secret.expose()).await, "api_key_expired");
    assert_eq!(code(&identity, new_secret.expose()).await, "accepted");
    world.directory.revoke_api_key(&actor(), new.id).await.unwrap();
    assert!(world.directory.rotate_api_key(&actor(), new.id, Duration::ZERO).await.is_err());
}

#[tokio::test]
async fn a_key_falls_with_its_application_its_user_and_its_tenant() {
    let world = World::new().await;
    let (shop, ada) = (world.application("shop", &[]).await, world.user("ada", &[]).await);
    let (_, plain) = key(&world, shop.id, None, None).await;
    let (_, pinned) = key(&world, shop.id, Some(ada.id), None).await;
    let identity = world.compile(vec![]);
    let principal = recognise(&identity, pinned.expose()).await.unwrap();
    assert_eq!(
        (principal.user.as_ref().unwrap().id, principal.application.as_ref().unwrap().id),
        (ada.id, shop.id)
    );
    assert_eq!(*principal.roles, ["reader".to_owned()], "on behalf of the user: the user's roles");
    world.directory.suspend(&actor(), ada.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, pinned.expose()).await, "user_suspended");
    assert_eq!(code(&identity, plain.expose()).await, "accepted");
    world.directory.set_application_disabled(&actor(), shop.id, true).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, plain.expose()).await, "application_disabled");
    world.directory.set_application_disabled(&actor(), shop.id, false).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, plain.expose()).await, "accepted");
    let mut barred = world.specification(vec![]);
    let tenant = portcullis_model::Tenant { disabled: true, ..(*world.acme).clone() };
    barred.tenants = vec![std::sync::Arc::new(tenant)];
    let identity = world.compile_all(&barred).unwrap();
    assert_eq!(code(&identity, plain.expose()).await, "tenant_disabled");
    let Caller::ApiKey(_) = authenticate(&identity, plain.expose()).await.unwrap() else {
        panic!("an API key is one")
    };
}

#[tokio::test]
async fn operators_have_credentials_of_their_own() {
    use portcullis_identity::directory::NewOperator;
    use portcullis_model::audit::OperatorRole;
    let world = World::new().await;
    let new = NewOperator {
        name: name("root"),
        role: OperatorRole::Operator,
        tenant: None,
        source: None,
        expires_at: Some(Timestamp::from_seconds(START + 100)),
    };
    let (operator, secret) = world.directory.create_operator(&actor(), new).await.unwrap();
    assert!(secret.expose().starts_with("pco_"));
    assert_eq!(world.directory.authenticate_operator(&secret).await.unwrap().id, operator.id);
    let wrong = Secret::new(secret.expose().replacen("pco_", "pck_", 1));
    let code = async |credential: &Secret<String>| {
        world
            .directory
            .authenticate_operator(credential)
            .await
            .map(|_| ())
            .map_err(|fault| fault.code().name())
    };
    assert_eq!(code(&wrong).await, Err("operator_credential_invalid"));
    // Worth nothing on the gateway.
    let identity = world.compile(vec![]);
    assert_eq!(crate::fixture::code(&identity, secret.expose()).await, "credential_malformed");
    assert_eq!(crate::fixture::code(&identity, wrong.expose()).await, "api_key_unknown");
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(code(&secret).await, Err("operator_credential_invalid"));
    world.clock.set(Timestamp::from_seconds(START));
    world.directory.revoke_operator(&actor(), operator.id).await.unwrap();
    assert_eq!(code(&secret).await, Err("operator_credential_invalid"));
    let confined = NewOperator {
        name: name("ta"),
        role: OperatorRole::TenantAdministrator,
        tenant: None,
        source: None,
        expires_at: None,
    };
    assert!(world.directory.create_operator(&actor(), confined).await.is_err());
}
