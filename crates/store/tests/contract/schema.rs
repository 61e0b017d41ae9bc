//! Opening, migrating, transactions, and a database that is not there.

use crate::world::{World, name, user};
use portcullis_store::entity::{records, tenants, users};
use portcullis_store::{Database, Error, Options, Page, Store};
use std::time::{Duration, Instant};

pub async fn nodes_that_start_at_once_agree(world: &World) {
    // From nothing: the schema is made by whoever is first.
    let mut options = world.options.clone();
    match &mut options.database {
        Database::Sqlite(path) => path.set_file_name("another.db"),
        Database::Postgres(_) => world.raw("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
    }
    let nodes = futures_util::future::join_all((0..5).map(|_| Store::open(options.clone()))).await;
    for node in nodes {
        let node = node.unwrap();
        assert!(tenants::find_by_name(&node, "acme").await.unwrap().is_none());
        node.close().await;
    }
    world.tenant("acme").await;
}

pub async fn a_newer_database_is_refused(world: &World) {
    world.raw("INSERT INTO schema_migrations VALUES (999, 'future', '0', 0)").await;
    let error = Store::open(world.options.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Newer { database: 999, .. }), "{error:?}");
    assert!(error.to_string().contains("start the release that migrated it"), "{error}");
    // A node that runs already goes on: an upgrade is rolled out beside it.
    world.tenant("acme").await;
}

pub async fn a_rewritten_migration_is_noticed(world: &World) {
    world.raw("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1").await;
    let error = Store::open(world.options.clone()).await.unwrap_err();
    assert!(matches!(&error, Error::Rewritten { number: 1, name } if name == "directory"), "{error:?}");
}

pub async fn a_dropped_transaction_did_not_happen(world: &World) {
    let tenant = world.tenant("acme").await;
    // More often than there are connections: none is lost.
    for _ in 0..20 {
        let mut tx = world.store.begin().await.unwrap();
        users::insert(&mut tx, &user(tenant.id)).await.unwrap();
        drop(tx);
    }
    let mut tx = world.store.begin().await.unwrap();
    let mut renamed = tenant.clone();
    renamed.name = name("renamed");
    tenants::update(&mut tx, &renamed).await.unwrap();
    // Seen inside, not outside.
    assert!(tenants::find_by_name(&mut tx, "renamed").await.unwrap().is_some());
    assert!(tenants::find_by_name(&world.store, "renamed").await.unwrap().is_none());
    tx.rollback().await.unwrap();
    assert_eq!(tenants::find(&world.store, tenant.id).await.unwrap(), Some(tenant));
    assert_eq!(users::list(&world.store, &users::Filter::default(), Page::default()).await.unwrap(), []);
    world.store.ping().await.unwrap();
}

pub async fn a_closed_store_is_unavailable(world: &World) {
    let node = world.node().await;
    node.ping().await.unwrap();
    node.close().await;
    let error = node.ping().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(node.begin().await.unwrap_err().is_transient());
}

pub async fn a_statement_that_takes_too_long_is_given_up(world: &World) {
    let tenant = world.tenant("acme").await;
    let hasty = Store::open(Options { statement_timeout: Duration::from_secs(1), ..world.options.clone() })
        .await
        .unwrap();
    let mut holder = world.store.begin().await.unwrap();
    tenants::lock(&mut holder, tenant.id).await.unwrap();
    let begun = Instant::now();
    let mut tx = hasty.begin().await.unwrap();
    let error = tenants::lock(&mut tx, tenant.id).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    // It would wait for ever, or for the minute of a pool.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(tx);
    holder.rollback().await.unwrap();
    hasty.ping().await.unwrap();
    hasty.close().await;
}

pub async fn a_server_that_comes_back_is_used_again(world: &World) {
    let tenant = world.tenant("acme").await;
    for _ in 0..3 {
        world
            .on_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
            .await;
        // Connections that were cut are noticed when they are taken; nobody is told that there is no such tenant.
        match tenants::find(&world.store, tenant.id).await {
            Ok(found) => assert_eq!(found.as_ref(), Some(&tenant)),
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
    let mut tries = 0;
    while tenants::find(&world.store, tenant.id).await.is_err() {
        tries += 1;
        assert!(tries < 20, "still not used again");
    }
}

pub async fn a_search_that_takes_too_long_is_given_up(world: &World) {
    let many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                INSERT INTO records (id, at, status, outcome, size, record) SELECT randomblob(16), i, 200, 'completed', 2, '{}' FROM n";
    world.raw(many).await;
    let options = Options { statement_timeout: Duration::from_millis(1), pool: 1, ..world.options.clone() };
    // On a busy machine a millisecond may be too little for opening as well, but not each time.
    let mut opened = Store::open(options.clone()).await;
    for _ in 0..100 {
        if !matches!(opened, Err(Error::Unavailable(_))) {
            break;
        }
        opened = Store::open(options.clone()).await;
    }
    let hasty = opened.unwrap();
    let filter = records::Filter { status: Some(999), ..records::Filter::default() };
    for _ in 0..3 {
        let error = records::search(&hasty, &filter, Page::default()).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        // The connection is still of use, and not interrupted by what was for the search. On a busy machine a millisecond
        // may be too little for this as well, but not each time.
        let mut answers = 0;
        for _ in 0..100 {
            answers += u32::from(matches!(tenants::find_by_name(&hasty, "acme").await, Ok(None)));
        }
        assert!(answers > 0);
    }
    hasty.close().await;
    assert_eq!(records::search(&world.store, &filter, Page::default()).await.unwrap(), []);
}
