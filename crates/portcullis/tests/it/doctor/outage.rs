//! Causes that lie with the directory's own database: out of reach, slow, left alone for a while, and back. On PostgreSQL, with
//! the wire to it cut and slowed down.

use super::world::codes;
use crate::http::chat;
use crate::postgres::{Wire, database, on, token};
use crate::server::{PATIENCE, Server, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

fn user(server: &Server, name: &str) -> String {
    let made = server.cli(&["user", "create", "--tenant", "acme", "--username", name]);
    made["id"].as_str().unwrap().to_owned()
}

/// What the doctor says once its first finding is this.
fn until(server: &Server, asked: &[&str], code: &str) -> Value {
    let told =
        eventually(|| server.cli(&[&["doctor"], asked].concat()), |told| told["findings"][0]["code"] == code);
    assert_eq!(told["findings"][0]["code"], code, "{told:#}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ails_the_database_is_found_first() {
    let Some(database) = database("ails") else { return };
    let (wire, url) = Wire::to(&database);
    let more = "[resolution]\nbreaker = { failures = 3, open = \"2s\" }\n";
    let server = Server::start(&format!("{more}{}", on(&url)));
    let tokens: Vec<String> =
        ["ada", "eve", "bob"].map(|name| token(&server, &["--user", &user(&server, name)])).into();
    let [ada, eve, bob] = tokens.as_slice() else { unreachable!("three") };
    assert_eq!(chat(server.gateway, ada, false).await.status, 200);

    // Slow: who is asked for now waits too long, and that is why.
    wire.slow(Duration::from_millis(150));
    let told = until(&server, &[ada.as_str()], "directory_slow");
    assert!(told["findings"][0]["summary"].as_str().unwrap().contains("ms to answer a ping"), "{told:#}");
    wire.slow(Duration::ZERO);

    // Out of reach; with calls, the breaker opens. The node hears of no changes, which is told beside.
    wire.cut();
    let told = until(&server, &[eve.as_str()], "directory_unreachable");
    assert_eq!(told["code"], "resolution_unavailable", "{told:#}");
    let began = Instant::now();
    let told = loop {
        let refused = chat(server.gateway, eve, false).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "resolution_unavailable"));
        let told = server.cli(&["doctor", eve]);
        if codes(&told)[0] == "breaker_open" {
            break told;
        }
        assert!(began.elapsed() < PATIENCE, "{told:#}");
    };
    assert!(told["findings"][0]["summary"].as_str().unwrap().contains("times in a row"), "{told:#}");
    let deaf = |told: &Value| codes(told).contains(&"event_stream_lost".to_owned());
    let told = eventually(|| server.cli(&["doctor", eve]), deaf);
    assert!(deaf(&told), "{told:#}");

    // Back: the call that was refused then would pass.
    wire.mend();
    let began = Instant::now();
    while chat(server.gateway, bob, false).await.status != 200 {
        assert!(began.elapsed() < PATIENCE, "does not recover: {}", server.place.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let outage = || server.cli(&["record", "list", "--code", "resolution_unavailable"]);
    let page = eventually(outage, |page| page["items"].as_array().is_some_and(|items| !items.is_empty()));
    let id = page["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{page:#}"));
    until(&server, &["--request", id], "directory_was_unreachable");
    server.stop();
}
