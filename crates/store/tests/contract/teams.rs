//! Teams, nested, and who is in them.

use crate::world::{NOW, World, fresh, name, seconds};
use portcullis_model::team::{MembershipSource, TeamOrigin};
use portcullis_model::{Membership, Team, TeamId, TenantId, UserId};
use portcullis_store::entity::{memberships, teams};
use portcullis_store::{Error, Page};

async fn team(world: &World, tenant: TenantId, text: &str, parent: Option<TeamId>) -> Team {
    let team = Team {
        id: TeamId::new(NOW, fresh()),
        tenant,
        name: name(text),
        display_name: None,
        parent,
        external_id: None,
        origin: TeamOrigin::Api,
        created_at: NOW,
        updated_at: NOW,
    };
    let mut tx = world.store.begin().await.unwrap();
    teams::insert(&mut tx, &team).await.unwrap();
    tx.commit().await.unwrap();
    team
}

async fn join(world: &World, team: TeamId, user: UserId, source: MembershipSource) -> bool {
    let mut tx = world.store.begin().await.unwrap();
    let membership = Membership { team, user, source, since: seconds(1) };
    let new = memberships::insert(&mut tx, &membership).await.unwrap();
    tx.commit().await.unwrap();
    new
}

async fn names(world: &World, user: UserId) -> Vec<(String, bool)> {
    let all = teams::list_by_user(&world.store, user).await.unwrap();
    all.into_iter().map(|(team, direct)| (team.name.to_string(), direct)).collect()
}

pub async fn a_team_comes_back_as_it_went_in(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let top = team(world, tenant, "platform", None).await;
    let mut dev = team(world, tenant, "dev", Some(top.id)).await;
    dev.display_name = Some("Entwicklung — 研发".to_owned());
    dev.external_id = Some("g-1".to_owned());
    dev.origin = TeamOrigin::Scim;
    dev.name = name("Dev");
    dev.parent = None;
    dev.updated_at = seconds(5);
    let mut tx = world.store.begin().await.unwrap();
    teams::update(&mut tx, &dev).await.unwrap();
    assert_eq!(teams::lock(&mut tx, dev.id).await.unwrap().as_ref(), Some(&dev));
    tx.commit().await.unwrap();
    assert_eq!(teams::find(&world.store, dev.id).await.unwrap().as_ref(), Some(&dev));
    assert_eq!(teams::find_by_name(&world.store, tenant, "DEV").await.unwrap().as_ref(), Some(&dev));
    // Many groups at once, few of which are teams.
    let mut groups: Vec<String> = (0..130).map(|n| format!("nobody calls a team {n}")).collect();
    groups.extend(["g-1", "G-1", "\0"].map(str::to_owned));
    assert_eq!(teams::ids_of_external(&world.store, tenant, &groups).await.unwrap(), [dev.id]);
    assert!(teams::ids_of_external(&world.store, tenant, &[]).await.unwrap().is_empty());
    let filter = teams::Filter { tenant: Some(tenant), ..teams::Filter::default() };
    let all = teams::list(&world.store, &filter, Page::default()).await.unwrap();
    assert_eq!(all, [top.clone(), dev.clone()]);
    assert_eq!(teams::list_all(&world.store, tenant).await.unwrap(), [dev.clone(), top.clone()]);
    assert_eq!(teams::count(&world.store, tenant).await.unwrap(), 2);
    let page = Page { after: Some(top.id.0), limit: 1 };
    assert_eq!(teams::list(&world.store, &filter, page).await.unwrap(), std::slice::from_ref(&dev));
    for (filter, found) in [
        (teams::Filter { origin: Some(TeamOrigin::Scim), ..filter.clone() }, 1),
        (teams::Filter { parent: Some(top.id), ..filter.clone() }, 0),
        (teams::Filter { name: Some("Dev".to_owned()), ..filter.clone() }, 1),
        (teams::Filter { display_name: Some("Dev".to_owned()), ..filter.clone() }, 0),
        (teams::Filter { external_id: Some("g-1".to_owned()), ..filter.clone() }, 1),
    ] {
        assert_eq!(
            teams::list(&world.store, &filter, Page::default()).await.unwrap().len(),
            found,
            "{filter:?}"
        );
    }
    let foreign = Team { tenant: world.tenant("other").await.id, ..dev };
    let mut tx = world.store.begin().await.unwrap();
    assert!(matches!(teams::update(&mut tx, &foreign).await, Err(Error::NotFound { what: "team" })));
}

pub async fn names_are_unique_in_whatever_case(world: &World) {
    let (acme, other) = (world.tenant("acme").await.id, world.tenant("other").await.id);
    let one = team(world, acme, "Platform", None).await;
    team(world, other, "platform", None).await;
    let mut tx = world.store.begin().await.unwrap();
    let twice = Team { id: TeamId::new(NOW, fresh()), name: name("PLATFORM"), ..one.clone() };
    let error = teams::insert(&mut tx, &twice).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "team name" }), "{error:?}");
    drop(tx);
    let external = |text: &str, external: &str| Team {
        id: TeamId::new(NOW, fresh()),
        name: name(text),
        external_id: Some(external.to_owned()),
        ..one.clone()
    };
    let mut tx = world.store.begin().await.unwrap();
    teams::insert(&mut tx, &external("a", "g-1")).await.unwrap();
    teams::insert(&mut tx, &external("b", "G-1")).await.unwrap();
    let error = teams::insert(&mut tx, &external("c", "g-1")).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { what: "external id of a team" }), "{error:?}");
    drop(tx);
    let mut tx = world.store.begin().await.unwrap();
    let error = teams::insert(&mut tx, &external("d", "\0")).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
}

pub async fn a_user_is_in_all_the_teams_above(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = world.user(tenant, |_| {}).await.id;
    let top = team(world, tenant, "acme-it", None).await.id;
    let platform = team(world, tenant, "platform", Some(top)).await.id;
    let dev = team(world, tenant, "dev", Some(platform)).await.id;
    let ops = team(world, tenant, "ops", Some(platform)).await.id;
    team(world, tenant, "sales", Some(top)).await;
    assert_eq!(names(world, ada).await, []);
    for team in [dev, ops, platform] {
        assert!(join(world, team, ada, MembershipSource::Manual).await);
    }
    let is = |name: &str, direct| (name.to_owned(), direct);
    let all = [is("acme-it", false), is("dev", true), is("ops", true), is("platform", true)];
    assert_eq!(names(world, ada).await, all);
    assert_eq!(teams::above(&world.store, dev).await.unwrap(), [platform, top]);
    assert_eq!(teams::above(&world.store, top).await.unwrap(), []);
    assert_eq!(teams::height(&world.store, top).await.unwrap(), 3);
    assert_eq!(teams::height(&world.store, dev).await.unwrap(), 1);
    let below = teams::subtree(&world.store, platform).await.unwrap();
    assert_eq!(below.last(), Some(&platform));
    assert_eq!((below.len(), below.contains(&dev), below.contains(&ops)), (3, true, true));
}

pub async fn each_source_keeps_its_own_memberships(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = world.user(tenant, |_| {}).await.id;
    let dev = team(world, tenant, "dev", None).await.id;
    assert!(join(world, dev, ada, MembershipSource::Manual).await);
    assert!(!join(world, dev, ada, MembershipSource::Manual).await);
    assert!(join(world, dev, ada, MembershipSource::Scim).await);
    assert_eq!(names(world, ada).await, [("dev".to_owned(), true)]);
    assert_eq!(memberships::count_by_team(&world.store, dev).await.unwrap(), 1);
    assert_eq!(memberships::count_by_user(&world.store, ada).await.unwrap(), 1);
    assert_eq!(memberships::list_by_user(&world.store, ada).await.unwrap().len(), 2);
    let mut tx = world.store.begin().await.unwrap();
    assert_eq!(memberships::delete(&mut tx, dev, ada, Some(MembershipSource::Scim)).await.unwrap(), 1);
    assert!(memberships::is_in(&mut tx, dev, ada).await.unwrap());
    assert_eq!(memberships::delete(&mut tx, dev, ada, Some(MembershipSource::Scim)).await.unwrap(), 0);
    assert_eq!(memberships::delete(&mut tx, dev, ada, None).await.unwrap(), 1);
    assert!(!memberships::is_in(&mut tx, dev, ada).await.unwrap());
    tx.commit().await.unwrap();
    join(world, dev, ada, MembershipSource::Sync).await;
    join(world, dev, ada, MembershipSource::Manual).await;
    let mut tx = world.store.begin().await.unwrap();
    assert_eq!(memberships::delete_by_user(&mut tx, ada).await.unwrap(), [dev]);
    tx.commit().await.unwrap();
    assert_eq!(names(world, ada).await, []);
}

pub async fn members_are_listed_page_by_page(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let dev = team(world, tenant, "dev", None).await.id;
    let mut users = Vec::new();
    for n in 0..5 {
        let user = world.user(tenant, |_| {}).await.id;
        join(world, dev, user, MembershipSource::Manual).await;
        if n % 2 == 0 {
            join(world, dev, user, MembershipSource::Scim).await;
        }
        users.push(user);
    }
    let list = |source, after, limit| memberships::list_by_team(&world.store, dev, source, after, limit);
    let first = list(None, None, 3).await.unwrap();
    // All the sources of three users.
    assert_eq!(
        first.iter().map(|one| one.user).collect::<Vec<_>>(),
        [users[0], users[0], users[1], users[2], users[2]]
    );
    assert_eq!(
        first[0],
        Membership { team: dev, user: users[0], source: MembershipSource::Manual, since: seconds(1) }
    );
    let rest = list(None, Some(users[2]), 3).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.user).collect::<Vec<_>>(), [users[3], users[4], users[4]]);
    let scim = list(Some(MembershipSource::Scim), Some(users[0]), 9).await.unwrap();
    assert_eq!(scim.iter().map(|one| one.user).collect::<Vec<_>>(), [users[2], users[4]]);
    assert!(scim.iter().all(|one| one.source == MembershipSource::Scim));
    let mut tx = world.store.begin().await.unwrap();
    assert_eq!(memberships::delete_by_team(&mut tx, dev).await.unwrap(), users);
}

pub async fn what_is_not_empty_is_not_removed(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = world.user(tenant, |_| {}).await.id;
    let top = team(world, tenant, "platform", None).await.id;
    let dev = team(world, tenant, "dev", Some(top)).await.id;
    join(world, dev, ada, MembershipSource::Manual).await;
    for id in [top, dev] {
        let mut tx = world.store.begin().await.unwrap();
        assert!(matches!(teams::delete(&mut tx, id).await, Err(Error::Dangling)));
    }
    let mut tx = world.store.begin().await.unwrap();
    for id in teams::subtree(&mut tx, top).await.unwrap() {
        memberships::delete_by_team(&mut tx, id).await.unwrap();
        teams::delete(&mut tx, id).await.unwrap();
    }
    assert!(matches!(teams::delete(&mut tx, top).await, Err(Error::NotFound { what: "team" })));
    tx.commit().await.unwrap();
    assert_eq!(teams::count(&world.store, tenant).await.unwrap(), 0);
}

/// The directory makes none; whoever writes past it does not hang us.
pub async fn circles_end_every_walk(world: &World) {
    let tenant = world.tenant("acme").await.id;
    let ada = world.user(tenant, |_| {}).await.id;
    let one = team(world, tenant, "one", None).await;
    let two = team(world, tenant, "two", Some(one.id)).await;
    join(world, two.id, ada, MembershipSource::Manual).await;
    let mut tx = world.store.begin().await.unwrap();
    teams::update(&mut tx, &Team { parent: Some(two.id), ..one.clone() }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(names(world, ada).await, [("one".to_owned(), false), ("two".to_owned(), true)]);
    assert_eq!(teams::height(&world.store, one.id).await.unwrap(), 64);
    assert_eq!(teams::above(&world.store, one.id).await.unwrap().len(), 64);
    assert_eq!(teams::subtree(&world.store, one.id).await.unwrap().len(), 64);
}
