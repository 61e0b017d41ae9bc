//! Synchronisation, with a source that says what the test wants.

use crate::fixture::*;
use async_trait::async_trait;
use portcullis_identity::directory::{NewTeam, Synchronisation};
use portcullis_identity::sources::foreign::{
    Batch, Cursor, Failure, Foreign, Freshness, Person, Wanted, Watermark,
};
use portcullis_model::source::Sync as Settings;
use portcullis_model::sync::{SyncAsked, SyncOutcome, SyncReport};
use portcullis_model::team::TeamOrigin;
use portcullis_model::{Name, User, UserStatus};
use portcullis_store::Page;
use portcullis_store::entity::{syncs, teams, users};
use std::sync::Mutex;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// People in pages of three.
struct Given {
    name: Name,
    people: Mutex<Vec<Person>>,
    unreadable: Mutex<Vec<(String, String)>>,
    /// After so many pages it fails.
    fails_after: Mutex<Option<usize>>,
    asked_since: Mutex<Vec<Option<String>>>,
}

#[async_trait]
impl Foreign for Given {
    fn name(&self) -> &Name {
        &self.name
    }

    async fn find(&self, _: &Wanted, _: Freshness) -> Result<Vec<Person>, Failure> {
        Ok(Vec::new())
    }

    async fn near(&self, _: &Wanted, _: &[String]) -> Result<Vec<Person>, Failure> {
        Ok(Vec::new())
    }

    async fn page(&self, since: Option<&Watermark>, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        let at = cursor.as_ref().map_or(0, |cursor| usize::from(cursor.0[0]));
        if cursor.is_none() {
            self.asked_since.lock().unwrap().push(since.map(|mark| mark.0.clone()));
        }
        if self.fails_after.lock().unwrap().is_some_and(|after| at >= after) {
            return Err(Failure::unreachable("the wire was cut"));
        }
        let people = self.people.lock().unwrap();
        let page: Vec<Person> = people.iter().skip(at * 3).take(3).cloned().collect();
        let more = people.len() > (at + 1) * 3;
        Ok(Batch {
            people: page,
            next: more.then(|| Cursor(vec![u8::try_from(at + 1).unwrap()])),
            watermark: (!more).then(|| Watermark(format!("mark-{}", people.len()))),
            unreadable: if at == 0 { self.unreadable.lock().unwrap().clone() } else { Vec::new() },
        })
    }

    async fn probe(&self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}

fn person(n: usize) -> Person {
    Person { key: format!("k{n:03}"), username: Some(format!("u{n:03}")), active: true, ..Person::default() }
}

fn given(count: usize) -> Given {
    Given {
        name: name("corp"),
        people: Mutex::new((0..count).map(person).collect()),
        unreadable: Mutex::default(),
        fails_after: Mutex::default(),
        asked_since: Mutex::default(),
    }
}

impl Given {
    fn shows(&self, people: impl IntoIterator<Item = Person>) {
        *self.people.lock().unwrap() = people.into_iter().collect();
    }
}

async fn run(world: &World, source: &Given) -> SyncReport {
    run_as(world, source, "a", &CancellationToken::new()).await.unwrap()
}

async fn run_as(
    world: &World,
    source: &Given,
    holder: &str,
    shutdown: &CancellationToken,
) -> Option<SyncReport> {
    let settings = Settings::default();
    let tenant = world.acme.id;
    let what = Synchronisation { foreign: source, tenant, settings: &settings, holder, shutdown };
    let report = world.directory.synchronise(&what).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    report
}

async fn full(world: &World, source: &Given) -> SyncReport {
    world.directory.ask_for_sync(&actor(), &name("corp"), world.acme.id, SyncAsked::Full).await.unwrap();
    let report = run(world, source).await;
    assert!(report.full);
    report
}

/// The user of this name, as it is now.
async fn of_name(world: &World, username: &str) -> User {
    let filter = users::Filter { username: Some(username.to_owned()), ..users::Filter::default() };
    users::list(&world.store, &filter, Page::first(1)).await.unwrap().remove(0)
}

async fn living(world: &World) -> Vec<User> {
    let all = users::list(&world.store, &users::Filter::default(), Page::first(500)).await.unwrap();
    all.into_iter().filter(|user| user.status != UserStatus::Deleted).collect()
}

#[tokio::test]
async fn people_come_in_change_and_go() {
    let world = World::new().await;
    let source = given(7);
    let first = run(&world, &source).await;
    assert_eq!((first.full, first.outcome, first.seen, first.created), (true, SyncOutcome::Done, 7, 7));
    assert_eq!(living(&world).await.len(), 7);
    let again = run(&world, &source).await;
    assert_eq!((again.full, again.unchanged, again.created), (false, 7, 0));
    assert_eq!(*source.asked_since.lock().unwrap(), [None, Some("mark-7".to_owned())]);

    let mut renamed = person(1);
    renamed.username = Some("renamed".to_owned());
    let disabled = Person { active: false, ..person(2) };
    source.shows([person(0), renamed, disabled, person(3), person(4), person(5), person(9)]);
    let before = of_name(&world, "u001").await;
    let changes = run(&world, &source).await;
    assert_eq!(
        (changes.created, changes.changed, changes.deleted),
        (1, 2, 0),
        "only a full run finds who is gone"
    );
    let third = full(&world, &source).await;
    assert_eq!((third.deleted, third.outcome), (1, SyncOutcome::Done));
    let after = of_name(&world, "u006").await;
    assert_eq!(
        (after.status, after.status_reason.as_deref(), after.status_changed_by.as_str()),
        (UserStatus::Deleted, Some("sync"), "source:corp")
    );
    let renamed = users::find(&world.store, before.id).await.unwrap().unwrap();
    assert_eq!(renamed.username.as_deref(), Some("renamed"), "the same user, by its key");
    assert_eq!(of_name(&world, "u002").await.status, UserStatus::Suspended);
    // Who was deleted and is shown again is told, and is not made again.
    source.shows([person(6)]);
    let back = run(&world, &source).await;
    assert_eq!((back.gone, back.created), (1, 0));
}

#[tokio::test]
async fn too_many_gone_at_once_stop_the_run_until_somebody_approves() {
    let world = World::new().await;
    let source = given(200);
    run(&world, &source).await;
    source.shows((0..179).map(person));
    let stopped = full(&world, &source).await;
    assert_eq!((stopped.outcome, stopped.deleted), (SyncOutcome::Waiting, 0), "21 of 200 are more than 10 %");
    assert!(stopped.stopped.unwrap().contains("portcullis source approve corp"));
    assert_eq!(living(&world).await.len(), 200);
    let state = syncs::find(&world.store, &name("corp")).await.unwrap().unwrap();
    assert_eq!(
        state.waiting.as_ref().map(|waiting| (waiting.gone, waiting.of, waiting.allowed)),
        Some((21, 200, 20))
    );
    assert!(state.succeeded_at.is_some(), "everybody else is as the source says");
    // A run in between says nothing about who is gone, and approves nothing.
    run(&world, &source).await;
    assert!(syncs::find(&world.store, &name("corp")).await.unwrap().unwrap().waiting.is_some());
    // More are gone than were approved: it stops again.
    world.directory.approve_sync(&actor(), &name("corp"), world.acme.id).await.unwrap();
    source.shows((0..100).map(person));
    let more = run(&world, &source).await;
    assert_eq!((more.full, more.outcome, more.deleted), (true, SyncOutcome::Waiting, 0));
    world.directory.approve_sync(&actor(), &name("corp"), world.acme.id).await.unwrap();
    let done = run(&world, &source).await;
    assert_eq!((done.outcome, done.deleted), (SyncOutcome::Done, 100));
    assert_eq!(living(&world).await.len(), 100);
    let refused = world.directory.approve_sync(&actor(), &name("corp"), world.acme.id).await.unwrap_err();
    assert_eq!(refused.code().name(), "resource_conflict", "an approval is for once");
    // Ten go without asking; all of them never do.
    source.shows((0..90).map(person));
    assert_eq!(full(&world, &source).await.deleted, 10);
    source.shows([]);
    assert_eq!(full(&world, &source).await.outcome, SyncOutcome::Waiting);
    assert_eq!(living(&world).await.len(), 90);
}

#[tokio::test]
async fn a_source_that_shows_nobody_is_broken_rather_than_empty() {
    let world = World::new().await;
    let source = given(3);
    run(&world, &source).await;
    source.shows([]);
    assert_eq!(full(&world, &source).await.outcome, SyncOutcome::Waiting, "three are few, and all");
    // Who cannot be read is not gone.
    source.shows([person(0)]);
    source.unreadable.lock().unwrap().push(("cn=x".to_owned(), "no key".to_owned()));
    let unreadable = full(&world, &source).await;
    assert_eq!((unreadable.outcome, unreadable.deleted, unreadable.failed), (SyncOutcome::Failed, 0, 1));
    assert_eq!(unreadable.failures[0].who, "cn=x");
    assert_eq!(living(&world).await.len(), 3);
}

#[tokio::test]
async fn a_run_that_breaks_off_does_no_harm() {
    let world = World::new().await;
    let source = given(9);
    run(&world, &source).await;
    source.shows((0..9).rev().map(person));
    *source.fails_after.lock().unwrap() = Some(1);
    let broken = full(&world, &source).await;
    assert_eq!((broken.outcome, broken.seen, broken.deleted), (SyncOutcome::Failed, 3, 0));
    assert_eq!(broken.stopped.as_deref(), Some("the wire was cut"));
    *source.fails_after.lock().unwrap() = None;
    assert_eq!(full(&world, &source).await.unchanged, 9);

    // Stopped with the process: nothing is deleted, and the next one need not wait for it.
    let stopping = CancellationToken::new();
    stopping.cancel();
    let stopped = run_as(&world, &source, "a", &stopping).await.unwrap();
    assert_eq!((stopped.outcome, stopped.seen), (SyncOutcome::Interrupted, 0));
    assert!(run_as(&world, &source, "b", &CancellationToken::new()).await.is_some());

    // Killed: it is held for a minute, and not for longer.
    let mut tx = world.store.begin().await.unwrap();
    let now = portcullis_model::Clock::now(&*world.clock);
    let until = now.plus(Duration::from_secs(60));
    assert!(
        syncs::claim(&mut tx, &name("corp"), world.acme.id, ("killed", now, until)).await.unwrap().is_some()
    );
    tx.commit().await.unwrap();
    assert!(run_as(&world, &source, "b", &CancellationToken::new()).await.is_none());
    world.clock.advance(Duration::from_secs(61));
    assert!(run_as(&world, &source, "b", &CancellationToken::new()).await.is_some());
    assert_eq!(living(&world).await.len(), 9);
}

#[tokio::test]
async fn one_who_cannot_be_taken_does_not_stop_the_others() {
    let world = World::new().await;
    let source = given(0);
    let too_long = Person { username: Some("x".repeat(2_000)), ..person(1) };
    let nul = Person { key: "a\0b".to_owned(), ..person(2) };
    source.shows([person(0), too_long, nul, person(3)]);
    let report = run(&world, &source).await;
    assert_eq!((report.outcome, report.created, report.failed), (SyncOutcome::Done, 2, 2), "{report:?}");
    assert!(report.failures.iter().all(|failure| !failure.reason.is_empty()));
    // An operator's decision stands: who was suspended here stays so, whatever the source says.
    let user = living(&world).await[0].clone();
    world.directory.suspend(&actor(), user.id, None).await.unwrap();
    run(&world, &source).await;
    assert_eq!(users::find(&world.store, user.id).await.unwrap().unwrap().status, UserStatus::Suspended);
}

#[tokio::test]
async fn groups_become_memberships_of_teams_that_are_called_so() {
    let world = World::new().await;
    let new = NewTeam {
        tenant: world.acme.id,
        name: name("developers"),
        display_name: None,
        parent: None,
        external_id: Some("cn=dev".to_owned()),
        origin: TeamOrigin::Api,
    };
    let team = world.directory.create_team(&actor(), new).await.unwrap();
    let source = given(0);
    let grouped = |groups: &[&str]| Person {
        groups: Some(groups.iter().map(|group| (*group).to_owned()).collect()),
        ..person(0)
    };
    source.shows([grouped(&["cn=dev", "cn=nobody knows"])]);
    run(&world, &source).await;
    let user = living(&world).await[0].id;
    let of = async || teams::list_by_user(&world.store, user).await.unwrap();
    assert_eq!(of().await.len(), 1);
    assert_eq!(of().await[0].0.id, team.id);
    source.shows([grouped(&[])]);
    run(&world, &source).await;
    assert!(of().await.is_empty());
    // What an operator says of the same team stays.
    world
        .directory
        .add_member(&actor(), team.id, user, portcullis_model::team::MembershipSource::Manual)
        .await
        .unwrap();
    run(&world, &source).await;
    assert_eq!(of().await.len(), 1);
}
