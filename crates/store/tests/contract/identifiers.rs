//! What users are and were known by, and what is near it.

use crate::world::{World, name, seconds};
use portcullis_model::{Identity, TenantId, User, UserId, UserStatus};
use portcullis_store::Store;
use portcullis_store::entity::identifiers::{self, Ended, Field, Identifier};
use portcullis_store::entity::merges::{self, Merge};
use portcullis_store::entity::{identities, users};
use portcullis_store::near::compare;

async fn known(world: &World, user: UserId) -> Vec<(String, String, Option<Ended>)> {
    let all = identifiers::list_by_user(&world.store, user).await.unwrap();
    all.into_iter().map(|one| (one.field.to_string(), one.value, one.until.map(|(_, ended)| ended))).collect()
}

fn is(field: &str, value: &str, ended: Option<Ended>) -> (String, String, Option<Ended>) {
    (field.to_owned(), value.to_owned(), ended)
}

async fn change(world: &World, user: &mut User, at: u64, change: impl FnOnce(&mut User)) {
    change(user);
    user.updated_at = seconds(at);
    let mut tx = world.store.begin().await.unwrap();
    users::update(&mut tx, user).await.unwrap();
    tx.commit().await.unwrap();
}

async fn link(world: &World, tenant: TenantId, user: UserId, subject: &str, at: u64) {
    let mut tx = world.store.begin().await.unwrap();
    let identity =
        Identity { issuer: name("corp"), subject: subject.to_owned(), user, linked_at: seconds(at) };
    identities::insert(&mut tx, tenant, &identity).await.unwrap();
    tx.commit().await.unwrap();
}

async fn near(world: &World, tenant: Option<TenantId>, text: &str) -> Vec<Identifier> {
    let mut near = identifiers::near(&world.store, tenant, text).await.unwrap();
    near.retain(|identifier| compare(text, &identifier.value).is_some());
    near
}

pub async fn what_a_user_was_known_by_is_kept(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let mut ada = world
        .user(tenant, |user| {
            user.username = Some("ada".to_owned());
            user.email = Some("ada@example.com".to_owned());
            user.attributes = [("badge".to_owned(), "0042".to_owned())].into();
        })
        .await;
    link(world, tenant, ada.id, "s-1", 1).await;
    change(world, &mut ada, 2, |user| {
        user.username = Some("ada.king".to_owned());
        user.attributes.clear();
    })
    .await;
    let mut tx = world.store.begin().await.unwrap();
    assert!(identities::delete(&mut tx, tenant, "corp", "s-1", seconds(3)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        known(world, ada.id).await,
        [
            is("username", "ada", Some(Ended::Changed)),
            is("email", "ada@example.com", None),
            is("attributes.badge", "0042", Some(Ended::Changed)),
            is("identity", "s-1", Some(Ended::Unlinked)),
            is("username", "ada.king", None),
        ]
    );
    let corp = name("corp");
    let past = identifiers::past(&world.store, tenant, &Field::Identity, Some(&corp), "s-1").await.unwrap();
    assert_eq!((past.len(), past[0].user, past[0].since), (1, ada.id, seconds(1)));
    assert_eq!(past[0].until, Some((seconds(3), Ended::Unlinked)));
    for (field, issuer, value) in [
        (Field::Identity, Some(&corp), "S-1"),
        (Field::Identity, None, "s-1"),
        (Field::Username, None, "ada.king"),
        (Field::Email, None, "ada"),
    ] {
        assert_eq!(identifiers::past(&world.store, tenant, &field, issuer, value).await.unwrap(), []);
    }
    // Back again: one row, current.
    change(world, &mut ada, 4, |user| user.username = Some("ada".to_owned())).await;
    link(world, tenant, ada.id, "s-1", 5).await;
    let known = known(world, ada.id).await;
    assert_eq!(known.len(), 5, "{known:?}");
    assert!(known.contains(&is("username", "ada", None)) && known.contains(&is("identity", "s-1", None)));
    assert!(known.contains(&is("username", "ada.king", Some(Ended::Changed))));
    // Taken back, it was never so.
    let mut tx = world.store.begin().await.unwrap();
    ada.username = Some("never".to_owned());
    users::update(&mut tx, &ada).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(near(world, None, "never").await, []);
}

pub async fn the_past_of_one_field_is_bounded(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let mut ada = world.user(tenant, |user| user.username = Some("ada".to_owned())).await;
    for n in 0..30 {
        change(world, &mut ada, n, |user| {
            user.attributes = [("last seen".to_owned(), format!("monday {n:02}"))].into();
        })
        .await;
    }
    let known = known(world, ada.id).await;
    assert_eq!(known.len(), 2 + identifiers::PAST, "{known:?}");
    assert_eq!(known[1].1, format!("monday {:02}", 29 - identifiers::PAST));
    // Their search forms went with them.
    assert_eq!(
        near(world, Some(tenant), "MONDAY 00").await.iter().filter(|one| one.value == "monday 00").count(),
        0
    );
    assert!(near(world, Some(tenant), "MONDAY 29").await.iter().any(|one| one.value == "monday 29"));
}

pub async fn near_texts_are_found_by_every_form(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let uuid = "0190a3b4-c5d6-7abc-8def-0123456789ab";
    let mut ada = world
        .user(acme, |user| {
            user.username = Some("ada.lovelace".to_owned());
            user.email = Some("Ada.L@example.com".to_owned());
            user.external_id = Some(uuid.to_owned());
            user.display_name = Some("Ada Lovelace".to_owned());
            user.attributes = [("badge".to_owned(), "0042".to_owned())].into();
        })
        .await;
    link(world, acme, ada.id, "auth0|5f7c8ec7", 1).await;
    for _ in 0..300 {
        world.user(acme, |user| user.username = Some(format!("bob{}", user.id))).await;
    }
    for (text, value) in [
        ("ada.lovelace", "ada.lovelace"),
        (" ADA.Lovelace\u{200b}", "ada.lovelace"),
        ("CORP\\ada.lovelace", "ada.lovelace"),
        ("ada.lovelace@corp.example", "ada.lovelace"),
        ("ada.lovelaec", "ada.lovelace"),
        ("ada.lvelac", "ada.lovelace"),
        ("ada.l", "Ada.L@example.com"),
        ("ada lovelace", "Ada Lovelace"),
        ("42", "0042"),
        ("{0190A3B4C5D67ABC8DEF0123456789AB}", uuid),
        ("0190a3b4-c5d6-7abc-8def-0123456789a", uuid),
        ("5f7c8ec7", "auth0|5f7c8ec7"),
        ("google-oauth2|5f7c8ec7", "auth0|5f7c8ec7"),
    ] {
        for scope in [None, Some(acme)] {
            let found = near(world, scope, text).await;
            assert!(found.iter().any(|one| one.value == value && one.user == ada.id), "{text}: {found:?}");
        }
        assert_eq!(near(world, Some(other), text).await, [], "{text}");
    }
    // Renamed, and then deleted: recognised, and known to be past.
    change(world, &mut ada, 9, |user| {
        user.username = None;
        user.status = UserStatus::Deleted;
    })
    .await;
    let found = near(world, None, "Ada.Lovelace").await;
    let renamed = found.iter().find(|one| one.field == Field::Username).unwrap();
    assert_eq!(renamed.until, Some((seconds(9), Ended::Changed)));
    for text in ["", "x", "nobody at all", "\0", "%", "' OR 1=1"] {
        assert_eq!(near(world, None, text).await, [], "{text}");
    }
}

pub async fn texts_that_are_alike_are_found_with_whose_they_are(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let named = async |tenant, username: &str| {
        world.user(tenant, |user| user.username = Some(username.to_owned())).await
    };
    let mut small = named(acme, "ada").await;
    let large = named(acme, " ADA").await;
    named(other, "Ada").await;
    link(world, acme, large.id, "ADA", 1).await;
    let alike = async |field: Field, texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let corp = name("corp");
        let issuer = (field == Field::Identity).then_some(&corp);
        let mut found = identifiers::alike(&world.store, acme, &field, issuer, &texts).await.unwrap();
        found.sort();
        found
    };
    let both = [(small.id, "ada".to_owned()), (large.id, " ADA".to_owned())];
    for texts in [&["ada"][..], &["Ada"], &["nobody", "somebody", "ada"]] {
        assert_eq!(alike(Field::Username, texts).await, both, "{texts:?}");
    }
    assert_eq!(alike(Field::Identity, &["ada"]).await, [(large.id, "ADA".to_owned())]);
    assert_eq!(alike(Field::ExternalId, &["ada"]).await, []);
    for texts in [&[][..], &["\0"], &["adb"], &["' OR 1=1"]] {
        assert_eq!(alike(Field::Username, texts).await, [], "{texts:?}");
    }
    let many: Vec<String> = (0..100).map(|n| format!("nobody {n}")).collect();
    assert_eq!(identifiers::alike(&world.store, acme, &Field::Username, None, &many).await.unwrap(), []);
    // Past ones are nobody's any more, and a merged user's are the survivor's.
    change(world, &mut small, 2, |user| user.username = Some("countess".to_owned())).await;
    assert_eq!(alike(Field::Username, &["ada"]).await, [both[1].clone()]);
    let into = small.id;
    let mut gone = large;
    change(world, &mut gone, 3, |user| {
        user.status = UserStatus::Merged;
        user.merged_into = Some(into);
    })
    .await;
    assert_eq!(alike(Field::Username, &["ada"]).await, [(small.id, " ADA".to_owned())]);
}

pub async fn identities_that_moved_are_past_ones_of_whom_they_left(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let (ada, eve) = (world.user(tenant, |_| {}).await, world.user(tenant, |_| {}).await);
    link(world, tenant, ada.id, "s-1", 1).await;
    let mut tx = world.store.begin().await.unwrap();
    identities::reassign(&mut tx, ada.id, eve.id, seconds(2)).await.unwrap();
    let merge = Merge {
        user: ada.id,
        into: eve.id,
        status_before: UserStatus::Suspended,
        at: seconds(2),
        by: "test".to_owned(),
        reason: Some("twice".to_owned()),
        undone: None,
    };
    merges::insert(&mut tx, &merge).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(known(world, ada.id).await, [is("identity", "s-1", Some(Ended::Merged))]);
    assert_eq!(known(world, eve.id).await, [is("identity", "s-1", None)]);
    assert_eq!(merges::open(&world.store, ada.id).await.unwrap().as_ref(), Some(&merge));
    assert_eq!(merges::open(&world.store, eve.id).await.unwrap(), None);
    assert_eq!(merges::open_into(&world.store, eve.id).await.unwrap(), std::slice::from_ref(&merge));

    let mut tx = world.store.begin().await.unwrap();
    let (corp, both) = (("corp", "s-1"), (eve.id, ada.id));
    assert!(identities::give(&mut tx, tenant, corp, both, seconds(3)).await.unwrap());
    assert!(!identities::give(&mut tx, tenant, corp, both, seconds(3)).await.unwrap());
    merges::undo(&mut tx, ada.id, seconds(3), "somebody").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(known(world, ada.id).await, [is("identity", "s-1", None)]);
    assert_eq!(known(world, eve.id).await, [is("identity", "s-1", Some(Ended::Unlinked))]);
    assert_eq!(merges::open(&world.store, ada.id).await.unwrap(), None);
    let undone = Merge { undone: Some((seconds(3), "somebody".to_owned())), ..merge };
    assert_eq!(merges::list_by_user(&world.store, eve.id).await.unwrap(), [undone]);
}

pub async fn users_of_an_earlier_release_are_caught_up(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let mut everybody = Vec::new();
    for n in 0..450 {
        everybody.push(world.user(tenant, |user| user.username = Some(format!("person-{n:04}"))).await.id);
    }
    link(world, tenant, everybody[7], "s-1", 1).await;
    world.raw("DELETE FROM search_forms").await;
    world.raw("DELETE FROM identifiers").await;
    assert_eq!(near(world, None, "PERSON-0007").await, []);
    // Two nodes at once.
    let (one, other) = tokio::join!(Store::open(world.options.clone()), Store::open(world.options.clone()));
    one.unwrap().close().await;
    other.unwrap().close().await;
    for n in [0, 7, 199, 200, 449] {
        let user = everybody[n];
        assert!(near(world, None, &format!("PERSON-{n:04}")).await.iter().any(|one| one.user == user), "{n}");
    }
    assert_eq!(
        known(world, everybody[7]).await,
        [is("username", "person-0007", None), is("identity", "s-1", None)]
    );
    // An old node wrote one more; the next start finds it.
    let late = world.user(tenant, |user| user.username = Some("latecomer".to_owned())).await;
    let count = known(world, everybody[0]).await.len();
    world.raw("DELETE FROM identifiers WHERE value = 'latecomer'").await;
    world.node().await.close().await;
    assert_eq!(known(world, late.id).await, [is("username", "latecomer", None)]);
    assert_eq!(known(world, everybody[0]).await.len(), count);
}
