//! How the databases find what the path of a call and the doctor ask for: by an index, never by walking through a table. What
//! a plan says is held here; how long it takes at 100,000 users is in `benches/users.rs`.

use super::{identifiers, users};
use crate::statement::{Executor, Statement, sql};
use crate::{Database, Error, Options, Row, Store, Tx};
use portcullis_fault::Secret;
use portcullis_model::{Name, TenantId, Timestamp, UserId};
use sqlx::{AssertSqlSafe, Connection};
use std::sync::atomic::{AtomicU32, Ordering};

/// Asks for the plan of a statement in its place, and has no rows.
struct Planned<'a> {
    tx: &'a mut Tx,
    embedded: bool,
    seen: &'a mut Vec<String>,
}

impl Executor for Planned<'_> {
    async fn rows(self, mut statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        let explain = if self.embedded { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
        statement.text.to_mut().insert_str(0, explain);
        for mut row in self.tx.rows(statement).await? {
            if self.embedded {
                // Id, parent, and a number that means nothing.
                for _ in 0..3 {
                    row.take::<i64>()?;
                }
            }
            self.seen.push(row.take::<String>()?);
        }
        Ok(Vec::new())
    }

    async fn execute(self, _: Statement<'_>) -> Result<u64, Error> {
        unreachable!("only questions are planned")
    }
}

async fn every_question_is_answered_by_an_index(store: &Store) {
    let tenant = TenantId::new(Timestamp::default(), [1; 10]);
    let corp = Name::new("corp").unwrap();
    let text = || "0190a3b4-c5d6-7abc-8def-0123456789ab".to_owned();
    let lookups = [
        users::Lookup::Id(UserId::new(Timestamp::default(), [2; 10])),
        users::Lookup::ExternalId(text()),
        users::Lookup::Username(text()),
        users::Lookup::Identity { issuer: corp.clone(), subject: text() },
        users::Lookup::Attribute { name: "badge".to_owned(), value: text() },
    ];
    let mut tx = store.begin().await.unwrap();
    let embedded = store.is_embedded();
    if !embedded {
        // A table with few rows is read whole where that may be: what is asked here is whether it has to be.
        tx.execute(sql("SET LOCAL enable_seqscan = off")).await.unwrap();
    }
    let mut plans: Vec<(String, Vec<String>)> = Vec::new();
    for lookup in &lookups {
        let mut seen = Vec::new();
        let planned = Planned { tx: &mut tx, embedded, seen: &mut seen };
        users::resolve(planned, tenant, lookup).await.unwrap();
        plans.push((format!("{lookup:?}"), seen));
    }
    for scope in [None, Some(tenant)] {
        let mut seen = Vec::new();
        let planned = Planned { tx: &mut tx, embedded, seen: &mut seen };
        identifiers::near(planned, scope, &text()).await.unwrap();
        plans.push((format!("near, in {scope:?}"), seen));
    }
    let mut seen = Vec::new();
    let planned = Planned { tx: &mut tx, embedded, seen: &mut seen };
    identifiers::past(planned, tenant, &identifiers::Field::Identity, Some(&corp), &text()).await.unwrap();
    plans.push(("past".to_owned(), seen));
    let mut seen = Vec::new();
    let planned = Planned { tx: &mut tx, embedded, seen: &mut seen };
    let texts = [text(), format!("CORP\\{}", text())];
    identifiers::alike(planned, tenant, &identifiers::Field::Username, None, &texts).await.unwrap();
    plans.push(("alike".to_owned(), seen));
    for (what, plan) in plans {
        assert!(!plan.is_empty(), "{what}: no plan");
        for step in &plan {
            // `SCAN b0` and `SCAN k` are the results of parts of the statement itself, each bounded.
            let table = ["users", "identities", "user_attributes", "identifiers", "search_forms"].iter().any(
                |table| {
                    let walks = [format!("Seq Scan on {table}"), format!("SCAN {table}")];
                    walks.iter().any(|walk| step.contains(walk.as_str()))
                },
            );
            let alias = ["SCAN u", "SCAN i", "SCAN a", "SCAN f", "SCAN s"];
            let walks =
                table || (embedded && alias.contains(&step.split(" USING").next().unwrap_or_default()));
            assert!(!walks, "{what}: {step}\n{}", plan.join("\n"));
        }
        let used = |step: &String| step.contains("USING") || step.contains("Index");
        assert!(plan.iter().any(used), "{what}: no index is used\n{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::new(Database::Sqlite(directory.path().join("plans.db")));
    let store = Store::open(options).await.unwrap();
    every_question_is_answered_by_an_index(&store).await;
    store.close().await;
}

#[tokio::test]
async fn on_postgres() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "a test has no `main` that could hand it in")]
    let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
        println!("skipped: `PORTCULLIS_TEST_POSTGRES` is not set (see `scripts/with-postgres`)");
        return;
    };
    let database =
        format!("portcullis_plans_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::Executor::execute(&mut connection, AssertSqlSafe(format!("CREATE DATABASE {database}")))
        .await
        .unwrap();
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (base, _) = base.rsplit_once('/').unwrap();
    let url = Secret::new(format!("{base}/{database}?{query}"));
    let store = Store::open(Options::new(Database::Postgres(url))).await.unwrap();
    every_question_is_answered_by_an_index(&store).await;
    store.close().await;
    sqlx::Executor::execute(&mut connection, AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)")))
        .await
        .unwrap();
}
