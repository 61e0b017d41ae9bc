//! The database behind a running gateway stops, stands still and comes back, under load: whoever calls is told what is true of
//! them, or that it cannot be said, and the records say why. With `PORTCULLIS_TEST_POSTGRES` (`scripts/with-postgres`); without
//! it this test says that it was skipped. (The same in memory, with more of it: `outages.rs` of `crates/identity`.)

use crate::doctor::world::{World, claims, sign};
use crate::http::get;
use crate::postgres::{Wire, database};
use crate::server::{PATIENCE, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// So short that nearly every call asks the database.
fn config(database: &str) -> String {
    let issuer = |name: &str, subject: &str| {
        format!(
            "[[issuers]]\nname = \"{name}\"\nissuer = \"https://{name}.example\"\naudiences = [\"gateway\"]\ntenant = \"acme\"\n\
             jwks_file = \"corp.json\"\nsubject = {{ {subject} }}\n"
        )
    };
    [
        format!("[storage]\ndatabase = \"{database}\"\n"),
        "[resolution]\npositive_ttl = \"1ms\"\nnegative_ttl = \"1ms\"\nbreaker = { failures = 5, open = \"50ms\" }\n".to_owned(),
        issuer("waiting", "unknown = \"pending\""),
        issuer("folded", "attribute = \"username\", normalise = [\"lowercase\"]"),
    ]
    .concat()
}

/// Issuer, subject, and what is true: the code that the record keeps, or nothing for who may call.
const KINDS: [(&str, &str, Option<&str>); 8] = [
    ("corp", "active", None),
    ("corp", "merged", None),
    ("corp", "suspended", Some("user_suspended")),
    ("corp", "deleted", Some("user_deleted")),
    ("corp", "orphan", Some("user_deleted")),
    ("waiting", "pending", Some("user_pending")),
    ("corp", "nobody", Some("user_unknown")),
    ("folded", "TWIN", Some("subject_ambiguous")),
];

/// What a caller sees.
type Seen = (u16, String);

fn seen_when_it_works(kind: usize) -> Seen {
    match KINDS[kind].2 {
        None => (200, String::new()),
        Some(_) => (401, "subject_unresolved".to_owned()),
    }
}

fn seen_when_it_does_not() -> Seen {
    (503, "resolution_unavailable".to_owned())
}

fn everybody(world: &World) {
    let made = |name: &str| {
        let user = world.user(&["--username", name, "--identity", &format!("corp={name}")]);
        user["id"].as_str().unwrap().to_owned()
    };
    let cli = |arguments: &[&str]| world.server.cli(arguments);
    let (active, merged) = (made("active"), made("merged"));
    cli(&["user", "merge", &merged, "--into", &active]);
    cli(&["user", "suspend", &made("suspended")]);
    cli(&["user", "delete", &made("deleted")]);
    let (orphan, gone) = (made("orphan"), made("gone"));
    cli(&["user", "merge", &orphan, "--into", &gone]);
    cli(&["user", "delete", &gone]);
    made("twin");
    made("Twin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_stays_right_under_load_while_the_database_stops_and_starts() {
    let Some(database) = database("load") else { return };
    let (wire, url) = Wire::to(&database);
    let world = World::new(&config(&url));
    everybody(&world);
    let tokens = Arc::new(KINDS.map(|(issuer, sub, _)| sign(&claims(issuer, sub), &world.corp)));
    let seen: Arc<Mutex<BTreeMap<(usize, Seen), usize>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = tokio::task::JoinSet::new();
    for first in 0..4 {
        let (tokens, seen, stop) = (tokens.clone(), seen.clone(), stop.clone());
        let gateway = world.server.gateway;
        load.spawn(async move {
            let mut n = first * 2;
            while !stop.load(Ordering::SeqCst) {
                let (kind, began) = (n % KINDS.len(), Instant::now());
                let answer = get(gateway, "/v1/models", Some(&tokens[kind])).await;
                let code = if answer.status == 200 { String::new() } else { answer.code() };
                if answer.status == 503 {
                    assert!(answer.headers.contains_key("retry-after"), "{}", answer.text());
                }
                assert!(began.elapsed() < PATIENCE / 2, "a call hangs: {:?}", began.elapsed());
                *seen.lock().unwrap().entry((kind, (answer.status.as_u16(), code))).or_default() += 1;
                n += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    let count = |kind: usize, what: Seen| seen.lock().unwrap().get(&(kind, what)).copied().unwrap_or(0);
    // Each phase is over when everybody has been told several times what is to be told in it.
    let phase = async |what: &str, expected: &dyn Fn(usize) -> Seen| {
        let before: Vec<usize> = (0..KINDS.len()).map(|kind| count(kind, expected(kind))).collect();
        let began = Instant::now();
        while !(0..KINDS.len()).all(|kind| count(kind, expected(kind)) >= before[kind] + 3) {
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", seen.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let unavailable = |_: usize| seen_when_it_does_not();
    phase("the beginning", &seen_when_it_works).await;
    for round in 0..2 {
        wire.cut();
        phase(&format!("cut {round}"), &unavailable).await;
        wire.mend();
        phase(&format!("mended {round}"), &seen_when_it_works).await;
        wire.hold();
        phase(&format!("standstill {round}"), &unavailable).await;
        wire.mend();
        phase(&format!("moving {round}"), &seen_when_it_works).await;
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(done) = load.join_next().await {
        done.unwrap();
    }
    for ((kind, what), n) in seen.lock().unwrap().iter() {
        let right = *what == seen_when_it_works(*kind) || *what == seen_when_it_does_not();
        assert!(right, "{:?}: {what:?}, {n} times", KINDS[*kind]);
    }
    // What nobody outside is told: the records say it of each by its own name, and of the outage.
    let subject = |record: &Value| -> String {
        let claims: Value = serde_json::from_str(record["token"]["claims"].as_str().unwrap_or("{}")).unwrap();
        claims["sub"].as_str().unwrap_or_default().to_owned()
    };
    let codes = ["user_suspended", "user_deleted", "user_pending", "user_unknown", "subject_ambiguous"];
    for code in codes {
        let page = || world.server.cli(&["record", "list", "--code", code, "--limit", "500"]);
        let page = eventually(page, |page| page["items"].as_array().is_some_and(|items| !items.is_empty()));
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty(), "no record of {code}");
        for record in items {
            let truly = KINDS.iter().find(|(_, sub, _)| *sub == subject(record)).unwrap();
            assert_eq!(truly.2, Some(code), "{record:#}");
        }
    }
    let outage = world.server.cli(&["record", "list", "--code", "resolution_unavailable", "--limit", "500"]);
    assert!(outage["items"].as_array().is_some_and(|items| !items.is_empty()), "{outage:#}");
    world.server.stop();
}
