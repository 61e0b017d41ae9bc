//! The rules of the write side, and the trail that every change leaves.

use crate::fixture::*;
use portcullis_fault::Secret;
use portcullis_identity::secrets::{Custody, SecretReader};
use portcullis_model::holding::{Holder, Holding, Kind};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::tenant::{Origin, TenantEntry};
use portcullis_model::{SecretRef, UserStatus};
use portcullis_store::Page;
use portcullis_store::entity::{audit, holdings, identities, tenants};

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
async fn what_lives_at_a_provider_follows_its_owner() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", &[]).await, world.user("bob", &[]).await);
    let holder = |user| Holder { tenant: ada.tenant, user: Some(user), application: None };
    let holding = Holding {
        kind: Kind::File,
        object: "file-1".to_owned(),
        holder: holder(ada.id),
        provider: name("openai"),
        key: None,
        deployment: String::new(),
        model: None,
        created_at: ada.created_at,
        expires_at: None,
    };
    let mut tx = world.store.begin().await.unwrap();
    holdings::claim(&mut tx, &[holding]).await.unwrap();
    tx.commit().await.unwrap();
    let has = async |user| {
        let found = holdings::find(&world.store, &holder(user), Kind::File, "file-1", ada.created_at).await;
        found.unwrap().is_some()
    };
    assert!(has(ada.id).await && !has(bob.id).await);
    world.directory.merge(&actor(), ada.id, bob.id, None).await.unwrap();
    assert!(!has(ada.id).await && has(bob.id).await, "the survivor has it");
    world.directory.delete(&actor(), bob.id, None).await.unwrap();
    assert!(!has(ada.id).await && !has(bob.id).await, "erased with its owner");
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

#[tokio::test]
async fn an_import_is_looked_at_first_and_changes_nothing_twice() {
    use portcullis_identity::directory::{Format, Import};
    use portcullis_store::entity::users::{self, Lookup};
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "s-ada")]).await;
    let gone = world.user("gone", &[]).await;
    world.directory.delete(&actor(), gone.id, None).await.unwrap();
    let known = [name("corp")];
    let import = async |text: &str, dry_run: bool, most_barred: u8| {
        let (tenant, format) = (world.acme.id, Format::Csv);
        let import = Import { tenant, format, text, dry_run, most_barred, issuers: Some(&known) };
        world.directory.import(&actor(), import).await.unwrap()
    };
    let named = async |name: &str| {
        let found = users::resolve(&world.store, world.acme.id, &Lookup::Username(name.to_owned())).await;
        found.unwrap().pop()
    };
    let entries =
        async || audit::list(&world.store, &audit::Filter::default(), Page::default()).await.unwrap().len();
    let file = "username,external_id,email,roles,attributes.dept,identity.corp,status\n\
                ada,x-ada,ada@example.com,reader;writer,R&D,s-ada,\n\
                bob,x-bob,,,,s-bob,\n\
                eve,x-eve,,,,,suspended\n\
                nobody,,,,,,deleted\n";
    // A dry run says it all and does nothing.
    let before = entries().await;
    let planned = import(file, true, 0).await;
    assert_eq!((planned.rows, planned.created, planned.changed, planned.unchanged), (4, 2, 1, 1));
    assert_eq!((planned.written, planned.wrong, planned.stopped, entries().await), (0, 0, None, before));
    assert!(named("bob").await.is_none());
    let done = import(file, false, 0).await;
    assert_eq!((done.created, done.changed, done.written, done.stopped), (2, 1, 4, None));
    let changed = named("ada").await.unwrap();
    assert_eq!((changed.id, changed.roles.len(), changed.attributes["dept"].as_str()), (ada.id, 2, "R&D"));
    assert_eq!(named("eve").await.unwrap().status, UserStatus::Suspended);
    // Twice is once.
    let before = entries().await;
    let again = import(file, false, 0).await;
    assert_eq!((again.unchanged, again.created + again.changed, entries().await), (4, 0, before));
    // One wrong row, and nothing is written.
    let wrong = "username,external_id\nnew,\ngone,\nada,x-bob\nnew,\n";
    let refused = import(wrong, false, 0).await;
    let said: Vec<(usize, &str)> =
        refused.errors.iter().map(|error| (error.line, error.reason.as_str())).collect();
    assert_eq!(said.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5], "{said:?}");
    assert!(said[0].1.contains("not made again") && said[2].1.contains("line 2"), "{said:?}");
    assert!(said[1].1.contains(&ada.id.to_string()), "{said:?}");
    assert!(refused.stopped.is_some() && named("new").await.is_none());
    let taken = import("username,identity.corp\nnew,s-ada\n", false, 0).await;
    assert!(taken.errors[0].reason.contains(&ada.id.to_string()), "{taken:?}");
    // An issuer that is not there: on the rows that bring a subject of its, and on no others.
    let strange = import("username,identity.crop\nnew,s-new\nbob,\n", false, 0).await;
    assert_eq!((strange.wrong, strange.errors[0].line, strange.written), (1, 2, 0), "{strange:?}");
    assert!(strange.errors[0].reason.contains("no issuer `crop`"), "{strange:?}");
    assert!(strange.errors[0].reason.ends_with("did you mean `corp`?"), "{strange:?}");
    // Too many at once: two of three.
    let barring = "username,status\nada,suspended\nbob,deleted\neve,suspended\n";
    let stopped = import(barring, false, 50).await;
    assert!(stopped.stopped.as_deref().is_some_and(|why| why.contains("2 of 3")), "{stopped:?}");
    assert_eq!(named("ada").await.unwrap().status, UserStatus::Active);
    let done = import(barring, false, 70).await;
    assert_eq!((done.suspended, done.deleted, done.unchanged, done.stopped), (1, 1, 1, None));
    assert_eq!(named("bob").await.unwrap().status, UserStatus::Deleted);
    let back = import("username,status\nada,active\n", false, 0).await;
    assert_eq!((back.admitted, named("ada").await.unwrap().status), (1, UserStatus::Active));
    // What was verified is the address of then, and not another one.
    let verified = async || {
        let ada = named("ada").await.unwrap();
        (ada.email.unwrap_or_default(), ada.email_verified)
    };
    import("username,email,email_verified\nada,ada@example.com,true\n", false, 0).await;
    import("username,email\nada,ada@example.com\n", false, 0).await;
    assert_eq!(verified().await, ("ada@example.com".to_owned(), true));
    import("username,email\nada,ada@elsewhere.example\n", false, 0).await;
    assert_eq!(verified().await, ("ada@elsewhere.example".to_owned(), false));
    import("username,email,email_verified\nada,ada@example.com,true\n", false, 0).await;
    import("username,email\nada,\n", false, 0).await;
    assert_eq!(verified().await, (String::new(), false));
    // Another tenant's users are not meant.
    let other = Import {
        tenant: world.globex.id,
        format: Format::JsonLines,
        text: r#"{"username":"ada"}"#,
        dry_run: true,
        most_barred: 0,
        issuers: None,
    };
    assert_eq!(world.directory.import(&actor(), other).await.unwrap().created, 1);
}
