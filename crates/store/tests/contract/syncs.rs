//! How a synchronisation stands, who is at it, and who was seen.

use crate::world::{NOW, World, name, seconds};
use portcullis_model::sync::{SyncAsked, SyncOutcome, SyncReport, SyncWaiting};
use portcullis_model::{Identity, UserStatus};
use portcullis_store::Error;
use portcullis_store::entity::syncs::{self, Sync, Unseen};
use portcullis_store::entity::{identities, users};

async fn claim(world: &World, tenant: portcullis_model::TenantId, holder: &str, at: u64) -> Option<Sync> {
    let mut tx = world.store.begin().await.unwrap();
    let times = (holder, seconds(at), seconds(at + 60));
    let state = syncs::claim(&mut tx, &name("corp"), tenant, times).await.unwrap();
    tx.commit().await.unwrap();
    state
}

async fn end(world: &World, state: &Sync, holder: &str) -> bool {
    let mut tx = world.store.begin().await.unwrap();
    let ended = syncs::end(&mut tx, state, holder).await.unwrap();
    tx.commit().await.unwrap();
    ended
}

pub async fn one_holds_a_synchronisation_at_a_time(world: &World) {
    let (store, corp) = (&world.store, name("corp"));
    let tenant = world.tenant("acme").await.id;
    assert!(syncs::list(store).await.unwrap().is_empty());
    let first = claim(world, tenant, "a", 0).await.unwrap();
    assert_eq!((first.run, first.watermark.as_deref()), (1, None));
    assert_eq!(claim(world, tenant, "b", 59).await, None);
    assert!(syncs::renew(store, &corp, ("a", 1), seconds(100)).await.unwrap());
    assert!(!syncs::renew(store, &corp, ("b", 1), seconds(100)).await.unwrap());
    assert_eq!(claim(world, tenant, "b", 99).await, None);
    // Not heard of in time: another takes over, and the first one's end changes nothing.
    let second = claim(world, tenant, "b", 100).await.unwrap();
    assert_eq!(second.run, 2);
    assert!(!syncs::renew(store, &corp, ("a", 1), seconds(200)).await.unwrap());
    let report = SyncReport {
        run: 2,
        outcome: SyncOutcome::Done,
        seen: 7,
        stopped: Some("\u{1f}研".to_owned()),
        ..SyncReport::default()
    };
    let ended = Sync {
        watermark: Some("m".to_owned()),
        succeeded_at: Some(NOW),
        full_at: Some(NOW),
        last: Some(report.clone()),
        ..second
    };
    assert!(!end(world, &Sync { run: 1, ..ended.clone() }, "a").await);
    assert!(end(world, &ended, "b").await);
    assert!(!end(world, &ended, "b").await, "once");
    let there = syncs::find(store, &corp).await.unwrap().unwrap();
    assert_eq!(there, Sync { holder: None, asked: None, approved: None, ..ended });
    // The source is another tenant's from now on: what was known of it is worth nothing.
    let other = world.tenant("other").await.id;
    let moved = claim(world, other, "a", 200).await.unwrap();
    assert_eq!((moved.tenant, moved.watermark, moved.full_at), (other, None, None));
}

pub async fn what_an_operator_asks_for_is_done_once(world: &World) {
    let (store, corp) = (&world.store, name("corp"));
    let tenant = world.tenant("acme").await.id;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(syncs::approve(&mut tx, &corp, tenant).await.unwrap(), None, "nothing waits");
    syncs::ask(&mut tx, &corp, tenant, SyncAsked::Full).await.unwrap();
    tx.commit().await.unwrap();
    let state = claim(world, tenant, "a", 0).await.unwrap();
    assert_eq!(state.asked, Some(SyncAsked::Full));
    assert_eq!(syncs::find(store, &corp).await.unwrap().unwrap().asked, None);
    // Asked for again while it runs: that is another run.
    let mut tx = store.begin().await.unwrap();
    syncs::ask(&mut tx, &corp, tenant, SyncAsked::Changes).await.unwrap();
    tx.commit().await.unwrap();
    let waiting = SyncWaiting { run: 1, since: NOW, gone: 50, of: 100, allowed: 10 };
    assert!(end(world, &Sync { waiting: Some(waiting.clone()), ..state }, "a").await);
    assert_eq!(syncs::find(store, &corp).await.unwrap().unwrap().asked, Some(SyncAsked::Changes));
    let mut tx = store.begin().await.unwrap();
    let approved = syncs::approve(&mut tx, &corp, tenant).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!((approved.approved, approved.asked), (Some(50), Some(SyncAsked::Full)));
    let state = claim(world, tenant, "b", 100).await.unwrap();
    assert_eq!((state.approved, state.waiting), (Some(50), Some(waiting)));
    assert_eq!(
        syncs::find(store, &corp).await.unwrap().unwrap().approved,
        None,
        "an approval is for one run"
    );
}

pub async fn who_was_not_seen_is_found(world: &World) {
    let (store, corp, issuer) = (&world.store, name("corp"), name("source:corp"));
    let tenant = world.tenant("acme").await.id;
    let mut made = Vec::new();
    for i in 0..4 {
        let user = world.user(tenant, |user| user.username = Some(format!("u{i}"))).await;
        let identity = Identity {
            issuer: issuer.clone(),
            subject: format!("k{i}"),
            user: user.id,
            linked_at: seconds(i),
        };
        let mut tx = store.begin().await.unwrap();
        identities::insert(&mut tx, tenant, &identity).await.unwrap();
        tx.commit().await.unwrap();
        made.push(user);
    }
    let mut tx = store.begin().await.unwrap();
    // A second key of the first: seen by it.
    let second =
        Identity { issuer: issuer.clone(), subject: "a-second".to_owned(), user: made[0].id, linked_at: NOW };
    identities::insert(&mut tx, tenant, &second).await.unwrap();
    syncs::seen(&mut tx, &corp, 1, &["k0", "k1", "k2", "k3"].map(str::to_owned)).await.unwrap();
    syncs::seen(&mut tx, &corp, 2, &["k0", "k2", "nobody's"].map(str::to_owned)).await.unwrap();
    syncs::seen(&mut tx, &corp, 2, &["k0".to_owned()]).await.unwrap();
    assert!(matches!(syncs::seen(&mut tx, &corp, 2, &["\0".to_owned()]).await, Err(Error::Invalid { .. })));
    tx.commit().await.unwrap();
    let unseen = Unseen { source: &corp, issuer: &issuer, tenant, run: 2, began_at: seconds(10) };
    let found = unseen.page(store, "").await.unwrap();
    assert_eq!(found, [("k1".to_owned(), made[1].id), ("k3".to_owned(), made[3].id)]);
    assert_eq!(unseen.page(store, "k1").await.unwrap().len(), 1);
    assert_eq!(unseen.count_all(store).await.unwrap(), 4);
    // Who came while the run was under way is not missed by it.
    let earlier = Unseen { began_at: seconds(3), ..unseen };
    assert_eq!(earlier.page(store, "").await.unwrap().len(), 1);
    let mut gone = made[1].clone();
    gone.status = UserStatus::Deleted;
    let mut tx = store.begin().await.unwrap();
    users::update(&mut tx, &gone).await.unwrap();
    syncs::forget(&mut tx, &corp, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(unseen.page(store, "").await.unwrap().len(), 1);
    assert_eq!(unseen.count_all(store).await.unwrap(), 3);
}
