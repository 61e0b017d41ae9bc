//! Applications, API keys, operators, secrets and revocations.

use crate::world::{NOW, World, application, fresh, name, seconds};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::audit::OperatorRole;
use portcullis_model::{ApiKey, ApiKeyId, ApplicationId, OperatorId, TenantId, UserId};
use portcullis_store::entity::operators::Operator;
use portcullis_store::entity::revocations::{Revocation, Revoked};
use portcullis_store::entity::secrets::Sealed;
use portcullis_store::entity::{api_keys, applications, operators, revocations, secrets};
use portcullis_store::{Error, Page};
use uuid::Uuid;

pub async fn applications_are_found_by_their_clients(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let store = &world.store;
    let mut first = application(acme, "billing");
    first.clients = vec![(name("corp"), "c-1".to_owned()), (name("corp"), "c-2".to_owned())];
    let twin = application(other, "billing");
    let mut tx = store.begin().await.unwrap();
    applications::insert(&mut tx, &first).await.unwrap();
    applications::insert(&mut tx, &twin).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(applications::find(store, first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(applications::find_by_name(store, acme, "billing").await.unwrap().as_ref(), Some(&first));
    assert_eq!(
        applications::find_by_client(store, acme, "corp", "c-2").await.unwrap().as_ref(),
        Some(&first)
    );
    assert_eq!(applications::find_by_client(store, other, "corp", "c-2").await.unwrap(), None);
    assert_eq!(applications::find_by_client(store, acme, "corp", "C-2").await.unwrap(), None);
    assert_eq!(applications::find_by_client(store, acme, "corp", "c\0").await.unwrap(), None);

    first.clients = vec![(name("corp"), "c-3".to_owned())];
    first.disabled = true;
    let mut tx = store.begin().await.unwrap();
    assert!(applications::lock(&mut tx, first.id).await.unwrap().is_some());
    applications::update(&mut tx, &first).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(applications::find_by_client(store, acme, "corp", "c-1").await.unwrap(), None);
    assert_eq!(
        applications::find_by_client(store, acme, "corp", "c-3").await.unwrap().as_ref(),
        Some(&first)
    );
    assert_eq!(applications::list(store, Some(acme), Page::default()).await.unwrap(), [first.clone()]);
    assert_eq!(applications::list(store, None, Page::default()).await.unwrap(), [first.clone(), twin]);

    let mut tx = store.begin().await.unwrap();
    let error = applications::insert(&mut tx, &application(acme, "billing")).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "application name" }), "{error:?}");
    drop(tx);
    let mut tx = store.begin().await.unwrap();
    let mut thief = application(acme, "thief");
    thief.clients = first.clients;
    let error = applications::insert(&mut tx, &thief).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "OAuth client (issuer and client id)" }), "{error:?}");
}

async fn key(world: &World) -> ApiKey {
    let tenant = world.tenant("acme").await.id;
    let owner = application(tenant, "billing");
    let user = world.user(tenant, |_| {}).await;
    let key = ApiKey {
        id: ApiKeyId::new(NOW, fresh()),
        application: owner.id,
        tenant,
        user: Some(user.id),
        name: "nightly".to_owned(),
        hash: (0..32).collect(),
        limits: ApiKeyLimits {
            services: vec!["orders".to_owned()],
            models: Vec::new(),
            addresses: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        },
        expires_at: Some(seconds(60)),
        revoked_at: None,
        replaced_by: None,
        last_used_at: None,
        created_at: NOW,
    };
    let mut tx = world.store.begin().await.unwrap();
    applications::insert(&mut tx, &owner).await.unwrap();
    api_keys::insert(&mut tx, &key).await.unwrap();
    tx.commit().await.unwrap();
    key
}

pub async fn api_keys_keep_what_they_are(world: &World) {
    let store = &world.store;
    let first = key(world).await;
    assert_eq!(api_keys::find(store, first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(api_keys::find(store, ApiKeyId::new(NOW, fresh())).await.unwrap(), None);
    let next = ApiKey { id: ApiKeyId::new(NOW, fresh()), user: None, expires_at: None, ..first.clone() };
    let mut tx = store.begin().await.unwrap();
    api_keys::insert(&mut tx, &next).await.unwrap();
    let mut rotated = api_keys::lock(&mut tx, first.id).await.unwrap().unwrap();
    (rotated.replaced_by, rotated.expires_at, rotated.revoked_at) =
        (Some(next.id), Some(seconds(5)), Some(seconds(6)));
    // What a key is does not change, whatever the caller hands in.
    let forged = ApiKey {
        hash: vec![0; 32],
        application: ApplicationId::new(NOW, fresh()),
        user: None,
        ..rotated.clone()
    };
    api_keys::update(&mut tx, &forged).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(api_keys::find(store, first.id).await.unwrap().as_ref(), Some(&rotated));
    let list = |filter: api_keys::Filter| api_keys::list(store, filter_ref(filter), Page::default());
    assert_eq!(
        list(api_keys::Filter { application: Some(first.application), ..Default::default() }).await.unwrap(),
        [rotated.clone(), next]
    );
    assert_eq!(
        list(api_keys::Filter { user: first.user, tenant: Some(first.tenant), ..Default::default() })
            .await
            .unwrap(),
        [rotated]
    );
    assert_eq!(
        list(api_keys::Filter { user: Some(UserId::new(NOW, fresh())), ..Default::default() }).await.unwrap(),
        []
    );
}

fn filter_ref(filter: api_keys::Filter) -> &'static api_keys::Filter {
    Box::leak(Box::new(filter))
}

pub async fn last_uses_only_move_on(world: &World) {
    let key = key(world).await;
    let store = &world.store;
    for (at, expected) in [(10, 10), (5, 10), (11, 11)] {
        api_keys::touch(store, &[(key.id, seconds(at)), (ApiKeyId::new(NOW, fresh()), seconds(at))])
            .await
            .unwrap();
        assert_eq!(
            api_keys::find(store, key.id).await.unwrap().unwrap().last_used_at,
            Some(seconds(expected))
        );
    }
    api_keys::touch(store, &[]).await.unwrap();
}

pub async fn operators_are_found_changed_and_listed(world: &World) {
    let store = &world.store;
    let tenant = world.tenant("acme").await.id;
    let mut root = Operator {
        id: OperatorId::new(NOW, fresh()),
        name: name("root"),
        role: OperatorRole::Operator,
        tenant: None,
        source: None,
        hash: vec![7; 32],
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_at: NOW,
    };
    let of_acme = Operator {
        id: OperatorId::new(NOW, fresh()),
        name: name("acme"),
        role: OperatorRole::Provisioner,
        tenant: Some(tenant),
        source: Some(name("okta")),
        ..root.clone()
    };
    let mut tx = store.begin().await.unwrap();
    operators::insert(&mut tx, &root).await.unwrap();
    operators::insert(&mut tx, &of_acme).await.unwrap();
    root.revoked_at = Some(seconds(1));
    operators::update(&mut tx, &root).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(operators::find(store, root.id).await.unwrap().as_ref(), Some(&root));
    assert_eq!(operators::find_by_name(store, "acme").await.unwrap().as_ref(), Some(&of_acme));
    assert_eq!(operators::list(store, Page::default()).await.unwrap(), [root.clone(), of_acme]);
    let mut tx = store.begin().await.unwrap();
    let error = operators::insert(&mut tx, &Operator { id: OperatorId::new(NOW, fresh()), ..root })
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "operator name" }), "{error:?}");
}

pub async fn secrets_are_replaced_and_removed(world: &World) {
    let store = &world.store;
    let sealed = |text: &str, byte| Sealed {
        name: text.to_owned(),
        sealed: vec![byte, 0, 255],
        updated_at: NOW,
        updated_by: "root".to_owned(),
    };
    let mut tx = store.begin().await.unwrap();
    for secret in [sealed("b", 1), sealed("a", 2), sealed("b", 3)] {
        secrets::set(&mut tx, &secret).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(secrets::find(store, "b").await.unwrap(), Some(sealed("b", 3)));
    assert_eq!(secrets::list(store, None).await.unwrap(), [sealed("a", 2), sealed("b", 3)]);
    assert_eq!(secrets::list(store, Some("a")).await.unwrap(), [sealed("b", 3)]);
    let mut tx = store.begin().await.unwrap();
    assert!(secrets::delete(&mut tx, "b").await.unwrap());
    assert!(!secrets::delete(&mut tx, "b").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(secrets::find(store, "b").await.unwrap(), None);
    assert!(!format!("{:?}", sealed("a", 2)).contains("255"));
}

fn revocation(what: Revoked, expires: Option<u64>) -> Revocation {
    Revocation {
        id: Uuid::from_u128(
            NOW.micros() as u128 * 1_000_000
                + u128::from(u64::from_be_bytes(fresh()[2..].try_into().unwrap())),
        ),
        tenant: None,
        what,
        expires_at: expires.map(seconds),
        at: NOW,
        actor: "root".to_owned(),
        reason: Some("stolen".to_owned()),
    }
}

pub async fn revocations_only_get_stricter(world: &World) {
    let store = &world.store;
    let corp = || name("corp");
    let all = [
        Revoked::Token { issuer: corp(), jti: "j".to_owned() },
        Revoked::Digest("d".to_owned()),
        Revoked::Subject { issuer: corp(), subject: "s".to_owned(), issued_before: seconds(5) },
        Revoked::Issuer { issuer: corp(), issued_before: seconds(5) },
        Revoked::Key { issuer: corp(), kid: "k".to_owned() },
        Revoked::User { user: UserId::new(seconds(1), [3; 10]), issued_before: seconds(5) },
    ];
    let entries: Vec<Revocation> = all.iter().map(|what| revocation(what.clone(), Some(60))).collect();
    let mut tx = store.begin().await.unwrap();
    for entry in &entries {
        revocations::insert(&mut tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    for entry in &entries {
        assert_eq!(revocations::find(store, entry.id).await.unwrap().as_ref(), Some(entry));
        assert_eq!(revocations::find_by_what(store, &entry.what).await.unwrap().as_ref(), Some(entry));
    }
    assert_eq!(
        revocations::list(store, &revocations::Filter::default(), Page::default()).await.unwrap(),
        entries
    );

    let subject =
        |at| Revoked::Subject { issuer: corp(), subject: "s".to_owned(), issued_before: seconds(at) };
    for (before, expires, now_before, now_expires) in
        [(3, Some(30), 5, Some(60)), (9, Some(90), 9, Some(90)), (1, None, 9, None), (1, Some(1), 9, None)]
    {
        let mut tx = store.begin().await.unwrap();
        revocations::insert(&mut tx, &revocation(subject(before), expires)).await.unwrap();
        tx.commit().await.unwrap();
        let now = revocations::find(store, entries[2].id).await.unwrap().unwrap();
        assert_eq!((now.what, now.expires_at), (subject(now_before), now_expires.map(seconds)));
    }
    let mut tx = store.begin().await.unwrap();
    assert!(revocations::delete(&mut tx, entries[0].id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(revocations::find_by_what(store, &all[0]).await.unwrap(), None);
    assert_eq!(revocations::find_by_what(store, &Revoked::Digest("\0".to_owned())).await.unwrap(), None);
}

pub async fn revocations_are_forgotten_when_they_expire(world: &World) {
    let store = &world.store;
    let acme = TenantId::new(NOW, fresh());
    let digest = |text: &str, expires| revocation(Revoked::Digest(text.to_owned()), expires);
    let entries = [
        digest("a", Some(10)),
        Revocation { tenant: Some(acme), ..digest("b", Some(20)) },
        digest("c", None),
    ];
    let mut tx = store.begin().await.unwrap();
    for entry in &entries {
        revocations::insert(&mut tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    let at = |tenant, at| revocations::Filter { tenant, at: Some(seconds(at)) };
    assert_eq!(revocations::list(store, &at(None, 15), Page::default()).await.unwrap(), entries[1..]);
    assert_eq!(revocations::list(store, &at(Some(acme), 15), Page::default()).await.unwrap(), entries[1..2]);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(revocations::prune(&mut tx, seconds(15)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(revocations::find(store, entries[0].id).await.unwrap(), None);
}
