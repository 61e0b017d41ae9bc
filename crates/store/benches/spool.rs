//! What keeping a record costs: appending it to the spool, and bringing it to the embedded database.
//!
//! `cargo bench -p portcullis-store --bench spool`. One worker, as the gateway has on one core. CPU is that of the whole
//! process, kernel included.

use portcullis_model::record::{Outcome, Timing, TokenFacts};
use portcullis_model::{Record, RequestId, TenantId, Timestamp, Usage, UserId};
use portcullis_store::entity::records;
use portcullis_store::{Database, Options, Spool, SpoolOptions, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const APPENDS: u64 = 400_000;
const DRAINED: u64 = 100_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("record: {} bytes", serde_json::to_vec(&record(0)).unwrap().len());
    println!("{:<28} {:>12} {:>14}", "", "records/s", "CPU µs/record");
    encode();
    for tasks in [1, 32, 128, 1_024] {
        runtime.block_on(append(tasks));
    }
    for batch in [500, 2_000, 5_000] {
        runtime.block_on(drain(batch));
    }
}

/// CPU time of this process: user and system, in clock ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn report(what: &str, records: u64, wall: Duration, cpu: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "figures to be read")]
    let n = records as f64;
    println!("{what:<28} {:>12.0} {:>14.2}", n / wall.as_secs_f64(), cpu.as_secs_f64() * 1e6 / n);
}

fn record(n: u64) -> Record {
    let at = Timestamp::from_micros(1_763_798_950_000_000 + i64::try_from(n).unwrap() * 100);
    let id = |n: u64| {
        let mut entropy = [0; 10];
        entropy[2..].copy_from_slice(&n.to_be_bytes());
        entropy
    };
    Record {
        id: RequestId::new(at, id(n)),
        at,
        outcome: Outcome::Completed,
        status: 200,
        code: None,
        detail: None,
        would_refuse: None,
        tenant: Some(TenantId::new(Timestamp::from_micros(0), id(1))),
        // A thousand users, in no order.
        user: Some(UserId::new(Timestamp::from_micros(0), id(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000))),
        application: None,
        api_key: None,
        service: Some("ai".into()),
        operation: Some("chat".into()),
        model: Some("fast".into()),
        provider: Some("openai".into()),
        deployment: Some("gpt-4o-mini".into()),
        batch: None,
        method: "POST".into(),
        path: "/v1/chat/completions".to_owned(),
        source: "192.0.2.7".to_owned(),
        trace: None,
        token: Some(Arc::new(TokenFacts {
            issuer: Some("corp".into()),
            header: r#"{"alg":"ES256","kid":"2025-11","typ":"JWT"}"#.to_owned(),
            claims: r#"{"iss":"https://idp.example.com","aud":"api://acme","sub":"6f1c2a7e","exp":1763802550,"iat":1763798950}"#.to_owned(),
            digest: "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg".to_owned(),
            encryption: None,
            groups_overage: None,
            ignored: Vec::new(),
        })),
        usage: Some(Usage { input_tokens: 120, output_tokens: 340, ..Usage::default() }),
        upstream_status: Some(200),
        bytes_in: 512,
        bytes_out: 2_048,
        attempts: 1,
        tried: Vec::new(),
        dialect: None,
        dropped: None,
        tools: None,
        cost: None,
        timing: Timing { identified: 40, dispatched: 90, first_byte: 400, total: 900 },
        capture: None,
    }
}

/// The JSON alone, as the least that a record can cost.
fn encode() {
    let record = record(7);
    let mut buffer = Vec::with_capacity(4_096);
    let (begun, cpu_begun) = (Instant::now(), cpu());
    for _ in 0..APPENDS {
        buffer.clear();
        serde_json::to_writer(&mut buffer, std::hint::black_box(&record)).unwrap();
        std::hint::black_box(&buffer);
    }
    report("encode", APPENDS, begun.elapsed(), cpu() - cpu_begun);
}

async fn append(tasks: u64) {
    let directory = tempfile::tempdir().unwrap();
    let (spool, reader) = Spool::open(directory.path(), SpoolOptions::default()).unwrap();
    let record = Arc::new(record(7));
    let (begun, cpu_begun) = (Instant::now(), cpu());
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let (spool, record) = (spool.clone(), record.clone());
        set.spawn(async move {
            for _ in 0..APPENDS / tasks {
                spool.append(&record).await.unwrap();
            }
        });
    }
    while let Some(done) = set.join_next().await {
        done.unwrap();
    }
    report(&format!("append, {tasks} at once"), APPENDS, begun.elapsed(), cpu() - cpu_begun);
    drop((spool, reader));
}

async fn drain(batch: usize) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(Database::Sqlite(directory.path().join("bench.db")))).await.unwrap();
    let (spool, reader) = Spool::open(&directory.path().join("spool"), SpoolOptions::default()).unwrap();
    for n in 0..DRAINED {
        drop(spool.append(&record(n)));
    }
    spool.sync().unwrap();
    let (begun, cpu_begun) = (Instant::now(), cpu());
    let stop = CancellationToken::new();
    let last = record(DRAINED - 1).id;
    let watch = async {
        while records::find(&store, last).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.cancel();
    };
    // It rests in between, so that what counts here is the CPU.
    tokio::join!(reader.drain(store.clone(), batch, stop.clone()), watch);
    report(&format!("store in SQLite, by {batch}"), DRAINED, begun.elapsed(), cpu() - cpu_begun);
    store.close().await;
}
