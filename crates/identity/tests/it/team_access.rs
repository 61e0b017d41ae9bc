//! What teams let somebody do: those of the directory, those that a token's groups name, and how soon that changes.

use crate::fixture::*;
use http::Method;
use portcullis_identity::directory::{NewTeam, TeamChange, UserChange};
use portcullis_identity::{
    CallFacts, Caller, Effects, Fact, Identity, Observer, Permit, ServiceRules, Standing,
};
use portcullis_model::issuer::{GroupGrant, GroupsOverage, GroupsRule, UnmappedGroups};
use portcullis_model::service::{Allow, AuthMode, CredentialPlaces, Forward};
use portcullis_model::team::{MembershipSource, TeamOrigin};
use portcullis_model::{Issuer, Policy, Principal, Service, Specification, TeamId, Timestamp};
use portcullis_store::entity::memberships;
use serde_json::{Value, json};
use std::sync::Arc;

async fn team(world: &World, called: &str, parent: Option<TeamId>) -> TeamId {
    let new = NewTeam {
        tenant: world.acme.id,
        name: name(called),
        display_name: None,
        parent,
        external_id: None,
        origin: TeamOrigin::Api,
    };
    let team = world.directory.create_team(&actor(), new).await.unwrap();
    world.hear().await;
    team.id
}

async fn join(world: &World, team: TeamId, user: portcullis_model::UserId) {
    world.directory.add_member(&actor(), team, user, MembershipSource::Manual).await.unwrap();
    world.hear().await;
}

fn teams(principal: &Principal) -> Vec<&str> {
    principal.teams.iter().map(|team| team.name.as_str()).collect()
}

fn service(allow: &[&str]) -> Service {
    Service {
        name: name("orders"),
        tenant: name("acme"),
        path: "/orders".to_owned(),
        host: None,
        upstream: "http://127.0.0.1:9".parse().unwrap(),
        strip_path: false,
        auth: AuthMode::Required,
        methods: Vec::new(),
        scopes: Vec::new(),
        roles: Vec::new(),
        allow: Allow { teams: allow.iter().map(|&team| team.to_owned()).collect(), ..Allow::default() },
        forward: Forward::None,
        credentials: CredentialPlaces::default(),
        max_body: None,
        timeout: None,
        websocket: false,
        capture: false,
        http: Default::default(),
    }
}

fn may(
    world: &World,
    identity: &Identity,
    caller: &Caller,
    who: &Arc<Principal>,
    allow: &[&str],
) -> &'static str {
    let rules = ServiceRules::compile(&service(allow), &[world.acme.clone(), world.globex.clone()]).unwrap();
    let facts = CallFacts {
        method: &Method::GET,
        path: "/orders/7",
        client: connection().client,
        now: Timestamp::from_seconds(START),
        caller: Some(caller),
    };
    let permit: Result<Permit, _> = identity.authorize(who.clone(), &rules, &facts);
    permit.map_or_else(|fault| fault.code().name(), |_| "permitted")
}

fn with_policies(world: &World, issuers: Vec<Issuer>, policies: &[&str]) -> Identity {
    let policy = |(n, cedar): (usize, &&str)| Policy {
        name: name(&format!("p{n}")),
        tenant: None,
        cedar: Some((*cedar).to_owned()),
        file: None,
    };
    let policies = policies.iter().enumerate().map(policy).collect();
    world.compile_all(&Specification { policies, ..world.specification(issuers) }).unwrap()
}

fn groups(rule: GroupsRule) -> Issuer {
    Issuer { groups: Some(rule), ..hmac_issuer("corp") }
}

fn mapped(map: &[(&str, &[&str], &[&str])]) -> GroupsRule {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let map = map.iter().map(|(group, roles, teams)| {
        ((*group).to_owned(), GroupGrant { roles: owned(roles), teams: owned(teams) })
    });
    GroupsRule { claim: Some("groups".to_owned()), map: map.collect(), ..GroupsRule::default() }
}

fn token(world: &World, changes: Value) -> String {
    sign(&hmac_key(), &claims("https://corp.example.com", world.now(), changes))
}

async fn who(identity: &Identity, token: &str) -> (Caller, Arc<Principal>) {
    let caller = authenticate(identity, token).await.unwrap();
    let principal = identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    (caller, Arc::new(principal))
}

#[tokio::test]
async fn a_service_names_the_teams_that_may_call() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let platform = team(&world, "platform", None).await;
    let dev = team(&world, "dev", Some(platform)).await;
    team(&world, "sales", None).await;
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let token = token(&world, json!({}));
    let (caller, nobody) = who(&identity, &token).await;
    assert_eq!(teams(&nobody), [""; 0]);
    assert_eq!(may(&world, &identity, &caller, &nobody, &["platform"]), "not_allowed");
    join(&world, dev, ada).await;
    let (caller, member) = who(&identity, &token).await;
    assert_eq!(teams(&member), ["dev", "platform"]);
    assert_eq!(member.teams.iter().map(|team| team.direct).collect::<Vec<_>>(), [true, false]);
    for allow in ["dev", "platform", "platform/dev"] {
        assert_eq!(may(&world, &identity, &caller, &member, &[allow]), "permitted", "{allow}");
    }
    for allow in ["sales", "sales/dev", "Dev", "dev/platform"] {
        assert_eq!(may(&world, &identity, &caller, &member, &[allow]), "not_allowed", "{allow}");
    }
}

#[tokio::test]
async fn what_was_permitted_ends_with_the_membership() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let (platform, other) = (team(&world, "platform", None).await, team(&world, "other", None).await);
    let dev = team(&world, "dev", Some(platform)).await;
    join(&world, dev, ada).await;
    let identity = with_policies(
        &world,
        vec![hmac_issuer("corp")],
        &["permit (principal in Team::\"acme/platform\", action == Action::\"call\", resource);"],
    );
    let token = token(&world, json!({}));
    let now = async || {
        let (caller, principal) = who(&identity, &token).await;
        // Twice: the second is of the memory of what was permitted.
        let first = may(&world, &identity, &caller, &principal, &[]);
        assert_eq!(first, may(&world, &identity, &caller, &principal, &[]));
        first
    };
    assert_eq!(now().await, "permitted");
    let change = async |id, change| {
        world.directory.change_team(&actor(), id, change).await.unwrap();
        world.hear().await;
    };
    // The team moves, with everybody in it.
    let to = |parent| TeamChange { parent: Some(parent), ..TeamChange::default() };
    change(dev, to(Some(other))).await;
    assert_eq!(now().await, "policy_denied");
    change(dev, to(Some(platform))).await;
    assert_eq!(now().await, "permitted");
    // What is above it is called otherwise.
    change(platform, TeamChange { name: Some(name("platforms")), ..TeamChange::default() }).await;
    assert_eq!(now().await, "policy_denied");
    change(platform, TeamChange { name: Some(name("platform")), ..TeamChange::default() }).await;
    assert_eq!(now().await, "permitted");
    // What is above it moves, and a level higher.
    change(platform, to(Some(other))).await;
    assert_eq!(now().await, "permitted");
    world.directory.remove_member(&actor(), dev, ada, None).await.unwrap();
    world.hear().await;
    assert_eq!(now().await, "policy_denied");
    join(&world, platform, ada).await;
    assert_eq!(now().await, "permitted");
    world.directory.delete_team(&actor(), platform, true).await.unwrap();
    world.hear().await;
    assert_eq!(now().await, "policy_denied");
}

/// Watches over a stream that such a service let in.
fn watch(
    world: &World,
    identity: &Arc<Identity>,
    (caller, who): (Caller, Arc<Principal>),
    allow: Allow,
) -> Standing {
    let service = Service { allow, ..service(&[]) };
    let rules = ServiceRules::compile(&service, &[world.acme.clone(), world.globex.clone()]).unwrap();
    let (decides, of, now) = (identity.clone(), caller.clone(), world.now());
    let again = move |principal| {
        let facts = CallFacts {
            method: &Method::GET,
            path: "/orders/7",
            client: connection().client,
            now: Timestamp::from_seconds(now),
            caller: Some(&of),
        };
        decides.would_authorize(principal, &rules, &facts)
    };
    identity.watch(who, Some(&caller), Some(Box::new(again)))
}

#[tokio::test]
async fn a_stream_ends_when_what_let_it_in_is_taken_away_and_only_then() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let (platform, other) = (team(&world, "platform", None).await, team(&world, "other", None).await);
    let dev = team(&world, "dev", Some(platform)).await;
    let ops = team(&world, "ops", None).await;
    join(&world, dev, ada).await;
    let identity = Arc::new(world.compile(vec![groups(mapped(&[("on-call", &[], &["ops"])]))]));
    let token = token(&world, json!({ "groups": ["on-call"] }));
    let of = |teams: &[&str], roles: &[&str]| Allow {
        teams: teams.iter().map(|&team| team.to_owned()).collect(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        ..Allow::default()
    };
    let stream = async |allow| watch(&world, &identity, who(&identity, &token).await, allow);
    let mut by_team = stream(of(&["platform"], &[])).await;
    let mut by_token = stream(of(&["ops"], &[])).await;
    let mut by_role = stream(of(&[], &["reader"])).await;
    let mut by_either = stream(of(&["platform"], &["reader"])).await;
    let mut for_all = stream(Allow::default()).await;
    // Another name is nothing to any of them, and neither is a team more.
    let named = UserChange { display_name: Some(Some("Ada".to_owned())), ..UserChange::default() };
    world.directory.change_user(&actor(), ada, named).await.unwrap();
    join(&world, other, ada).await;
    for standing in [&mut by_team, &mut by_token, &mut by_role, &mut by_either, &mut for_all] {
        standing.check().await.unwrap();
    }
    // The team is another's part by now; and back; and left.
    let moved = |parent| TeamChange { parent: Some(parent), ..TeamChange::default() };
    world.directory.change_team(&actor(), dev, moved(Some(other))).await.unwrap();
    world.hear().await;
    assert_eq!(by_team.check().await.unwrap_err().code().name(), "not_allowed");
    world.directory.change_team(&actor(), dev, moved(Some(platform))).await.unwrap();
    world.hear().await;
    by_team.check().await.unwrap();
    world.directory.remove_member(&actor(), dev, ada, None).await.unwrap();
    world.hear().await;
    assert_eq!(by_team.lost().await.code().name(), "not_allowed");
    for standing in [&mut by_token, &mut by_role, &mut by_either, &mut for_all] {
        standing.check().await.unwrap();
    }
    // A role is taken away; the team that the token names is no more.
    let without = UserChange { roles: Some(Vec::new()), ..UserChange::default() };
    world.directory.change_user(&actor(), ada, without).await.unwrap();
    world.hear().await;
    assert_eq!(by_role.lost().await.code().name(), "not_allowed");
    assert_eq!(by_either.lost().await.code().name(), "not_allowed");
    by_token.check().await.unwrap();
    world.directory.delete_team(&actor(), ops, false).await.unwrap();
    world.hear().await;
    assert_eq!(by_token.lost().await.code().name(), "not_allowed");
    for_all.check().await.unwrap();
}

#[tokio::test]
async fn policies_know_teams_of_teams_and_only_the_tenants_own() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let platform = team(&world, "platform", None).await;
    let dev = team(&world, "dev", Some(platform)).await;
    join(&world, dev, ada).await;
    for (policy, expected) in [
        ("permit (principal in Team::\"acme/dev\", action, resource);", "permitted"),
        ("permit (principal is User in Team::\"acme/platform\", action, resource);", "permitted"),
        (
            "permit (principal, action, resource) when { principal in [Team::\"acme/x\", Team::\"acme/platform\"] };",
            "permitted",
        ),
        (
            "permit (principal, action, resource) when { Team::\"acme/dev\" in Team::\"acme/platform\" };",
            "permitted",
        ),
        ("permit (principal in Team::\"globex/platform\", action, resource);", "policy_denied"),
        ("permit (principal in Team::\"platform\", action, resource);", "policy_denied"),
        ("forbid (principal in Team::\"acme/platform\", action, resource);", "policy_denied"),
        ("forbid (principal in Team::\"acme/other\", action, resource);", "permitted"),
    ] {
        let identity = with_policies(&world, vec![hmac_issuer("corp")], &[policy]);
        let (caller, principal) = who(&identity, &token(&world, json!({}))).await;
        assert_eq!(may(&world, &identity, &caller, &principal, &[]), expected, "{policy}");
    }
    let wrong = Policy {
        name: name("wrong"),
        tenant: None,
        cedar: Some("permit (principal in Service::\"x\", action, resource);".to_owned()),
        file: None,
    };
    let specification = Specification { policies: vec![wrong], ..world.specification(vec![]) };
    assert!(world.compile_all(&specification).is_err(), "the schema says what can be in what");
}

#[tokio::test]
async fn groups_of_a_token_hold_for_its_calls_and_are_not_kept() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let platform = team(&world, "platform", None).await;
    let dev = team(&world, "dev", Some(platform)).await;
    let ops = team(&world, "ops", None).await;
    join(&world, ops, ada).await;
    let rule = mapped(&[("g-1", &["admin"], &[]), ("devs", &[], &["platform/dev", "nowhere"])]);
    let identity = world.compile(vec![groups(rule.clone())]);
    let with = token(&world, json!({ "groups": ["g-1", "devs", "ops", "platform"] }));
    let without = token(&world, json!({ "jti": "j2" }));
    let (_, principal) = who(&identity, &with).await;
    assert_eq!(
        (teams(&principal), &*principal.roles),
        (vec!["dev", "ops", "platform"], &["admin".to_owned(), "reader".to_owned()][..])
    );
    let (_, principal) = who(&identity, &without).await;
    assert_eq!((teams(&principal), &*principal.roles), (vec!["ops"], &["reader".to_owned()][..]));
    let kept = memberships::list_by_user(&world.store, ada).await.unwrap();
    assert_eq!(kept.iter().map(|one| one.team).collect::<Vec<_>>(), [ops]);

    // Moved away, the path names it no longer; at once, though the token is the same.
    world
        .directory
        .change_team(&actor(), dev, TeamChange { parent: Some(None), ..TeamChange::default() })
        .await
        .unwrap();
    world.hear().await;
    assert_eq!(teams(&who(&identity, &with).await.1), ["ops"]);

    // Another configuration reads the same token otherwise.
    let all = GroupsRule { unmapped: UnmappedGroups::Teams, ..rule };
    let identity = world.compile(vec![groups(all)]);
    assert_eq!(teams(&who(&identity, &with).await.1), ["ops", "platform"]);

    // Without a rule they stand for nothing.
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let (_, principal) = who(&identity, &with).await;
    assert_eq!((teams(&principal), &*principal.roles), (vec!["ops"], &["reader".to_owned()][..]));
}

#[tokio::test]
async fn a_machines_groups_count_too() {
    let world = World::new().await;
    world.application("bot", &[("corp", "c-1")]).await;
    team(&world, "dev", None).await;
    let identity = with_policies(
        &world,
        vec![groups(mapped(&[("devs", &["writer"], &["dev"])]))],
        &["permit (principal is Application in Team::\"acme/dev\", action, resource);"],
    );
    let machine = token(&world, json!({ "sub": "c-1", "azp": "c-1", "groups": "devs" }));
    let (caller, principal) = who(&identity, &machine).await;
    assert_eq!(
        (teams(&principal), &*principal.roles),
        (vec!["dev"], &["robot".to_owned(), "writer".to_owned()][..])
    );
    assert_eq!(may(&world, &identity, &caller, &principal, &[]), "permitted");
}

#[derive(Default)]
struct Noted(Option<&'static str>);

impl Observer for Noted {
    fn note(&mut self, fact: Fact<'_>) {
        if let Fact::GroupsOverage { shown_by } = fact {
            self.0 = Some(shown_by);
        }
    }
}

#[tokio::test]
async fn groups_that_are_too_many_are_the_directorys_or_refused() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let dev = team(&world, "dev", None).await;
    join(&world, dev, ada).await;
    let rule = |overage| GroupsRule { overage, ..mapped(&[("g-1", &["admin"], &["dev"])]) };
    let over = token(&world, json!({ "_claim_names": { "groups": "src1" } }));
    let identity = world.compile(vec![groups(rule(GroupsOverage::Refuse))]);
    assert_eq!(code(&identity, &over).await, "groups_overage");
    assert_eq!(code(&identity, &token(&world, json!({ "groups": ["g-1"] }))).await, "accepted");
    let identity = world.compile(vec![groups(rule(GroupsOverage::Directory))]);
    let mut noted = Noted::default();
    let caller = authenticate_with(&identity, &over, Effects::Live, &mut noted).await.unwrap();
    let principal = identity.resolve(&caller, Effects::Live, &mut noted).await.unwrap();
    assert_eq!(
        (noted.0, teams(&principal), &*principal.roles),
        (Some("_claim_names"), vec!["dev"], &["reader".to_owned()][..])
    );
    // Where groups stand for nothing, nobody misses them.
    let identity = world.compile(vec![hmac_issuer("corp")]);
    assert_eq!(code(&identity, &over).await, "accepted");
}

#[tokio::test]
async fn presets_say_where_the_groups_are() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let rule = GroupsRule { claim: None, ..mapped(&[("g-1", &["admin"], &[])]) };
    let with = |preset: &str| Issuer {
        preset: Some(preset.to_owned()),
        audience_claim: Some("aud".to_owned()),
        ..groups(rule.clone())
    };
    for (preset, claim) in
        [("keycloak", "groups"), ("okta", "groups"), ("cognito", "cognito:groups"), ("entra", "groups")]
    {
        let identity = world.compile(vec![with(preset)]);
        let token = token(&world, json!({ claim: ["g-1", "g-2"], "oid": "o" }));
        let (_, principal) = who(&identity, &token).await;
        // Not `g-2`: with a rule, no group is a role by itself.
        assert_eq!(&*principal.roles, ["admin", "reader"], "{preset}");
    }
    for (issuer, says) in [
        (with("auth0"), "`claim`"),
        (groups(GroupsRule { claim: Some("g".into()), ..GroupsRule::default() }), "stands for"),
        (groups(mapped(&[("g-1", &[], &[])])), "stands for nothing"),
        (groups(mapped(&[("g-1", &[], &["a//b"])])), "g-1"),
    ] {
        let problems = world.compile_all(&world.specification(vec![issuer])).unwrap_err();
        assert!(problems[0].at.starts_with("issuers.corp.groups"), "{problems:?}");
        assert!(problems[0].message.contains(says), "{problems:?}");
    }
}

#[tokio::test]
async fn a_change_of_roles_is_in_force_at_once() {
    let world = World::new().await;
    let ada = world.user("ada", &[("corp", "ada")]).await.id;
    let identity = world.compile(vec![hmac_issuer("corp")]);
    let token = token(&world, json!({}));
    assert_eq!(&*who(&identity, &token).await.1.roles, ["reader"]);
    let change = UserChange { roles: Some(vec!["writer".into()]), ..UserChange::default() };
    world.directory.change_user(&actor(), ada, change).await.unwrap();
    world.hear().await;
    assert_eq!(&*who(&identity, &token).await.1.roles, ["writer"]);
    world.directory.unlink_identity(&actor(), ada, &name("corp"), "ada").await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, &token).await, "user_unknown");
}
