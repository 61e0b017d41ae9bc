//! The audit log and facts about the installation.

use crate::world::{NOW, World, fresh, seconds};
use portcullis_model::audit::Audit;
use portcullis_model::{AuditId, TenantId};
use portcullis_store::Page;
use portcullis_store::entity::{audit, meta};
use serde_json::json;

pub async fn audit_entries_are_listed_newest_first(world: &World) {
    let store = &world.store;
    let acme = TenantId::new(NOW, fresh());
    let entries: Vec<Audit> = (0..5_u64)
        .map(|i| Audit {
            id: AuditId::new(seconds(i), fresh()),
            at: seconds(i),
            actor: format!("operator:{}", i % 2),
            source: "192.0.2.1".to_owned(),
            tenant: (i != 4).then_some(acme),
            action: if i == 0 { "user.create" } else { "user.suspend" }.to_owned(),
            target: format!("u-{}", i % 3),
            // What `jsonb` would refuse or reorder.
            before: json!({ "z": 1, "a": "\0", "n": [null, 1.5, u64::MAX] }),
            after: json!(null),
        })
        .collect();
    let mut tx = store.begin().await.unwrap();
    for entry in &entries {
        audit::insert(&mut tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(audit::find(store, entries[2].id).await.unwrap().as_ref(), Some(&entries[2]));
    let picked = async |filter: audit::Filter, page| {
        let list = audit::list(store, &filter, page).await.unwrap();
        list.iter().map(|entry| entries.iter().position(|known| known == entry).unwrap()).collect::<Vec<_>>()
    };
    let any = audit::Filter::default;
    assert_eq!(picked(any(), Page::first(2)).await, [4, 3]);
    assert_eq!(picked(any(), Page { after: Some(entries[3].id.0), limit: 10 }).await, [2, 1, 0]);
    assert_eq!(picked(audit::Filter { tenant: Some(acme), ..any() }, Page::default()).await, [3, 2, 1, 0]);
    assert_eq!(
        picked(audit::Filter { actor: Some("operator:1".to_owned()), ..any() }, Page::default()).await,
        [3, 1]
    );
    assert_eq!(
        picked(audit::Filter { action: Some("user.create".to_owned()), ..any() }, Page::default()).await,
        [0]
    );
    assert_eq!(
        picked(audit::Filter { target: Some("u-1".to_owned()), ..any() }, Page::default()).await,
        [4, 1]
    );
    assert_eq!(
        picked(audit::Filter { since: Some(seconds(1)), until: Some(seconds(3)), ..any() }, Page::default())
            .await,
        [2, 1]
    );
}

pub async fn two_nodes_settle_on_one_fact(world: &World) {
    let other = world.node().await;
    let settle = |store: portcullis_store::Store, value: &'static str| async move {
        let mut tx = store.begin().await.unwrap();
        let settled = meta::settle(&mut tx, "installation", value).await.unwrap();
        tx.commit().await.unwrap();
        settled
    };
    let (one, two) = tokio::join!(settle(world.store.clone(), "one"), settle(other.clone(), "two"));
    assert_eq!(one, two);
    assert_eq!(meta::find(&world.store, "installation").await.unwrap(), Some(one));
    let mut tx = world.store.begin().await.unwrap();
    meta::set(&mut tx, "installation", "three").await.unwrap();
    assert_eq!(meta::find(&mut tx, "installation").await.unwrap().as_deref(), Some("three"));
    tx.commit().await.unwrap();
    assert_eq!(meta::find(&other, "installation").await.unwrap().as_deref(), Some("three"));
    other.close().await;
}
