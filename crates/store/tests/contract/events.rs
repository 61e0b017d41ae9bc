//! The event log.

use crate::world::{NOW, World, fresh, seconds};
use futures_util::FutureExt;
use portcullis_model::event::{Change, Event};
use portcullis_model::{TenantId, UserId};
use portcullis_store::entity::events::{New, append, list_after, prune};
use portcullis_store::{Signal, Store, Subscription};
use std::time::Duration;

fn event(actor: &str) -> New {
    New {
        at: NOW,
        tenant: Some(TenantId::new(NOW, [7; 10])),
        actor: actor.to_owned(),
        change: Change::User { user: UserId::new(NOW, fresh()), what: "suspended".to_owned() },
    }
}

async fn write(store: &Store, actors: &[&str]) -> i64 {
    let mut tx = store.begin().await.unwrap();
    for actor in actors {
        append(&mut tx, event(actor));
    }
    tx.commit().await.unwrap().unwrap()
}

async fn signal(subscription: &mut Subscription) -> Signal {
    tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("a signal within 20 s")
}

/// The next `n` events.
async fn events(subscription: &mut Subscription, n: usize) -> Vec<Event> {
    let mut all = Vec::new();
    while all.len() < n {
        match signal(subscription).await {
            Signal::Events(events) => all.extend(events),
            other => panic!("{other:?}"),
        }
    }
    all
}

fn actors(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.actor.as_str()).collect()
}

pub async fn events_come_after_the_commit_and_in_order(world: &World) {
    let mut subscription = world.store.events().subscribe();
    let last = write(&world.store, &["a", "b"]).await;
    let first = events(&mut subscription, 2).await;
    assert_eq!(actors(&first), ["a", "b"]);
    assert!(
        first[0].position < first[1].position && first[1].position == last && subscription.position() == last
    );
    assert_eq!((first[0].at, first[0].tenant), (NOW, Some(TenantId::new(NOW, [7; 10]))));
    // Uncommitted: nobody hears of it.
    let mut tx = world.store.begin().await.unwrap();
    append(&mut tx, event("c"));
    assert_eq!(list_after(&world.store, last, 10).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(actors(&events(&mut subscription, 1).await), ["c"]);
    // A subscription made later begins where the store was opened, or where it is told to.
    assert_eq!(actors(&events(&mut world.store.events().subscribe(), 3).await), ["a", "b", "c"]);
    assert_eq!(actors(&events(&mut world.store.events().subscribe_after(last), 1).await), ["c"]);
    // More than one batch.
    let many: Vec<String> = (0..1_200).map(|i| i.to_string()).collect();
    write(&world.store, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(actors(&events(&mut subscription, 1_200).await), many);
}

pub async fn every_node_hears_of_every_event(world: &World) {
    let nodes = [world.store.clone(), world.node().await, world.node().await];
    let mut subscriptions: Vec<Subscription> = nodes.iter().map(|node| node.events().subscribe()).collect();
    let writers = nodes.iter().enumerate().map(|(n, node)| async move {
        for i in 0..20 {
            write(node, &[&format!("{n}-{i}")]).await;
        }
    });
    // Read while it is written: a position that commits late would be passed over.
    let readers = subscriptions.iter_mut().map(|subscription| events(subscription, 60));
    let (_, read) =
        tokio::join!(futures_util::future::join_all(writers), futures_util::future::join_all(readers));
    for all in &read {
        assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
        assert_eq!(all, &read[0]);
        assert_eq!(all.len(), 60);
    }
    drop(subscriptions);
    for node in &nodes[1..] {
        node.close().await;
    }
}

pub async fn an_event_of_a_newer_release_makes_everything_doubtful(world: &World) {
    let mut subscription = world.store.events().subscribe();
    world
        .raw("INSERT INTO events (at, actor, change) VALUES (1, 'x', '{\"kind\":\"comet\",\"tail\":7}')")
        .await;
    write(&world.store, &["after"]).await;
    assert_eq!(signal(&mut subscription).await, Signal::Lost);
    assert_eq!(signal(&mut subscription).await, Signal::Restored);
    assert_eq!(actors(&events(&mut subscription, 1).await), ["after"]);
}

pub async fn what_was_taken_back_never_happened(world: &World) {
    let mut subscription = world.store.events().subscribe();
    for explicit in [true, false] {
        let mut tx = world.store.begin().await.unwrap();
        append(&mut tx, event("never"));
        if explicit { tx.rollback().await.unwrap() } else { drop(tx) }
    }
    write(&world.store, &["real"]).await;
    assert_eq!(actors(&events(&mut subscription, 1).await), ["real"]);
}

pub async fn the_log_is_forgotten_but_not_its_end(world: &World) {
    let last = write(&world.store, &["a", "b", "c"]).await;
    assert_eq!(prune(&world.store, seconds(0)).await.unwrap(), 0);
    assert_eq!(prune(&world.store, seconds(1)).await.unwrap(), 2);
    assert_eq!(actors(&list_after(&world.store, 0, 10).await.unwrap()), ["c"]);
    // Positions are never given twice, and a node that starts now knows where the log ends.
    let mut late = world.node().await.events().subscribe();
    assert_eq!(late.position(), last);
    assert!(write(&world.store, &["d"]).await > last);
    assert_eq!(actors(&events(&mut late, 1).await), ["d"]);
}

pub async fn a_lost_log_is_said_and_caught_up(world: &World) {
    let mut subscription = world.store.events().subscribe();
    write(&world.store, &["before"]).await;
    events(&mut subscription, 1).await;
    // It was read just now: what the rest takes on a busy machine counts towards the time for which it was not.
    let begun = std::time::Instant::now();
    world.on_server("ALTER DATABASE {database} ALLOW_CONNECTIONS false").await;
    world
        .on_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        .await;
    assert_eq!(signal(&mut subscription).await, Signal::Lost);
    assert!(begun.elapsed() >= Duration::from_millis(900), "not at the first hiccup: {:?}", begun.elapsed());
    world.on_server("ALTER DATABASE {database} ALLOW_CONNECTIONS true").await;
    let other = world.node().await;
    write(&other, &["meanwhile"]).await;
    assert_eq!(signal(&mut subscription).await, Signal::Restored);
    assert_eq!(actors(&events(&mut subscription, 1).await), ["meanwhile"]);
    other.close().await;
}

/// How long other nodes take to hear of an event.
async fn heard(store: &Store, subscription: &mut Subscription, actor: &str) -> Duration {
    let begun = std::time::Instant::now();
    write(store, &[actor]).await;
    assert_eq!(actors(&events(subscription, 1).await), [actor]);
    begun.elapsed()
}

/// The same for the quickest of several, each written when the one before was found: far below the time between two looks
/// when nodes are told, and all of that time when not, however busy the machine is.
async fn told(store: &Store, subscription: &mut Subscription) -> Duration {
    heard(store, subscription, "before").await;
    let mut quickest = Duration::MAX;
    for n in 0..30 {
        quickest = quickest.min(heard(store, subscription, &format!("told {n}")).await);
        if quickest < TOLD {
            break;
        }
    }
    quickest
}

/// Waits for signals, beside something else that comes every few milliseconds, until `done`. There are none.
async fn beside(subscription: &mut Subscription, done: impl AsyncFn() -> bool) {
    let begun = std::time::Instant::now();
    while !done().await {
        if let Ok(signal) = tokio::time::timeout(Duration::from_millis(1), subscription.next()).await {
            panic!("{signal:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody listens");
    }
}

/// Far below the half second between two looks.
const TOLD: Duration = Duration::from_millis(200);

const LISTENERS: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'";

/// A wake-up, and whatever it began, outlives a wait that is given up: who follows the log waits for other things as well.
pub async fn a_wait_that_is_given_up_loses_no_wake_up(world: &World) {
    let mut subscription = world.store.events().subscribe();
    heard(&world.store, &mut subscription, "first").await;
    let mut quickest = Duration::MAX;
    for n in 0..30 {
        let begun = std::time::Instant::now();
        write(&world.store, &[&n.to_string()]).await;
        let mut all = match subscription.next().now_or_never() {
            Some(Signal::Events(events)) => events,
            Some(other) => panic!("{other:?}"),
            None => Vec::new(),
        };
        if all.is_empty() {
            all = events(&mut subscription, 1).await;
        }
        assert_eq!(actors(&all), [n.to_string()]);
        quickest = quickest.min(begun.elapsed());
        if n >= 10 && quickest < TOLD {
            break;
        }
    }
    assert!(quickest < TOLD, "each waited for the next look: {quickest:?}");
}

pub async fn a_listener_is_set_up_however_often_the_wait_is_given_up(world: &World) {
    let other = world.node().await;
    let mut subscription = other.events().subscribe();
    beside(&mut subscription, async || world.count(LISTENERS).await == 1).await;
    let told = told(&world.store, &mut subscription).await;
    assert!(told < TOLD, "{told:?}");
    drop(subscription);
    other.close().await;
}

pub async fn nothing_is_lost_while_redis_is_away(world: &World) {
    let other = world.node().await;
    let mut subscription = other.events().subscribe();
    beside(&mut subscription, async || world.redis_listeners() == 1).await;
    let by_redis = told(&world.store, &mut subscription).await;
    assert!(by_redis < TOLD, "{by_redis:?}");
    assert_eq!(world.count(LISTENERS).await, 0, "nobody listens to the database");
    let port = world.kill_redis();
    let mut took = Vec::new();
    for n in 0..5 {
        took.push(heard(&world.store, &mut subscription, &format!("without {n}")).await);
    }
    // Half a second until the next look, and what a commit waits for Redis; a busy machine may hold up some of them.
    took.sort();
    assert!(took[1] < Duration::from_secs(2), "{took:?}");
    world.restart_redis(port);
    for n in 0..5 {
        heard(&world.store, &mut subscription, &format!("again {n}")).await;
    }
    // Who comes now hears from Redis again.
    let position = subscription.position();
    drop(subscription);
    while world.redis_listeners() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut late = other.events().subscribe_after(position);
    beside(&mut late, async || world.redis_listeners() == 1).await;
    let by_redis = told(&world.store, &mut late).await;
    assert!(by_redis < TOLD, "{by_redis:?}");
    drop(late);
    other.close().await;
}
