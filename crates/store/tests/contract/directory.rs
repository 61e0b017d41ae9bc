//! Tenants, users and their identities.

use crate::world::{NOW, World, fresh, name, seconds, user};
use portcullis_model::{Identity, TenantId, UserId, UserStatus};
use portcullis_store::entity::users::{Filter, Lookup, resolve};
use portcullis_store::entity::{identities, tenants, users};
use portcullis_store::{Error, Page, Store};

pub async fn tenants_are_found_changed_and_listed(world: &World) {
    let store = &world.store;
    let mut acme = world.tenant("acme").await;
    let other = world.tenant("other").await;
    assert_eq!(tenants::find(store, acme.id).await.unwrap().as_ref(), Some(&acme));
    assert_eq!(tenants::find_by_name(store, "acme").await.unwrap().as_ref(), Some(&acme));
    assert_eq!(tenants::find_by_name(store, "ACME").await.unwrap(), None);

    acme.models = vec!["*".to_owned()];
    acme.disabled = true;
    acme.updated_at = seconds(1);
    let mut tx = store.begin().await.unwrap();
    assert!(tenants::lock(&mut tx, acme.id).await.unwrap().is_some());
    tenants::update(&mut tx, &acme).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(tenants::find(store, acme.id).await.unwrap().as_ref(), Some(&acme));
    assert_eq!(tenants::list(store, Page::default()).await.unwrap(), [acme.clone(), other.clone()]);

    let mut tx = store.begin().await.unwrap();
    let taken = tenants::insert(
        &mut tx,
        &portcullis_model::Tenant { id: TenantId::new(NOW, fresh()), ..acme.clone() },
    )
    .await;
    assert!(matches!(taken, Err(Error::Conflict { what: "tenant name" })), "{taken:?}");
    tx.rollback().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let gone =
        tenants::update(&mut tx, &portcullis_model::Tenant { id: TenantId::new(NOW, fresh()), ..acme }).await;
    assert!(matches!(gone, Err(Error::NotFound { what: "tenant" })), "{gone:?}");
}

pub async fn a_user_comes_back_as_it_went_in(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let survivor = world.user(tenant, |_| {}).await;
    let full = world
        .user(tenant, |user| {
            user.status = UserStatus::Merged;
            user.external_id = Some("E-7 ünïcode 😀".to_owned());
            user.username = Some("ada".to_owned());
            user.email = Some("Ada@example.com".to_owned());
            user.email_verified = true;
            user.display_name = Some("Ada \"L\" \\ Lovelace".to_owned());
            user.roles = vec!["b".to_owned(), "a".to_owned()];
            user.attributes =
                [("legacy id".to_owned(), "7".to_owned()), ("\u{1}".to_owned(), String::new())].into();
            user.merged_into = Some(survivor.id);
            user.status_reason = Some("twice".to_owned());
        })
        .await;
    assert_eq!(users::find(&world.store, full.id).await.unwrap().as_ref(), Some(&full));
    let bare = users::find(&world.store, survivor.id).await.unwrap();
    assert_eq!(bare, Some(survivor));
    assert_eq!(users::find(&world.store, UserId::new(NOW, fresh())).await.unwrap(), None);

    let mut changed = full.clone();
    changed.attributes = [("legacy id".to_owned(), "8".to_owned())].into();
    changed.external_id = None;
    changed.updated_at = seconds(9);
    let mut tx = world.store.begin().await.unwrap();
    users::update(&mut tx, &changed).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(users::find(&world.store, full.id).await.unwrap().as_ref(), Some(&changed));
    let by = |value: &str| Lookup::Attribute { name: "legacy id".to_owned(), value: value.to_owned() };
    assert_eq!(resolve(&world.store, tenant, &by("7")).await.unwrap(), []);
    assert_eq!(resolve(&world.store, tenant, &by("8")).await.unwrap(), [changed]);
}

async fn link(store: &Store, tenant: TenantId, user: UserId, subject: &str) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    let identity = Identity { issuer: name("corp"), subject: subject.to_owned(), user, linked_at: NOW };
    identities::insert(&mut tx, tenant, &identity).await?;
    tx.commit().await.map(drop)
}

pub async fn users_resolve_by_every_attribute_within_their_tenant(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let fill = |user: &mut portcullis_model::User| {
        user.external_id = Some("E-1".to_owned());
        user.username = Some("ada".to_owned());
        user.attributes = [("badge".to_owned(), "0042".to_owned())].into();
    };
    // The same in two tenants: neither sees the other's.
    let (ada, twin) = (world.user(acme, fill).await, world.user(other, fill).await);
    link(&world.store, acme, ada.id, "s-1").await.unwrap();
    link(&world.store, other, twin.id, "s-1").await.unwrap();
    let lookups = [
        Lookup::Id(ada.id),
        Lookup::ExternalId("E-1".to_owned()),
        Lookup::Username("ada".to_owned()),
        Lookup::Identity { issuer: name("corp"), subject: "s-1".to_owned() },
        Lookup::Attribute { name: "badge".to_owned(), value: "0042".to_owned() },
    ];
    for lookup in &lookups {
        assert_eq!(
            resolve(&world.store, acme, lookup).await.unwrap(),
            std::slice::from_ref(&ada),
            "{lookup:?}"
        );
    }
    assert_eq!(resolve(&world.store, other, &lookups[0]).await.unwrap(), []);
    for lookup in &lookups[1..] {
        assert_eq!(
            resolve(&world.store, other, lookup).await.unwrap(),
            std::slice::from_ref(&twin),
            "{lookup:?}"
        );
    }
    // Exact: neither case, nor white space, nor a wild card.
    let near = [
        Lookup::ExternalId("e-1".to_owned()),
        Lookup::Username("ada ".to_owned()),
        Lookup::Username("%".to_owned()),
        Lookup::Identity { issuer: name("corp"), subject: "S-1".to_owned() },
        Lookup::Identity { issuer: name("Corp"), subject: "s-1".to_owned() },
        Lookup::Attribute { name: "badge".to_owned(), value: "42".to_owned() },
        Lookup::Attribute { name: "Badge".to_owned(), value: "0042".to_owned() },
        Lookup::Username("' OR '1'='1".to_owned()),
    ];
    for lookup in near {
        assert_eq!(resolve(&world.store, acme, &lookup).await.unwrap(), [], "{lookup:?}");
    }
}

pub async fn an_attribute_that_several_share_is_ambiguous(world: &World) {
    let tenant = world.tenant("acme").await.id;
    for _ in 0..3 {
        world.user(tenant, |user| user.attributes = [("badge".to_owned(), "1".to_owned())].into()).await;
    }
    let lookup = Lookup::Attribute { name: "badge".to_owned(), value: "1".to_owned() };
    assert_eq!(resolve(&world.store, tenant, &lookup).await.unwrap().len(), 2);
}

pub async fn tombstones_keep_their_identifiers(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let gone = world
        .user(tenant, |user| {
            user.status = UserStatus::Deleted;
            user.external_id = Some("E-1".to_owned());
            user.username = Some("ada".to_owned());
        })
        .await;
    link(&world.store, tenant, gone.id, "s-1").await.unwrap();
    assert_eq!(
        resolve(&world.store, tenant, &Lookup::Username("ada".to_owned())).await.unwrap(),
        std::slice::from_ref(&gone)
    );
    for (change, what) in [(0, "external id"), (1, "user name")] {
        let mut again = user(tenant);
        if change == 0 {
            again.external_id = Some("E-1".to_owned())
        } else {
            again.username = Some("ada".to_owned())
        }
        let mut tx = world.store.begin().await.unwrap();
        let error = users::insert(&mut tx, &again).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { what: said } if said == what), "{error:?}");
    }
    let other = world.user(tenant, |_| {}).await;
    let error = link(&world.store, tenant, other.id, "s-1").await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "identity (issuer and subject)" }), "{error:?}");
    let error = link(&world.store, tenant, UserId::new(NOW, fresh()), "s-2").await.unwrap_err();
    assert!(matches!(error, Error::Dangling), "{error:?}");
    // Twice the same id.
    let mut tx = world.store.begin().await.unwrap();
    let error = users::insert(&mut tx, &other).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "id" }), "{error:?}");
}

pub async fn what_cannot_be_stored_is_nobody(world: &World) {
    let tenant = world.tenant("acme").await.id;
    for text in ["a\0b".to_owned(), "x".repeat(1_025), "y".repeat(100_000)] {
        for lookup in [
            Lookup::ExternalId(text.clone()),
            Lookup::Username(text.clone()),
            Lookup::Identity { issuer: name("corp"), subject: text.clone() },
            Lookup::Attribute { name: "badge".to_owned(), value: text.clone() },
        ] {
            assert_eq!(resolve(&world.store, tenant, &lookup).await.unwrap(), []);
        }
        let mut tx = world.store.begin().await.unwrap();
        let mut long = user(tenant);
        long.external_id = Some(text.clone());
        assert!(matches!(
            users::insert(&mut tx, &long).await,
            Err(Error::Invalid { what: "the external id", .. })
        ));
        let mut named = user(tenant);
        named.display_name = Some("a\0b".to_owned());
        assert!(matches!(users::insert(&mut tx, &named).await, Err(Error::Invalid { .. })));
        // The longest that is allowed fits into every index, even when nothing of it can be compressed.
        let mut longest = user(tenant);
        let text: String = (0..1_024_u64)
            .map(|i| char::from(b'!' + u8::try_from((i * 7_919 + i * i * 31) % 90).unwrap()))
            .collect();
        (longest.external_id, longest.username) = (Some(text.clone()), Some(text.clone()));
        longest.attributes = [(text.chars().rev().collect(), text.clone())].into();
        users::insert(&mut tx, &longest).await.unwrap();
    }
}

pub async fn identities_move_with_a_merge(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let (from, to) = (world.user(tenant, |_| {}).await, world.user(tenant, |_| {}).await);
    for subject in ["b", "a"] {
        link(&world.store, tenant, from.id, subject).await.unwrap();
    }
    let subjects =
        |list: Vec<Identity>| list.into_iter().map(|identity| identity.subject).collect::<Vec<_>>();
    assert_eq!(subjects(identities::list_by_user(&world.store, from.id).await.unwrap()), ["a", "b"]);
    let mut tx = world.store.begin().await.unwrap();
    assert_eq!(identities::reassign(&mut tx, from.id, to.id, seconds(5)).await.unwrap(), 2);
    assert!(identities::delete(&mut tx, tenant, "corp", "b", seconds(6)).await.unwrap());
    assert!(!identities::delete(&mut tx, tenant, "corp", "b", seconds(6)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        subjects(identities::list_by_user(&world.store, from.id).await.unwrap()),
        Vec::<String>::new()
    );
    let found = identities::find(&world.store, tenant, "corp", "a").await.unwrap().unwrap();
    assert_eq!((found.user, found.linked_at), (to.id, NOW));
    assert_eq!(identities::find(&world.store, tenant, "corp", "b").await.unwrap(), None);
}

pub async fn lists_are_filtered_and_paged(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let mut all = Vec::new();
    for i in 0..7 {
        all.push(
            world
                .user(acme, |user| {
                    user.email = Some(format!("{}@example.com", i % 2));
                    user.status = if i == 3 { UserStatus::Suspended } else { UserStatus::Active };
                })
                .await,
        );
        world.user(other, |_| {}).await;
    }
    let of_acme = Filter { tenant: Some(acme), ..Filter::default() };
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = users::list(&world.store, &of_acme, Page { after, limit: 3 }).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.id.0);
        seen.extend(page);
    }
    assert_eq!(seen, all);
    let suspended = Filter { status: Some(UserStatus::Suspended), ..of_acme.clone() };
    assert_eq!(users::list(&world.store, &suspended, Page::default()).await.unwrap(), [all[3].clone()]);
    let by_email = Filter { email: Some("0@example.com".to_owned()), ..of_acme };
    assert_eq!(users::list(&world.store, &by_email, Page::default()).await.unwrap().len(), 4);
    assert_eq!(users::list(&world.store, &Filter::default(), Page::first(0)).await.unwrap().len(), 1);
    assert_eq!(users::list(&world.store, &Filter::default(), Page::first(u32::MAX)).await.unwrap().len(), 14);
}

pub async fn changes_of_one_user_follow_each_other(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let user = world.user(tenant, |_| {}).await;
    // Twenty tasks add a role each, reading first: none is lost.
    let add = |i: usize| {
        let (store, id) = (world.store.clone(), user.id);
        async move {
            let mut tx = store.begin().await.unwrap();
            let mut user = users::lock(&mut tx, id).await.unwrap().unwrap();
            user.roles.push(i.to_string());
            users::update(&mut tx, &user).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    futures_util::future::join_all((0..20).map(add)).await;
    let mut roles: Vec<usize> = users::find(&world.store, user.id)
        .await
        .unwrap()
        .unwrap()
        .roles
        .iter()
        .map(|role| role.parse().unwrap())
        .collect();
    roles.sort_unstable();
    assert_eq!(roles, (0..20).collect::<Vec<_>>());
}
