//! Resolving among 100,000 users without a cache: p99 below 5 ms, on SQLite and (with `PORTCULLIS_TEST_POSTGRES`, see
//! `scripts/with-postgres`) on PostgreSQL; and what is near a text that is nobody's: p99 below 50 ms. Fails when it is more.
//!
//! `cargo bench -p portcullis-store --bench users`, and `-- postgres` for that one only.

#[path = "seed/people.rs"]
mod people;

use people::{USERS, at, id};
use portcullis_fault::Secret;
use portcullis_model::tenant::Origin;
use portcullis_model::{Name, Tenant, TenantId};
use portcullis_store::entity::users::{Lookup, resolve};
use portcullis_store::entity::{identifiers, tenants};
use portcullis_store::near::compare;
use portcullis_store::{Database, Options, Store};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::time::{Duration, Instant};

const LOOKUPS: u64 = 10_000;
/// Look-ups under way at once, as after a restart.
const AT_ONCE: u64 = 8;
const TARGET: Duration = Duration::from_millis(5);
const SEARCHES: u64 = 300;
const TARGET_NEAR: Duration = Duration::from_millis(50);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if !std::env::args().any(|argument| argument == "postgres") {
            let directory = tempfile::tempdir().unwrap();
            let sqlite =
                Store::open(Options::new(Database::Sqlite(directory.path().join("bench.db")))).await.unwrap();
            measure("SQLite", &sqlite).await;
            sqlite.close().await;
        }
        #[expect(clippy::disallowed_methods, reason = "a bench is its own `main`")]
        let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
            return println!("PostgreSQL: skipped, `PORTCULLIS_TEST_POSTGRES` is not set");
        };
        let database = format!("portcullis_bench_{}", std::process::id());
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {database}"))).await.unwrap();
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (base, _) = base.rsplit_once('/').unwrap();
        let url = Secret::new(format!("{base}/{database}?{query}"));
        let postgres = Store::open(Options::new(Database::Postgres(url))).await.unwrap();
        measure("PostgreSQL", &postgres).await;
        postgres.close().await;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)"))).await.unwrap();
    });
}

async fn measure(what: &str, store: &Store) {
    let tenant = TenantId::new(at(1), id(1));
    let begun = Instant::now();
    fill(store, tenant).await;
    println!("{what:<12} {USERS} users written in {:.1?}", begun.elapsed());
    measure_near(what, store, tenant).await;
    let issuer = Name::new("corp").unwrap();
    let kinds: [(&str, &(dyn Fn(u64) -> Lookup + Sync)); 5] = [
        ("identity", &|n| Lookup::Identity { issuer: issuer.clone(), subject: format!("auth0|{n:08}") }),
        ("external id", &|n| Lookup::ExternalId(format!("E-{n:08}"))),
        ("user name", &|n| Lookup::Username(format!("user{n}"))),
        ("attribute", &|n| Lookup::Attribute { name: "badge".to_owned(), value: n.to_string() }),
        ("nobody", &|n| Lookup::Username(format!("nobody{n}"))),
    ];
    for (kind, lookup) in kinds {
        let mut times = Vec::new();
        for batch in 0..LOOKUPS / AT_ONCE {
            let ask = (0..AT_ONCE).map(|i| async move {
                let n = (batch * AT_ONCE + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) % USERS;
                let begun = Instant::now();
                let found = resolve(store, tenant, &lookup(n)).await.unwrap();
                assert_eq!(found.len(), usize::from(kind != "nobody"));
                begun.elapsed()
            });
            times.extend(futures_util::future::join_all(ask).await);
        }
        times.sort_unstable();
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{what:<12} {kind:<12} p50 {p50:>10.1?}   p99 {p99:>10.1?}");
        assert!(p99 < TARGET, "{what}, by {kind}: p99 is {p99:?}, which is not below {TARGET:?}");
    }
}

/// The hard case: every name and number has hundreds of neighbours within two edits, and shares its beginning with all.
async fn measure_near(what: &str, store: &Store, tenant: TenantId) {
    let kinds: [(&str, &(dyn Fn(u64) -> String + Sync)); 5] = [
        ("other case", &|n| format!("USER{n}")),
        ("prefix", &|n| format!("CORP\\user{n}")),
        ("typing error", &|n| format!("usr{n}")),
        ("number", &|n| format!("e-{n:07}")),
        ("nobody", &|n| format!("0190a3b4-c5d6-7abc-8def-{n:012x}")),
    ];
    for (kind, text) in kinds {
        let mut times = Vec::new();
        for search in 0..SEARCHES {
            let text = text(search.wrapping_mul(0x9e37_79b9_7f4a_7c15) % USERS);
            // One tenant's, and all tenants'.
            let scope = (search % 2 == 0).then_some(tenant);
            let begun = Instant::now();
            let found = identifiers::near(store, scope, &text).await.unwrap();
            let near = found.iter().filter(|one| compare(&text, &one.value).is_some()).count();
            times.push(begun.elapsed());
            assert_eq!(near > 0, kind != "nobody", "{text}: {near}");
        }
        times.sort_unstable();
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{what:<12} near, {kind:<12} p50 {p50:>10.1?}   p99 {p99:>10.1?}");
        assert!(
            p99 < TARGET_NEAR,
            "{what}, near, {kind}: p99 is {p99:?}, which is not below {TARGET_NEAR:?}"
        );
    }
}

async fn fill(store: &Store, tenant: TenantId) {
    let mut tx = store.begin().await.unwrap();
    let acme = Tenant {
        id: tenant,
        name: Name::new("acme").unwrap(),
        models: Vec::new(),
        origin: Origin::Api,
        disabled: false,
        created_at: at(1),
        updated_at: at(1),
    };
    tenants::insert(&mut tx, &acme).await.unwrap();
    tx.commit().await.unwrap();
    people::fill(store, tenant, "corp").await;
}
