//! The rules of the write side, and the trail that every change leaves.

use crate::fixture::*;
use portcullis_fault::Secret;
use portcullis_identity::secrets::{Custody, SecretReader};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::tenant::{Origin, TenantEntry};
use portcullis_model::{SecretRef, UserStatus};
use portcullis_store::Page;
use portcullis_store::entity::{audit, identities, tenants};

#[tokio::test]
async fn life_goes_only_certain_ways() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", &[("corp", "ada")]).await, world.user("bob", &[]).await);
    let directory = &world.directory;
    assert!(directory.approve(&actor(), ada.id, None).await.is_ok(), "active already");
    let suspended = directory.suspend(&actor(), ada.id, Some("why".into())).await.unwrap();
    assert_eq!(
        (suspended.status, suspended.status_reason.as_deref(), suspended.status_changed_by.as_str()),
        (UserStatus::Suspended, Some("why"), "operator:test")
    );
    assert_eq!(
        directory.suspend(&actor(), ada.id, None).await.unwrap().status_reason.as_deref(),
        Some("why"),
        "nothing happens twice"
    );
    assert_eq!(
        directory.approve(&actor(), ada.id, None).await.unwrap_err().code().name(),
        "resource_conflict"
    );
    directory.delete(&actor(), ada.id, None).await.unwrap();
    for refused in [
        directory.restore(&actor(), ada.id, None).await,
        directory.suspend(&actor(), ada.id, None).await,
        directory.merge(&actor(), ada.id, bob.id, None).await,
        directory.merge(&actor(), bob.id, ada.id, None).await,
        directory.merge(&actor(), bob.id, bob.id, None).await,
    ] {
        assert_eq!(refused.unwrap_err().code().name(), "resource_conflict");
    }
    // The tombstone keeps its identity: nobody else can take it.
    let taken = directory.link_identity(&actor(), bob.id, name("corp"), "ada".into()).await.unwrap_err();
    assert_eq!(taken.code().name(), "resource_conflict");
    directory.link_identity(&actor(), bob.id, name("corp"), "bob".into()).await.unwrap();
    assert_eq!(identities::list_by_user(&world.store, bob.id).await.unwrap().len(), 1);
    directory.unlink_identity(&actor(), bob.id, &name("corp"), "bob").await.unwrap();
    assert!(directory.unlink_identity(&actor(), bob.id, &name("corp"), "bob").await.is_err());
}

#[tokio::test]
async fn every_change_says_who_did_what() {
    let world = World::new().await;
    let ada = world.user("ada", &[]).await;
    world.directory.suspend(&actor(), ada.id, None).await.unwrap();
    world.directory.put_secret(&actor(), "openai", Secret::new(b"hunter2".to_vec())).await.unwrap();
    let entries = audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions.len(), 5, "{actions:?}");
    for action in ["tenant.create", "user.create", "user.suspend", "secret.put"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    let suspend = entries.iter().find(|entry| entry.action == "user.suspend").unwrap();
    assert_eq!(
        (suspend.actor.as_str(), suspend.source.as_str(), suspend.target.clone()),
        ("operator:test", "127.0.0.1", ada.id.to_string())
    );
    assert_eq!(
        (&suspend.before["status"], &suspend.after["status"]),
        (&"active".into(), &"suspended".into())
    );
    assert!(!format!("{entries:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_trace() {
    let world = World::new().await;
    world.user("ada", &[]).await;
    let before = audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap().len();
    let twice = portcullis_identity::directory::NewUser {
        tenant: world.acme.id,
        status: UserStatus::Active,
        external_id: None,
        username: Some("ada".into()),
        email: None,
        email_verified: false,
        display_name: None,
        roles: Vec::new(),
        attributes: Default::default(),
        identities: vec![(name("corp"), "other".into())],
    };
    assert_eq!(
        world.directory.create_user(&actor(), twice).await.unwrap_err().code().name(),
        "resource_conflict"
    );
    assert_eq!(
        audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap().len(),
        before
    );
    assert!(identities::find(&world.store, world.acme.id, "corp", "other").await.unwrap().is_none());
}

#[tokio::test]
async fn the_file_owns_its_tenants() {
    let world = World::new().await;
    let entry = |called: &str, models: &[&str]| TenantEntry {
        name: name(called),
        models: models.iter().map(|&model| model.to_owned()).collect(),
    };
    let all = async || {
        let mut all = tenants::list(&world.store, Page::default()).await.unwrap();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.into_iter()
            .map(|tenant| (tenant.name.to_string(), tenant.origin, tenant.disabled, tenant.models.len()))
            .collect::<Vec<_>>()
    };
    world
        .directory
        .upsert_file_tenants(&actor(), &[entry("acme", &["*"]), entry("initech", &[])])
        .await
        .unwrap();
    assert_eq!(
        all().await,
        [
            ("acme".into(), Origin::File, false, 1),
            ("globex".into(), Origin::Api, false, 0),
            ("initech".into(), Origin::File, false, 0)
        ]
    );
    let owned = world.directory.set_tenant_disabled(&actor(), world.acme.id, true).await.unwrap_err();
    assert_eq!(owned.code().name(), "owned_by_file");
    world.directory.upsert_file_tenants(&actor(), &[entry("initech", &[])]).await.unwrap();
    assert_eq!(all().await[0], ("acme".into(), Origin::File, true, 1), "what leaves the file is disabled");
    let entries = audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap().len();
    world.directory.upsert_file_tenants(&actor(), &[entry("initech", &[])]).await.unwrap();
    assert_eq!(
        audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap().len(),
        entries,
        "nothing differs, nothing is written"
    );
}

#[tokio::test]
async fn stored_secrets_are_sealed_and_read_by_reference() {
    let world = World::new().await;
    let reader = SecretReader::new([], Custody::new(&Secret::new([9; 32]), &[]));
    let reference = SecretRef::Stored("openai".into());
    world.directory.put_secret(&actor(), "openai", Secret::new(b"hunter2".to_vec())).await.unwrap();
    assert!(reader.read(&reference).is_err());
    reader.load_stored(&world.store).await.unwrap();
    assert_eq!(reader.read(&reference).unwrap().expose(), b"hunter2");
    let raw = portcullis_store::entity::secrets::find(&world.store, "openai").await.unwrap().unwrap();
    assert!(!raw.sealed.windows(7).any(|part| part == b"hunter2"));
    // Under another key it does not open, and says so.
    let stranger = SecretReader::new([], Custody::new(&Secret::new([8; 32]), &[]));
    stranger.load_stored(&world.store).await.unwrap();
    assert!(stranger.read(&reference).unwrap_err().contains("secrets.key"));
    world.directory.delete_secret(&actor(), "openai").await.unwrap();
    reader.load_stored(&world.store).await.unwrap();
    assert!(reader.read(&reference).is_err());
}
