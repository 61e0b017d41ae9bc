//! What SCIM clients said, and what each of them sees.

use crate::world::{self, NOW, World, fresh, name, seconds};
use portcullis_model::team::{MembershipSource, TeamOrigin};
use portcullis_model::{Identity, Membership, Team, TeamId, TenantId, User, UserStatus};
use portcullis_store::entity::provisioned::{self, Provisioned, Teams, Users};
use portcullis_store::entity::{identities, memberships, teams, users};
use serde_json::json;

fn user(tenant: TenantId, username: &str) -> User {
    User { username: Some(username.to_owned()), ..world::user(tenant) }
}

async fn add(world: &World, user: &User, source: Option<&str>) {
    let mut tx = world.store.begin().await.unwrap();
    users::insert(&mut tx, user).await.unwrap();
    if let Some(source) = source {
        provisioned::put(&mut tx, &said(user, source)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn said(user: &User, source: &str) -> Provisioned {
    Provisioned {
        id: user.id.0,
        tenant: user.tenant,
        source: name(source),
        revision: 1,
        document: json!({ "nickName": "Ä \u{1f600}" }).as_object().unwrap().clone(),
        updated_at: NOW,
    }
}

pub async fn what_a_feed_said_comes_back(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = user(tenant, "ada");
    add(world, &ada, Some("okta")).await;
    let first = said(&ada, "okta");
    assert_eq!(provisioned::find(&world.store, ada.id.0).await.unwrap(), Some(first.clone()));
    let second =
        Provisioned { revision: 2, updated_at: seconds(3), document: serde_json::Map::new(), ..first };
    let mut tx = world.store.begin().await.unwrap();
    provisioned::put(&mut tx, &second).await.unwrap();
    assert_eq!(provisioned::find(&mut tx, ada.id.0).await.unwrap(), Some(second));
    provisioned::delete(&mut tx, ada.id.0).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(provisioned::find(&world.store, ada.id.0).await.unwrap(), None);
}

pub async fn a_feed_sees_its_own_and_nobodys(world: &World) {
    let (tenant, other) = (world.tenant("acme").await.id, world.tenant("globex").await.id);
    let fed = user(tenant, "fed");
    let unfed = user(tenant, "unfed");
    let others = user(tenant, "others");
    let shadow = user(tenant, "shadow");
    let gone = User { status: UserStatus::Deleted, ..user(tenant, "gone") };
    add(world, &fed, Some("okta")).await;
    add(world, &unfed, None).await;
    add(world, &others, Some("entra")).await;
    add(world, &shadow, None).await;
    add(world, &gone, Some("okta")).await;
    add(world, &user(other, "foreign"), None).await;
    let mut tx = world.store.begin().await.unwrap();
    let identity =
        Identity { issuer: name("source:hr"), subject: "7".to_owned(), user: shadow.id, linked_at: NOW };
    identities::insert(&mut tx, tenant, &identity).await.unwrap();
    tx.commit().await.unwrap();
    let okta = name("okta");
    let asked = Users::of(tenant, &okta);
    let seen = provisioned::list_users(&world.store, &asked, 0, 10).await.unwrap();
    let mut ids: Vec<_> = seen.iter().map(|(user, said)| (user.id, said.is_some())).collect();
    let mut wanted = vec![(fed.id, true), (unfed.id, false)];
    ids.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(ids, wanted);
    assert_eq!(provisioned::count_users(&world.store, &asked).await.unwrap(), 2);
    let first = provisioned::list_users(&world.store, &asked, 0, 1).await.unwrap();
    let second = provisioned::list_users(&world.store, &asked, 1, 1).await.unwrap();
    assert!(first[0].0.id < second[0].0.id);
    let rest = provisioned::list_users_after(&world.store, &asked, Some(first[0].0.id), 100).await.unwrap();
    assert_eq!(rest, second);
    for hidden in [&others, &shadow, &gone] {
        let asked = Users { id: Some(hidden.id), ..asked.clone() };
        assert!(provisioned::list_users(&world.store, &asked, 0, 10).await.unwrap().is_empty());
    }

    let team = |text: &str, origin| Team {
        id: TeamId::new(NOW, fresh()),
        tenant,
        name: name(text),
        display_name: Some(format!("The {text}")),
        parent: None,
        external_id: None,
        origin,
        created_at: NOW,
        updated_at: NOW,
    };
    let (own, made, synced) =
        (team("a", TeamOrigin::Scim), team("b", TeamOrigin::Api), team("c", TeamOrigin::Sync));
    let mut tx = world.store.begin().await.unwrap();
    for team in [&own, &made, &synced] {
        teams::insert(&mut tx, team).await.unwrap();
    }
    let said = Provisioned { id: own.id.0, ..said(&fed, "okta") };
    provisioned::put(&mut tx, &said).await.unwrap();
    let membership = Membership { team: own.id, user: fed.id, source: MembershipSource::Scim, since: NOW };
    memberships::insert(&mut tx, &membership).await.unwrap();
    tx.commit().await.unwrap();
    let listed = async |asked: Teams<'_>| {
        let found = provisioned::list_teams(&world.store, &asked).await.unwrap();
        let mut ids: Vec<_> = found.into_iter().map(|(team, _)| team.id).collect();
        ids.sort_unstable();
        ids
    };
    let all = Teams::of(tenant, &okta);
    let mut both = vec![own.id, made.id];
    both.sort_unstable();
    assert_eq!(listed(all.clone()).await, both);
    assert_eq!(listed(Teams { shown: Some("tHE B".to_owned()), ..all.clone() }).await, [made.id]);
    assert_eq!(listed(Teams { member: Some(fed.id), ..all.clone() }).await, [own.id]);
    let entra = name("entra");
    assert_eq!(listed(Teams { source: &entra, ..all }).await, [made.id]);
}

pub async fn a_users_groups_are_those_that_its_feed_sees_and_says(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let (ada, bob) = (user(tenant, "ada"), user(tenant, "bob"));
    add(world, &ada, Some("okta")).await;
    add(world, &bob, Some("okta")).await;
    let team = |text: &str, origin, parent| Team {
        id: TeamId::new(NOW, fresh()),
        tenant,
        name: name(text),
        display_name: None,
        parent,
        external_id: None,
        origin,
        created_at: NOW,
        updated_at: NOW,
    };
    let top = team("top", TeamOrigin::Api, None);
    let own = team("own", TeamOrigin::Scim, Some(top.id));
    let theirs = team("theirs", TeamOrigin::Scim, None);
    let synced = team("synced", TeamOrigin::Sync, None);
    let by_hand = team("by-hand", TeamOrigin::Api, None);
    let mut tx = world.store.begin().await.unwrap();
    for team in [&top, &own, &theirs, &synced, &by_hand] {
        teams::insert(&mut tx, team).await.unwrap();
    }
    for (team, source) in [(&own, "okta"), (&theirs, "entra")] {
        provisioned::put(&mut tx, &Provisioned { id: team.id.0, ..said(&ada, source) }).await.unwrap();
    }
    for (team, source) in [
        (&own, MembershipSource::Scim),
        (&own, MembershipSource::Manual),
        (&theirs, MembershipSource::Scim),
        (&synced, MembershipSource::Sync),
        (&by_hand, MembershipSource::Manual),
    ] {
        let membership = Membership { team: team.id, user: ada.id, source, since: NOW };
        memberships::insert(&mut tx, &membership).await.unwrap();
    }
    tx.commit().await.unwrap();
    let of = async |source: &str, user: &User| {
        let found = provisioned::teams_of(&world.store, tenant, &name(source), user.id).await.unwrap();
        found.into_iter().map(|(team, direct)| (team.name.to_string(), direct)).collect::<Vec<_>>()
    };
    let named = |all: &[(&str, bool)]| -> Vec<_> {
        all.iter().map(|(name, direct)| ((*name).to_owned(), *direct)).collect()
    };
    assert_eq!(of("okta", &ada).await, named(&[("own", true), ("top", false)]));
    assert_eq!(of("entra", &ada).await, named(&[("theirs", true), ("top", false)]));
    assert_eq!(of("okta", &bob).await, named(&[]));
    let other = world.tenant("globex").await.id;
    assert!(provisioned::teams_of(&world.store, other, &name("okta"), ada.id).await.unwrap().is_empty());
}

pub async fn names_are_found_in_whatever_case(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = User { username: Some("Ada@Example.com".to_owned()), ..user(tenant, "ada") };
    add(world, &ada, None).await;
    let okta = name("okta");
    for (text, found) in [("ada@example.COM", 1), ("Ada@Example.com", 1), ("ada", 0), ("a\0", 0)] {
        assert_eq!(provisioned::named(&world.store, tenant, text).await.unwrap().len(), found, "{text}");
        let asked = Users { username: Some(text.to_owned()), ..Users::of(tenant, &okta) };
        assert_eq!(
            provisioned::list_users(&world.store, &asked, 0, 10).await.unwrap().len(),
            found,
            "{text}"
        );
    }
    let active = Users { active: Some(false), ..Users::of(tenant, &okta) };
    assert_eq!(provisioned::count_users(&world.store, &active).await.unwrap(), 0);
}
