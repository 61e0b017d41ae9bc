//! Who is told of events, and what could not be told.

use crate::world::{NOW, World, fresh, seconds};
use portcullis_model::event::{Change, Event};
use portcullis_model::{TenantId, UserId};
use portcullis_store::entity::events::{New, append, prune as forget, read_after};
use portcullis_store::entity::sinks::State;
use portcullis_store::entity::{dead_letters, dead_letters::DeadLetter, sinks};
use portcullis_store::{Store, Tx};
use uuid::Uuid;

fn owner(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

async fn tx<T>(store: &Store, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = store.begin().await.unwrap();
    let done = work(&mut tx).await;
    tx.commit().await.unwrap();
    done
}

async fn happen(store: &Store) -> i64 {
    let mut tx = store.begin().await.unwrap();
    let change = Change::User { user: UserId::new(NOW, fresh()), what: "suspended".to_owned() };
    append(
        &mut tx,
        New { at: NOW, tenant: Some(TenantId::new(NOW, [7; 10])), actor: "a".to_owned(), change },
    );
    tx.commit().await.unwrap().unwrap()
}

async fn ensure(store: &Store, name: &str) {
    tx(store, async |tx| sinks::ensure(tx, name).await.unwrap()).await;
}

pub async fn a_sink_begins_where_the_log_ends(world: &World) {
    let store = &world.store;
    ensure(store, "early").await;
    let last = happen(store).await;
    ensure(store, "late").await;
    // Known already: it stays where it is.
    ensure(store, "early").await;
    let at = async |name: &str| sinks::find(store, name).await.unwrap().unwrap().position;
    assert_eq!((at("early").await < last, at("late").await), (true, last));
    assert_eq!(sinks::waiting(store, at("early").await).await.unwrap(), 1);
    assert_eq!(sinks::waiting(store, last).await.unwrap(), 0);
    let names: Vec<String> = sinks::list(store).await.unwrap().into_iter().map(|sink| sink.name).collect();
    assert_eq!(names, ["early", "late"]);
}

pub async fn one_node_has_a_sink_at_a_time(world: &World) {
    let store = &world.store;
    ensure(store, "crm").await;
    let claim = async |who: u128, at: u64| {
        tx(store, async |tx| {
            sinks::claim(tx, "crm", owner(who), seconds(at), seconds(at + 30)).await.unwrap()
        })
        .await
    };
    assert!(claim(1, 0).await.is_some());
    assert!(claim(2, 10).await.is_none(), "the other has it");
    assert!(claim(1, 20).await.is_some(), "its owner takes it on");
    assert!(claim(2, 45).await.is_none());
    assert!(claim(2, 50).await.is_some(), "the lease has run out");
    // Who has lost it writes nothing.
    let advance = async |who: u128, position: i64| {
        tx(store, async |tx| sinks::advance(tx, "crm", owner(who), position, Some(NOW)).await.unwrap()).await
    };
    assert!(!advance(1, 99).await);
    assert!(!tx(store, async |tx| sinks::fail(tx, "crm", owner(1), "x", NOW, NOW).await.unwrap()).await);
    assert!(advance(2, 5).await);
    tx(store, async |tx| sinks::release(tx, "crm", owner(2), seconds(51)).await.unwrap()).await;
    assert_eq!(claim(1, 51).await.unwrap().position, 5);
    // Several at once: one gets it.
    tx(store, async |tx| sinks::release(tx, "crm", owner(1), seconds(52)).await.unwrap()).await;
    let several = (1..=5).map(|who| claim(who, 60));
    let got = futures_util::future::join_all(several).await.into_iter().flatten().count();
    assert_eq!(got, 1);
}

pub async fn failures_add_up_until_something_is_delivered(world: &World) {
    let store = &world.store;
    ensure(store, "crm").await;
    let me = owner(1);
    tx(store, async |tx| sinks::claim(tx, "crm", me, NOW, seconds(30)).await.unwrap()).await.unwrap();
    for n in 1..=3 {
        assert!(
            tx(store, async |tx| sinks::fail(tx, "crm", me, "503", seconds(n), seconds(n + 5))
                .await
                .unwrap())
            .await
        );
    }
    let failing = sinks::find(store, "crm").await.unwrap().unwrap();
    assert_eq!((failing.failures, failing.failing_since, failing.next_at), (3, Some(seconds(1)), seconds(8)));
    assert_eq!((failing.last_error.as_deref(), failing.last_error_at), (Some("503"), Some(seconds(3))));
    // What was passed over is no delivery.
    tx(store, async |tx| sinks::advance(tx, "crm", me, 4, None).await.unwrap()).await;
    assert_eq!(sinks::find(store, "crm").await.unwrap().unwrap().failures, 3);
    tx(store, async |tx| sinks::hurry(tx, "crm").await.unwrap()).await;
    let hurried = sinks::find(store, "crm").await.unwrap().unwrap();
    assert_eq!((hurried.failures, hurried.next_at.micros()), (3, 0));
    tx(store, async |tx| sinks::advance(tx, "crm", me, 5, Some(seconds(9))).await.unwrap()).await;
    let well = sinks::find(store, "crm").await.unwrap().unwrap();
    assert_eq!(
        (well.failures, well.failing_since, well.position, well.delivered_at),
        (0, None, 5, Some(seconds(9)))
    );
    // A dead letter that was delivered says the same, and the place in the log stays.
    assert!(
        tx(store, async |tx| sinks::fail(tx, "crm", me, "503", seconds(10), seconds(15)).await.unwrap())
            .await
    );
    assert!(!tx(store, async |tx| sinks::delivered(tx, "crm", owner(2), seconds(11)).await.unwrap()).await);
    assert_eq!(sinks::find(store, "crm").await.unwrap().unwrap().failures, 1);
    assert!(tx(store, async |tx| sinks::delivered(tx, "crm", me, seconds(12)).await.unwrap()).await);
    let again = sinks::find(store, "crm").await.unwrap().unwrap();
    assert_eq!(
        (again.failures, again.failing_since, again.next_at.micros(), again.position, again.delivered_at),
        (0, None, 0, 5, Some(seconds(12)))
    );
    tx(store, async |tx| sinks::set_state(tx, "crm", State::Disabled, Some("gone")).await.unwrap()).await;
    let off = sinks::find(store, "crm").await.unwrap().unwrap();
    assert_eq!((off.state, off.reason.as_deref()), (State::Disabled, Some("gone")));
    let missing = tx(store, async |tx| sinks::set_state(tx, "none", State::Active, None).await).await;
    assert!(missing.is_err());
}

pub async fn what_is_forgotten_untold_is_counted(world: &World) {
    let store = &world.store;
    ensure(store, "paused").await;
    let first = happen(store).await;
    happen(store).await;
    happen(store).await;
    ensure(store, "done").await;
    // Two nodes at once count once. The last event of all is never forgotten.
    let one = || async {
        tx(store, async |tx| {
            sinks::note_missed(tx, seconds(1)).await.unwrap();
            forget(tx, seconds(1)).await.unwrap()
        })
        .await
    };
    let (a, b) = tokio::join!(one(), one());
    assert_eq!(a + b, 2);
    assert_eq!(sinks::find(store, "paused").await.unwrap().unwrap().missed, 2);
    assert_eq!(sinks::find(store, "done").await.unwrap().unwrap().missed, 0);
    assert!(read_after(store, first - 1, 10).await.unwrap().len() == 1);
    // Of a sink that nobody runs any more nothing is left.
    tx(store, async |tx| sinks::claim(tx, "done", owner(1), NOW, seconds(5)).await.unwrap()).await;
    tx(store, async |tx| dead_letters::insert(tx, &letter("done", 1)).await.unwrap()).await;
    assert_eq!(tx(store, async |tx| sinks::prune(tx, seconds(5)).await.unwrap()).await, 0);
    assert_eq!(tx(store, async |tx| sinks::prune(tx, seconds(6)).await.unwrap()).await, 1);
    assert_eq!(dead_letters::count(store, "done").await.unwrap(), 0);
}

fn letter(sink: &str, position: i64) -> DeadLetter {
    let event = Event { position, at: NOW, tenant: None, actor: "a".to_owned(), change: Change::Revocation };
    let id = TenantId::new(NOW, fresh()).0;
    DeadLetter { id, sink: sink.to_owned(), event, error: "refused".to_owned(), at: NOW, again: false }
}

pub async fn dead_letters_wait_until_somebody_asks(world: &World) {
    let store = &world.store;
    let letters = [letter("crm", 2), letter("crm", 1), letter("other", 1)];
    for letter in &letters {
        tx(store, async |tx| dead_letters::insert(tx, letter).await.unwrap()).await;
    }
    // The same event again, as after a crash: once is enough.
    tx(store, async |tx| dead_letters::insert(tx, &letter("crm", 1)).await.unwrap()).await;
    assert_eq!(dead_letters::list(store, "crm", 10).await.unwrap(), [letters[1].clone(), letters[0].clone()]);
    assert_eq!(dead_letters::count(store, "crm").await.unwrap(), 2);
    assert_eq!(dead_letters::next(store, "crm").await.unwrap(), None);
    let again = async |id| tx(store, async |tx| dead_letters::again(tx, "crm", id).await.unwrap()).await;
    assert_eq!(again(Some(letters[0].id)).await, 1);
    assert_eq!(dead_letters::next(store, "crm").await.unwrap().unwrap().id, letters[0].id);
    tx(store, async |tx| dead_letters::fail(tx, letters[0].id, "still", seconds(1)).await.unwrap()).await;
    assert_eq!(dead_letters::next(store, "crm").await.unwrap(), None);
    assert_eq!(again(Some(letters[2].id)).await, 0, "another's");
    assert_eq!(again(None).await, 2);
    assert_eq!(dead_letters::next(store, "crm").await.unwrap().unwrap().id, letters[1].id);
    tx(store, async |tx| dead_letters::delete(tx, letters[1].id).await.unwrap()).await;
    assert_eq!(tx(store, async |tx| dead_letters::prune(tx, seconds(1)).await.unwrap()).await, 1);
    assert_eq!(dead_letters::list(store, "crm", 10).await.unwrap()[0].error, "still");
    // Of very many the newest stay.
    for position in 3..8 {
        tx(store, async |tx| dead_letters::insert(tx, &letter("crm", position)).await.unwrap()).await;
    }
    let shorten =
        async |most| tx(store, async |tx| dead_letters::shorten(tx, "crm", most).await.unwrap()).await;
    assert_eq!((shorten(6).await, shorten(4).await, shorten(4).await), (0, 2, 0));
    let left = dead_letters::list(store, "crm", 10).await.unwrap();
    assert_eq!(left.iter().map(|letter| letter.event.position).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert_eq!((shorten(0).await, dead_letters::count(store, "other").await.unwrap()), (4, 0));
}
