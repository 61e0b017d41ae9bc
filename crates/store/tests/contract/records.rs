//! Records: from the spool into the database, and what is found there.

use crate::world::{NOW, World, fresh, record, seconds};
use portcullis_model::record::{Capture, Cost, Outcome};
use portcullis_model::{ApplicationId, Record, TenantId, Timestamp, Usage, UserId};
use portcullis_store::entity::bills;
use portcullis_store::entity::records::{Filter, find, find_soon, insert_batch, prune, search};
use portcullis_store::{Error, Page, Spool, SpoolOptions};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub async fn writing_twice_changes_nothing(world: &World) {
    // All sizes of statement: one hundred, ten, one.
    let records: Vec<Record> = (0..123).map(|i| record(seconds(i))).collect();
    insert_batch(&world.store, &records[..60]).await.unwrap();
    let mut changed = records.clone();
    changed[0].status = 500;
    insert_batch(&world.store, &changed).await.unwrap();
    insert_batch(&world.store, &[]).await.unwrap();
    assert_eq!(find(&world.store, records[0].id).await.unwrap().as_ref(), Some(&records[0]));
    let all = search(&world.store, &Filter::default(), Page::first(1_000)).await.unwrap();
    assert!(all.iter().eq(records.iter().rev()));
}

pub async fn a_young_record_is_waited_for(world: &World) {
    let young = record(NOW);
    let later = async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        insert_batch(&world.store, std::slice::from_ref(&young)).await.unwrap();
    };
    let (found, ()) = tokio::join!(find_soon(&world.store, young.id, NOW), later);
    assert_eq!(found.unwrap().as_ref(), Some(&young));
    // Nobody waits for an old one, or for one that has yet to come.
    for now in [NOW.plus(Duration::from_secs(60)), NOW.minus(Duration::from_secs(60))] {
        // Two seconds at least when it is waited for; a busy machine may take as long for other reasons, but not each time.
        let mut quickest = Duration::MAX;
        for _ in 0..5 {
            let asked = tokio::time::Instant::now();
            assert_eq!(find_soon(&world.store, record(NOW).id, now).await.unwrap(), None);
            quickest = quickest.min(asked.elapsed());
        }
        assert!(quickest < Duration::from_secs(2), "{quickest:?}");
    }
}

pub async fn a_hostile_record_can_be_stored(world: &World) {
    let mut hostile = record(NOW);
    hostile.model = Some("\0'\"\\ünïcode ".repeat(1_000).into());
    hostile.service = Some("a\0".into());
    hostile.path = "/\0".to_owned();
    hostile.detail = Some("\u{ffff}\0".to_owned());
    hostile.capture =
        Some(Box::new(Capture { request: "\0".repeat(10), response: "x".repeat(100_000), truncated: true }));
    hostile.bytes_in = u64::MAX;
    insert_batch(&world.store, std::slice::from_ref(&hostile)).await.unwrap();
    assert_eq!(find(&world.store, hostile.id).await.unwrap().as_ref(), Some(&hostile));
    let nul = Filter { service: Some("a\0".to_owned()), ..Filter::default() };
    assert!(matches!(search(&world.store, &nul, Page::default()).await, Err(Error::Invalid { .. })));
    let filter = Filter { service: Some("a\u{fffd}".to_owned()), ..Filter::default() };
    assert_eq!(search(&world.store, &filter, Page::default()).await.unwrap(), [hostile]);
}

pub async fn searches_find_what_they_ask_for(world: &World) {
    let (tenant, user, application) =
        (TenantId::new(NOW, fresh()), UserId::new(NOW, fresh()), ApplicationId::new(NOW, fresh()));
    let mut records: Vec<Record> = (0..10).map(|i| record(seconds(i * 10))).collect();
    records[1].tenant = Some(tenant);
    records[2].user = Some(user);
    records[3].application = Some(application);
    records[4].service = Some("orders".into());
    records[5].model = Some("slow".into());
    records[6].code = Some("token_expired".into());
    records[7].status = 429;
    records[8].outcome = Outcome::ClientClosed;
    insert_batch(&world.store, &records).await.unwrap();
    let any = Filter::default;
    let cases: Vec<(Filter, Vec<usize>)> = vec![
        (Filter { tenant: Some(tenant), ..any() }, vec![1]),
        (Filter { user: Some(user), ..any() }, vec![2]),
        (Filter { application: Some(application), ..any() }, vec![3]),
        (Filter { service: Some("orders".to_owned()), ..any() }, vec![4]),
        (Filter { model: Some("slow".to_owned()), ..any() }, vec![5]),
        (Filter { code: Some("token_expired".to_owned()), ..any() }, vec![6]),
        (Filter { status: Some(429), ..any() }, vec![7]),
        (Filter { outcome: Some(Outcome::ClientClosed), ..any() }, vec![8]),
        (Filter { since: Some(seconds(20)), until: Some(seconds(50)), ..any() }, vec![4, 3, 2]),
        (Filter { since: Some(seconds(20)), status: Some(429), ..any() }, vec![7]),
        (Filter { tenant: Some(tenant), status: Some(429), ..any() }, vec![]),
    ];
    for (filter, expected) in cases {
        let found = search(&world.store, &filter, Page::default()).await.unwrap();
        let expected: Vec<Record> = expected.into_iter().map(|i| records[i].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let second = search(&world.store, &any(), Page { after: Some(records[7].id.0), limit: 2 }).await.unwrap();
    assert_eq!(second, [records[6].clone(), records[5].clone()]);
}

async fn left(world: &World) -> Vec<Timestamp> {
    search(&world.store, &Filter::default(), Page::first(1_000))
        .await
        .unwrap()
        .iter()
        .map(|record| record.at)
        .collect()
}

pub async fn old_records_are_forgotten(world: &World) {
    // More than one slice.
    let records: Vec<Record> = (0..700).map(|i| record(seconds(i))).collect();
    insert_batch(&world.store, &records).await.unwrap();
    assert_eq!(prune(&world.store, seconds(698), None).await.unwrap(), 698);
    assert_eq!(left(world).await, [seconds(699), seconds(698)]);
    assert_eq!(prune(&world.store, seconds(698), None).await.unwrap(), 0);
}

pub async fn the_oldest_go_when_there_are_too_many_bytes(world: &World) {
    let records: Vec<Record> = (0..50).map(|i| record(seconds(i))).collect();
    insert_batch(&world.store, &records).await.unwrap();
    let size = serde_json::to_string(&records[0]).unwrap().len() as u64;
    let epoch = Timestamp::from_micros(0);
    assert_eq!(prune(&world.store, epoch, Some(size * 1_000)).await.unwrap(), 0);
    assert_eq!(prune(&world.store, epoch, Some(size * 3 + 1)).await.unwrap(), 47);
    assert_eq!(left(world).await, [seconds(49), seconds(48), seconds(47)]);
    assert_eq!(prune(&world.store, epoch, Some(0)).await.unwrap(), 3);
}

fn options() -> SpoolOptions {
    SpoolOptions { fsync_interval: Duration::from_millis(5), ..SpoolOptions::default() }
}

pub async fn what_a_batch_used_is_in_one_record(world: &World) {
    let told = |at: u64, batch: &str, provider: &str| Record {
        batch: Some(batch.to_owned()),
        provider: Some(provider.into()),
        usage: Some(Usage { input_tokens: 1_000, ..Usage::default() }),
        cost: Some(Cost { nanos: 75_000, currency: "USD".to_owned() }),
        ..record(seconds(at))
    };
    let usual = Record { usage: told(0, "", "").usage, ..record(seconds(1)) };
    let others = [told(2, "b-1", "azure"), told(3, "b-2", "openai"), usual];
    // Each node has heard of it several times, and what it brings twice is as good as once.
    let nodes: Vec<Vec<Record>> = (0..6)
        .map(|node| {
            let heard = (0..3).map(|n| told(10 + node * 3 + n, "b-1", "openai"));
            others.iter().cloned().chain(heard).collect()
        })
        .collect();
    let bring = |records| async move { insert_batch(&world.store, records).await.unwrap() };
    futures_util::future::join_all(nodes.iter().chain(&nodes).map(|records| bring(records))).await;
    let all = search(&world.store, &Filter::default(), Page::first(1_000)).await.unwrap();
    assert_eq!(all.len(), 3 + 6 * 3);
    let has = |batch: &str, provider: &str| -> Vec<&Record> {
        let is =
            |one: &&Record| one.batch.as_deref() == Some(batch) && one.provider.as_deref() == Some(provider);
        all.iter().filter(is).collect()
    };
    let [bill] = has("b-1", "openai")[..] else { panic!("{all:?}") };
    assert_eq!(bills::record_of(&world.store, "b-1", "openai").await.unwrap(), Some(bill.id));
    assert!(nodes.iter().flatten().any(|heard| heard == bill), "as it was told");
    for other in &others {
        assert_eq!(find(&world.store, other.id).await.unwrap().as_ref(), Some(other));
    }
    let without = all.iter().filter(|one| one.usage.is_none() && one.cost.is_none() && one.batch.is_none());
    assert_eq!(without.count(), 6 * 3 - 1, "the rest say nothing of it, and are there");
    // Of several in one batch the first has it.
    let both = [told(90, "b-3", "openai"), told(91, "b-3", "openai")];
    insert_batch(&world.store, &both).await.unwrap();
    assert_eq!(bills::record_of(&world.store, "b-3", "openai").await.unwrap(), Some(both[0].id));
    assert_eq!(bills::record_of(&world.store, "b-3", "azure").await.unwrap(), None);
    // What cannot be kept is no reason not to store a record.
    let long = told(92, &"b".repeat(1_025), "openai");
    let hostile = told(93, "\0", "openai");
    insert_batch(&world.store, &[long.clone(), hostile]).await.unwrap();
    assert_eq!(find(&world.store, long.id).await.unwrap().unwrap().usage, None);
    // It is forgotten when its batch is.
    let mut tx = world.store.begin().await.unwrap();
    assert_eq!(bills::prune(&mut tx, seconds(90)).await.unwrap(), 3);
    tx.commit().await.unwrap();
    assert_eq!(bills::record_of(&world.store, "b-1", "openai").await.unwrap(), None);
    assert!(bills::record_of(&world.store, "b-3", "openai").await.unwrap().is_some());
}

pub async fn a_spool_is_drained_in_order(world: &World) {
    let directory = world.directory.path().join("spool");
    let (spool, reader) = Spool::open(&directory, options()).unwrap();
    let records: Vec<Record> = (0..1_500).map(|i| record(seconds(i))).collect();
    let (first, rest) = records.split_at(700);
    for record in first {
        spool.append(record).await.unwrap();
    }
    let stop = CancellationToken::new();
    let drain = reader.drain(world.store.clone(), 100, stop.clone());
    let drive = async {
        // While it drains, more comes.
        for record in rest {
            spool.append(record).await.unwrap();
        }
        while find(&world.store, records[1_499].id).await.unwrap().is_none() {
            // The drain has what others leave of the processors: to ask without a pause would leave it nothing.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    tokio::join!(drain, drive);
    let newest = search(&world.store, &Filter::default(), Page::first(1_000)).await.unwrap();
    assert!(newest.iter().eq(records.iter().rev().take(1_000)));
    assert!(find(&world.store, records[0].id).await.unwrap().is_some());
    // Everything is in the database, so nothing is left to read twice.
    drop(spool);
    let (spool, mut reader) = Spool::open(&directory, options()).unwrap();
    assert!(reader.try_next(10).await.unwrap().is_empty());
    assert!(spool.bytes() < 100, "{}", spool.bytes());
}

pub async fn a_record_that_cannot_be_read_is_set_aside(world: &World) {
    let directory = world.directory.path().join("spool");
    let (spool, reader) = Spool::open(&directory, options()).unwrap();
    let records: Vec<Record> = (0..3).map(|i| record(seconds(i))).collect();
    for record in &records {
        spool.append(record).await.unwrap();
    }
    drop((spool, reader));
    // The middle one becomes what another release might write: sound as a frame, unreadable as a record.
    let path = std::fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let frame = |bytes: &[u8], at: usize| {
        (at + 8, at + 8 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize)
    };
    let (_, end) = frame(&bytes, 8);
    let (begin, end) = frame(&bytes, end);
    let foreign =
        String::from_utf8(bytes[begin..end].to_vec()).unwrap().replace("\"completed\"", "\"postponed\"");
    assert_eq!(foreign.len(), end - begin);
    bytes[begin..end].copy_from_slice(foreign.as_bytes());
    let sum = crc32(foreign.as_bytes());
    bytes[begin - 4..begin].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();

    let (_spool, reader) = Spool::open(&directory, options()).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    reader.drain(world.store.clone(), 100, stop).await;
    assert_eq!(left(world).await, [seconds(2), seconds(0)]);
    let aside = std::fs::read_to_string(directory.join("rejected.ndjson")).unwrap();
    assert_eq!(aside.trim(), foreign);
}

/// A second opinion, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
