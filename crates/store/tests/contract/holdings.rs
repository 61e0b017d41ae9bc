//! What lives at providers, and whose it is.

use crate::world::{NOW, World, application, name, seconds};
use portcullis_model::holding::{Holder, Holding, Kind};
use portcullis_model::{TenantId, UserId};
use portcullis_store::Store;
use portcullis_store::entity::{applications, holdings};

fn of_user(tenant: TenantId, user: UserId) -> Holder {
    Holder { tenant, user: Some(user), application: None }
}

fn holding(holder: Holder, object: &str) -> Holding {
    Holding {
        kind: Kind::Response,
        object: object.to_owned(),
        holder,
        provider: name("openai"),
        key: Some(2),
        deployment: "gpt-5".to_owned(),
        model: Some(name("fast")),
        created_at: NOW,
        expires_at: None,
    }
}

async fn claim(store: &Store, wanted: &[Holding]) -> Vec<Holding> {
    let mut tx = store.begin().await.unwrap();
    let taken = holdings::claim(&mut tx, wanted).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn find(store: &Store, holder: &Holder, object: &str) -> Option<Holding> {
    holdings::find(store, holder, Kind::Response, object, NOW).await.unwrap()
}

async fn release(store: &Store, holder: &Holder, holding: &Holding) -> bool {
    let Holding { kind, object, provider, .. } = holding;
    holdings::release(store, holder, *kind, object, provider).await.unwrap()
}

pub async fn an_id_is_found_by_whom_it_was_given_to_and_nobody_else(world: &World) {
    let store = &world.store;
    let (acme, umbra) = (world.tenant("acme").await, world.tenant("umbra").await);
    let (ada, bob) = (world.user(acme.id, |_| {}).await, world.user(acme.id, |_| {}).await);
    let eve = world.user(umbra.id, |_| {}).await;
    let crawler = application(acme.id, "crawler");
    let mut tx = store.begin().await.unwrap();
    applications::insert(&mut tx, &crawler).await.unwrap();
    tx.commit().await.unwrap();
    let through = Holder { application: Some(crawler.id), ..of_user(acme.id, ada.id) };
    let machine = Holder { user: None, ..through };
    let all =
        [of_user(acme.id, ada.id), of_user(acme.id, bob.id), of_user(umbra.id, eve.id), through, machine];
    let mine: Vec<_> = all.iter().enumerate().map(|(n, one)| holding(*one, &format!("resp_{n}"))).collect();
    assert_eq!(claim(store, &mine).await, []);
    // Again: they are theirs already.
    assert_eq!(claim(store, &mine).await, []);
    for (n, wanted) in mine.iter().enumerate() {
        for (m, holder) in all.iter().enumerate() {
            let found = find(store, holder, &wanted.object).await;
            assert_eq!(found.as_ref(), (n == m).then_some(wanted), "{n} as {m}");
        }
    }
    assert_eq!(find(store, &all[0], "resp_").await, None);
    assert_eq!(find(store, &all[0], "RESP_0").await, None);
    assert_eq!(find(store, &all[0], "resp_0\0").await, None, "what cannot be stored is nobody's");
    let other = holdings::find(store, &all[0], Kind::File, "resp_0", NOW).await.unwrap();
    assert_eq!(other, None, "an id of another kind");
    // Only its holder lets go of it.
    for holder in &all[1..] {
        assert!(!release(store, holder, &mine[0]).await);
    }
    assert!(release(store, &all[0], &mine[0]).await);
    assert_eq!(find(store, &all[0], "resp_0").await, None);
}

pub async fn the_first_who_was_given_an_id_has_it(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let (ada, bob) = (world.user(acme.id, |_| {}).await.id, world.user(acme.id, |_| {}).await.id);
    let (ada, bob) = (of_user(acme.id, ada), of_user(acme.id, bob));
    claim(store, &[holding(ada, "resp_1")]).await;
    // A provider that can be made to give an id again; what else it gave is not lost by that.
    let (stolen, fresh) = (holding(bob, "resp_1"), holding(bob, "resp_2"));
    assert_eq!(claim(store, &[stolen.clone(), fresh]).await, std::slice::from_ref(&stolen));
    assert!(find(store, &bob, "resp_1").await.is_none() && find(store, &ada, "resp_1").await.is_some());
    assert!(find(store, &bob, "resp_2").await.is_some());
    // Another provider's ids are others; the newest counts.
    let elsewhere = Holding { provider: name("azure"), created_at: seconds(1), ..stolen };
    assert_eq!(claim(store, std::slice::from_ref(&elsewhere)).await, []);
    assert_eq!(find(store, &bob, "resp_1").await, Some(elsewhere));
    let again = Holding { provider: name("vllm"), key: None, model: None, ..holding(ada, "resp_1") };
    claim(store, &[Holding { created_at: seconds(5), ..again.clone() }]).await;
    assert_eq!(find(store, &ada, "resp_1").await.unwrap().provider, again.provider);
    // Several at once: one gets it.
    let claims = [ada, bob, ada, bob].map(|holder| async move {
        let mine = [holding(holder, "resp_3")];
        claim(store, &mine).await.is_empty().then_some(holder)
    });
    let got: Vec<_> = futures_util::future::join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(got.len(), 2, "both calls of whoever was first: {got:?}");
    assert_eq!(got[0], got[1]);
    let long = "r".repeat(1_025);
    let mut tx = store.begin().await.unwrap();
    assert!(holdings::claim(&mut tx, &[holding(ada, &long)]).await.is_err());
}

pub async fn what_is_let_go_at_one_provider_stays_at_another(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let ada = of_user(acme.id, world.user(acme.id, |_| {}).await.id);
    let here = holding(ada, "file-1");
    let elsewhere = Holding { provider: name("azure"), created_at: seconds(1), ..here.clone() };
    let file = Holding { kind: Kind::File, ..here.clone() };
    let input = Holding { kind: Kind::BatchInput, ..file.clone() };
    let all = [here.clone(), elsewhere.clone(), file.clone(), input.clone()];
    assert_eq!(claim(store, &all).await, []);
    let there = Holding { provider: name("vllm"), ..here.clone() };
    assert!(!release(store, &ada, &there).await, "no provider of hers");
    assert!(release(store, &ada, &here).await);
    assert!(!release(store, &ada, &here).await, "it is gone");
    assert_eq!(find(store, &ada, "file-1").await, Some(elsewhere.clone()));
    for kept in [&file, &input] {
        let found = holdings::find(store, &ada, kept.kind, "file-1", NOW).await.unwrap();
        assert_eq!(found.as_ref(), Some(kept), "another kind");
    }
    assert!(release(store, &ada, &elsewhere).await);
    assert_eq!(find(store, &ada, "file-1").await, None);
    let unkeepable = Holding { object: "file-1\0".to_owned(), ..file };
    assert!(!release(store, &ada, &unkeepable).await, "what cannot be stored is nobody's");
}

pub async fn what_a_holder_has_is_listed_newest_first(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let (ada, bob) = (world.user(acme.id, |_| {}).await.id, world.user(acme.id, |_| {}).await.id);
    let (ada, bob) = (of_user(acme.id, ada), of_user(acme.id, bob));
    let at = |n: u64, object: &str| Holding { created_at: seconds(n), ..holding(ada, object) };
    let mine = [at(1, "a"), at(2, "b"), at(2, "c"), at(3, "d")];
    claim(store, &mine).await;
    claim(store, &[holding(bob, "e"), Holding { kind: Kind::File, ..at(9, "f") }]).await;
    let mut seen: Vec<Holding> = Vec::new();
    loop {
        let before = seen.last().map(|last| (last.created_at, last.object.as_str()));
        let page = holdings::list(store, &ada, Kind::Response, before, 2, NOW).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let objects: Vec<_> = seen.iter().map(|one| one.object.as_str()).collect();
    assert_eq!(objects, ["d", "c", "b", "a"]);
    // The place counts, not what was there.
    assert!(release(store, &ada, &mine[2]).await);
    let place = Some((seconds(2), "c"));
    let page = holdings::list(store, &ada, Kind::Response, place, 2, NOW).await.unwrap();
    let objects: Vec<_> = page.iter().map(|one| one.object.as_str()).collect();
    assert_eq!(objects, ["b", "a"]);
    // What has expired takes no place from what is behind it.
    let brief = |n: u64, object: &str, until: u64| Holding {
        kind: Kind::Audio,
        expires_at: Some(seconds(until)),
        ..at(n, object)
    };
    let kept = Holding { expires_at: None, ..brief(1, "kept", 0) };
    claim(store, &[kept, brief(2, "long", 99), brief(3, "short", 10), brief(4, "brief", 10)]).await;
    let list = async |n: u64| {
        let page = holdings::list(store, &ada, Kind::Audio, None, 2, seconds(n)).await.unwrap();
        page.into_iter().map(|one| one.object).collect::<Vec<_>>()
    };
    assert_eq!(list(9).await, ["brief", "short"]);
    assert_eq!(list(10).await, ["long", "kept"], "expired at the moment that is named");
}

pub async fn a_user_takes_what_it_has_along(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let (ada, bob) = (world.user(acme.id, |_| {}).await.id, world.user(acme.id, |_| {}).await.id);
    claim(store, &[holding(of_user(acme.id, ada), "resp_1"), holding(of_user(acme.id, bob), "resp_2")]).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(holdings::reassign(&mut tx, ada, bob).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(find(store, &of_user(acme.id, ada), "resp_1").await.is_none());
    assert!(find(store, &of_user(acme.id, bob), "resp_1").await.is_some());
    let mut tx = store.begin().await.unwrap();
    assert_eq!(holdings::forget_user(&mut tx, bob).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert!(find(store, &of_user(acme.id, bob), "resp_2").await.is_none());
}

pub async fn what_is_old_or_expired_is_forgotten(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let ada = of_user(acme.id, world.user(acme.id, |_| {}).await.id);
    let old = Holding { created_at: seconds(0), ..holding(ada, "old") };
    let young = Holding { created_at: seconds(100), ..holding(ada, "young") };
    let brief = Holding { expires_at: Some(seconds(110)), ..holding(ada, "brief") };
    let brief = Holding { created_at: seconds(100), ..brief };
    claim(store, &[old, young, brief]).await;
    let at = async |n: u64, object: &str| {
        holdings::find(store, &ada, Kind::Response, object, seconds(n)).await.unwrap().is_some()
    };
    assert!(at(109, "brief").await && !at(110, "brief").await, "expired before it is forgotten");
    let mut tx = store.begin().await.unwrap();
    assert_eq!(holdings::prune(&mut tx, seconds(50), seconds(105)).await.unwrap(), 1);
    assert_eq!(holdings::prune(&mut tx, seconds(50), seconds(111)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(!at(0, "old").await && at(0, "young").await && !at(0, "brief").await);
}

pub async fn only_its_holder_has_it_for_longer(world: &World) {
    let store = &world.store;
    let acme = world.tenant("acme").await;
    let (ada, bob) = (world.user(acme.id, |_| {}).await.id, world.user(acme.id, |_| {}).await.id);
    let (ada, bob) = (of_user(acme.id, ada), of_user(acme.id, bob));
    let until = |holder: Holder, n: u64| Holding {
        created_at: seconds(0),
        expires_at: Some(seconds(n)),
        ..holding(holder, "brief")
    };
    let put = async |one: Holding| holdings::put(store, &one).await.unwrap();
    assert!(put(until(ada, 10)).await);
    assert!(!put(until(ada, 10)).await, "nothing is different");
    assert!(!put(until(bob, 99)).await, "it is not his to keep");
    assert_eq!(claim(store, &[until(bob, 99)]).await, [until(bob, 99)]);
    let expires = async || {
        let found = holdings::find(store, &ada, Kind::Response, "brief", seconds(1)).await.unwrap();
        found.unwrap().expires_at
    };
    assert_eq!(expires().await, Some(seconds(10)));
    assert_eq!(claim(store, &[until(ada, 20)]).await, []);
    assert_eq!(expires().await, Some(seconds(20)));
    // Also through an application, which is another holder.
    let crawler = application(acme.id, "crawler");
    let mut tx = store.begin().await.unwrap();
    applications::insert(&mut tx, &crawler).await.unwrap();
    tx.commit().await.unwrap();
    let through = Holder { application: Some(crawler.id), ..ada };
    assert!(!put(until(through, 99)).await);
    assert_eq!(expires().await, Some(seconds(20)));
    assert!(put(Holding { expires_at: None, ..until(ada, 0) }).await);
    assert_eq!(expires().await, None);
}
