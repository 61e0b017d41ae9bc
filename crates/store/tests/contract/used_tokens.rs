//! Tokens that are for one call.

use crate::world::{NOW, World, fresh, name, seconds};
use portcullis_model::{RequestId, TenantId};
use portcullis_store::Store;
use portcullis_store::entity::used_tokens::{self, UsedToken};

fn used(issuer: &str, jti: u32) -> UsedToken {
    let mut key = [0xff; 32];
    key[..4].copy_from_slice(&jti.to_be_bytes());
    UsedToken {
        issuer: name(issuer),
        jti: key,
        digest: "yY0".to_owned(),
        tenant: TenantId::new(NOW, fresh()),
        request: RequestId::new(NOW, fresh()),
        at: NOW,
        expires_at: seconds(60),
    }
}

pub async fn a_token_is_used_once(world: &World) {
    let store = &world.store;
    let first = used("corp", 1);
    assert_eq!(used_tokens::find(store, &first.issuer, &first.jti).await.unwrap(), None);
    assert!(used_tokens::insert(store, &first).await.unwrap());
    assert!(!used_tokens::insert(store, &first).await.unwrap());
    // Whatever else is said of it; and the first use stays what is known.
    let again = UsedToken { at: seconds(1), expires_at: seconds(99), digest: "x".into(), ..used("corp", 1) };
    assert!(!used_tokens::insert(store, &again).await.unwrap());
    let kept = used_tokens::find(store, &first.issuer, &first.jti).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&first));
    // Only whose it was takes it back.
    assert!(!used_tokens::take_back(store, &again).await.unwrap());
    assert!(used_tokens::take_back(store, &first).await.unwrap());
    assert!(!used_tokens::take_back(store, &first).await.unwrap());
    assert!(used_tokens::insert(store, &first).await.unwrap());
    // Another issuer's, and another of the same.
    for other in [used("partner", 1), used("corp", 2)] {
        assert_eq!(used_tokens::find(store, &other.issuer, &other.jti).await.unwrap(), None);
        assert!(used_tokens::insert(store, &other).await.unwrap());
        assert_eq!(used_tokens::find(store, &other.issuer, &other.jti).await.unwrap(), Some(other));
    }
}

pub async fn of_fifty_uses_at_once_one_is_the_first(world: &World) {
    // Two nodes on PostgreSQL; SQLite has one process.
    let other = match world.store.is_embedded() {
        true => world.store.clone(),
        false => Store::open(world.options.clone()).await.unwrap(),
    };
    for token in 0..3 {
        let uses: Vec<_> = (0..50).map(|_| used("corp", token)).collect();
        let store = |n: usize| if n.is_multiple_of(2) { &world.store } else { &other };
        let all = uses.iter().enumerate().map(|(n, one)| used_tokens::insert(store(n), one));
        let outcomes = futures_util::future::join_all(all).await;
        let first: Vec<_> =
            outcomes.into_iter().zip(&uses).filter(|(outcome, _)| *outcome.as_ref().unwrap()).collect();
        assert_eq!(first.len(), 1);
        let kept = used_tokens::find(&other, &name("corp"), &uses[0].jti).await.unwrap();
        assert_eq!(kept.as_ref(), Some(first[0].1), "every node knows which");
    }
}

pub async fn what_nobody_believes_is_forgotten(world: &World) {
    let store = &world.store;
    let mut tx = store.begin().await.unwrap();
    // More than one statement removes.
    for n in 0..2_100 {
        let one = UsedToken { expires_at: seconds(u64::from(n % 3 / 2) * 100), ..used("corp", n) };
        assert!(used_tokens::insert(&mut tx, &one).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(used_tokens::prune(store, NOW).await.unwrap(), 0, "believed until then");
    assert_eq!(used_tokens::prune(store, seconds(1)).await.unwrap(), 1_400);
    let there = async |n| {
        let one = used("corp", n);
        used_tokens::find(store, &one.issuer, &one.jti).await.unwrap().is_some()
    };
    assert!(!there(0).await && !there(1).await && there(2).await);
    assert_eq!(used_tokens::prune(store, seconds(101)).await.unwrap(), 700);
}
