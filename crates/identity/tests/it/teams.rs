//! Teams: the tree, who is in it, what that lets them do, and how soon a change is in force.

use crate::fixture::*;
use portcullis_identity::directory::{MembersChange, NewTeam, TeamChange};
use portcullis_model::event::{Change, Event};
use portcullis_model::team::{MembershipSource, TeamOrigin};
use portcullis_model::{Team, TeamId, TenantId};
use portcullis_store::Page;
use portcullis_store::entity::{audit, events, memberships, teams};
use std::collections::BTreeSet;

fn new_team(tenant: TenantId, called: &str, parent: Option<TeamId>) -> NewTeam {
    NewTeam {
        tenant,
        name: name(called),
        display_name: None,
        parent,
        external_id: None,
        origin: TeamOrigin::Api,
    }
}

async fn team(world: &World, called: &str, parent: Option<TeamId>) -> Team {
    let team = world.directory.create_team(&actor(), new_team(world.acme.id, called, parent)).await.unwrap();
    world.hear().await;
    team
}

async fn happened(world: &World) -> Vec<Change> {
    let all: Vec<Event> = events::list_after(&world.store, 0, 1_000).await.unwrap();
    all.into_iter().map(|event| event.change).collect()
}

#[tokio::test]
async fn teams_make_a_tree_and_nothing_else() {
    let world = World::new().await;
    let directory = &world.directory;
    let top = team(&world, "platform", None).await;
    let dev = team(&world, "dev", Some(top.id)).await;
    let mut deepest = dev.clone();
    for level in 3..=16 {
        deepest = team(&world, &format!("level-{level}"), Some(deepest.id)).await;
    }
    let conflict = |result: Result<Team, portcullis_fault::Fault>, says: &str| {
        let fault = result.unwrap_err();
        assert_eq!(fault.code().name(), "resource_conflict", "{says}");
        assert!(fault.public_detail().contains(says), "{says}: {}", fault.public_detail());
    };
    let create = async |new| directory.create_team(&actor(), new).await;
    conflict(create(new_team(world.acme.id, "deeper", Some(deepest.id))).await, "at most 16 deep");
    conflict(create(new_team(world.acme.id, "PLATFORM", None)).await, "team name");
    let parent = |parent| TeamChange { parent: Some(parent), ..TeamChange::default() };
    let move_to = async |id, to| directory.change_team(&actor(), id, parent(to)).await;
    conflict(move_to(top.id, Some(top.id)).await, "part of itself");
    conflict(move_to(top.id, Some(deepest.id)).await, "is below `platform`");
    let side = team(&world, "side", None).await;
    conflict(move_to(top.id, Some(side.id)).await, "would be 17");
    let foreign = directory.create_team(&actor(), new_team(world.globex.id, "platform", None)).await.unwrap();
    assert_eq!(move_to(dev.id, Some(foreign.id)).await.unwrap_err().code().name(), "resource_not_found");
    let slash = create(new_team(world.acme.id, "a/b", None)).await.unwrap_err();
    assert_eq!(slash.code().name(), "parameter_invalid");

    // Up, and so on its own; a rename and a move are said as such.
    let moved = TeamChange { name: Some(name("devs")), ..parent(None) };
    assert_eq!(directory.change_team(&actor(), dev.id, moved.clone()).await.unwrap().parent, None);
    let before = happened(&world).await;
    directory.change_team(&actor(), dev.id, moved).await.unwrap();
    let after = happened(&world).await;
    assert_eq!(before, after, "what is so already does not happen");
    let last: Vec<_> = after.iter().rev().take(2).rev().collect();
    let is = |what: &str| Change::Team { team: dev.id, what: what.to_owned() };
    assert_eq!(last, [&is("renamed"), &is("moved")]);
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let world = World::new().await;
    let directory = &world.directory;
    let ada = world.user("ada", &[]).await;
    let top = team(&world, "platform", None).await;
    let dev = team(&world, "dev", Some(top.id)).await;
    directory.add_member(&actor(), dev.id, ada.id, MembershipSource::Manual).await.unwrap();
    directory.add_member(&actor(), top.id, ada.id, MembershipSource::Scim).await.unwrap();
    let refused = directory.delete_team(&actor(), top.id, false).await.unwrap_err();
    assert!(refused.public_detail().contains("teams below it (`dev`) and 1 member"), "{refused:?}");
    assert_eq!(directory.delete_team(&actor(), top.id, true).await.unwrap(), 2);
    assert_eq!(teams::count(&world.store, world.acme.id).await.unwrap(), 0);
    let filter = audit::Filter::default();
    let entries = audit::list(&world.store, &filter, Page::default()).await.unwrap();
    let deleted: Vec<_> = entries.iter().filter(|entry| entry.action == "team.delete").collect();
    assert_eq!(deleted.len(), 2);
    assert!(deleted.iter().all(|entry| entry.before["members"] == serde_json::json!([ada.id])));
    let gone = directory.delete_team(&actor(), top.id, false).await.unwrap_err();
    assert_eq!(gone.code().name(), "resource_not_found");
}

#[tokio::test]
async fn members_come_and_go_by_whoever_says_so() {
    let world = World::new().await;
    let directory = &world.directory;
    // In the order of ids, as they are taken.
    let (mut ada, mut bob) = (world.user("ada", &[]).await, world.user("bob", &[]).await);
    if bob.id < ada.id {
        std::mem::swap(&mut ada, &mut bob);
    }
    let dev = team(&world, "dev", None).await;
    let manual = MembershipSource::Manual;
    assert!(directory.add_member(&actor(), dev.id, ada.id, manual).await.unwrap());
    assert!(!directory.add_member(&actor(), dev.id, ada.id, MembershipSource::Scim).await.unwrap());
    let scim = Some(MembershipSource::Scim);
    assert!(!directory.remove_member(&actor(), dev.id, ada.id, scim).await.unwrap(), "somebody else says so");
    assert!(directory.remove_member(&actor(), dev.id, ada.id, None).await.unwrap());
    let change = MembersChange {
        add: [ada.id, bob.id].into(),
        remove: BTreeSet::new(),
        source: MembershipSource::Scim,
        whoever: false,
    };
    let changed = directory.change_members(&actor(), dev.id, change.clone()).await.unwrap();
    assert_eq!(changed.added, [ada.id, bob.id]);
    let moves: Vec<_> = happened(&world)
        .await
        .into_iter()
        .filter_map(|change| match change {
            Change::TeamChanged { user, what, .. } => Some((user, what)),
            _ => None,
        })
        .collect();
    let is = |user, what: &str| (user, what.to_owned());
    assert_eq!(moves, [is(ada.id, "joined"), is(ada.id, "left"), is(ada.id, "joined"), is(bob.id, "joined")]);
    // A tombstone is in no team and comes into none; whoever is another tenant's is nobody.
    directory.delete(&actor(), bob.id, None).await.unwrap();
    assert_eq!(memberships::list_by_user(&world.store, bob.id).await.unwrap(), []);
    let refused = directory.add_member(&actor(), dev.id, bob.id, manual).await.unwrap_err();
    assert_eq!(refused.code().name(), "resource_conflict");
    let foreign = directory.create_team(&actor(), new_team(world.globex.id, "dev", None)).await.unwrap();
    for result in [
        directory.add_member(&actor(), foreign.id, ada.id, manual).await,
        directory.remove_member(&actor(), foreign.id, ada.id, None).await,
    ] {
        assert_eq!(result.unwrap_err().code().name(), "resource_not_found");
    }
    let token = MembersChange { source: MembershipSource::Token, ..change };
    let refused = directory.change_members(&actor(), dev.id, token).await.unwrap_err();
    assert_eq!(refused.code().name(), "parameter_invalid");
}

#[tokio::test]
async fn every_turn_of_a_life_is_an_event_of_its_own() {
    let world = World::new().await;
    let directory = &world.directory;
    let (ada, bob) = (world.user("ada", &[]).await, world.user("bob", &[]).await);
    let dev = team(&world, "dev", None).await;
    let roles = |roles: &[&str]| portcullis_identity::directory::UserChange {
        roles: Some(roles.iter().map(|&role| role.to_owned()).collect()),
        ..Default::default()
    };
    let before = happened(&world).await.len();
    directory.change_user(&actor(), ada.id, roles(&["admin"])).await.unwrap();
    let both = portcullis_identity::directory::UserChange {
        display_name: Some(Some("Ada".into())),
        ..roles(&["reader"])
    };
    directory.change_user(&actor(), ada.id, both).await.unwrap();
    directory.link_identity(&actor(), ada.id, name("corp"), "a".into()).await.unwrap();
    directory.unlink_identity(&actor(), ada.id, &name("corp"), "a").await.unwrap();
    directory.add_member(&actor(), dev.id, ada.id, MembershipSource::Manual).await.unwrap();
    directory.remove_member(&actor(), dev.id, ada.id, None).await.unwrap();
    directory.suspend(&actor(), ada.id, None).await.unwrap();
    directory.restore(&actor(), ada.id, None).await.unwrap();
    directory.merge(&actor(), bob.id, ada.id, None).await.unwrap();
    directory.delete(&actor(), ada.id, None).await.unwrap();
    let user = |user, what: &str| Change::User { user, what: what.to_owned() };
    let role = |before: &str, after: &str| Change::RoleChanged {
        user: ada.id,
        before: vec![before.to_owned()],
        after: vec![after.to_owned()],
    };
    let (issuer, subject) = (name("corp"), "a".to_owned());
    let team = |what: &str| Change::TeamChanged { user: ada.id, team: dev.id, what: what.to_owned() };
    assert_eq!(
        happened(&world).await[before..],
        [
            role("reader", "admin"),
            role("admin", "reader"),
            user(ada.id, "changed"),
            Change::IdentityLinked { user: ada.id, issuer: issuer.clone(), subject: subject.clone() },
            Change::IdentityUnlinked { user: ada.id, issuer, subject },
            team("joined"),
            team("left"),
            user(ada.id, "suspended"),
            user(ada.id, "restored"),
            user(bob.id, "merged"),
            user(ada.id, "changed"),
            user(ada.id, "deleted"),
        ]
    );
}
