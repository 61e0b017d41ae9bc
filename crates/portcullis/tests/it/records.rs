//! Every call leaves a record, and a kill loses none.

use crate::http::{chat, get};
use crate::server::{CONFIG, Server, eventually};
use std::collections::HashSet;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_record() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut ids = HashSet::new();
    for stream in [true, false, true, false] {
        let answer = chat(server.gateway, &token, stream).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids.insert(answer.headers["x-request-id"].to_str().unwrap().to_owned());
    }
    let refused = get(server.gateway, "/v1/models", Some("no-token")).await;
    assert_eq!(refused.status, 401);
    ids.insert(refused.headers["x-request-id"].to_str().unwrap().to_owned());
    // The answers were complete: from here on no record may be lost.
    let place = server.kill();
    let server = place.serve();
    let list = || server.cli(&["record", "list", "--limit", "100"]);
    let found = |page: &serde_json::Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["id"].as_str().unwrap().to_owned())
            .collect::<HashSet<_>>()
    };
    let page = eventually(list, |page| ids.is_subset(&found(page)));
    assert!(ids.is_subset(&found(&page)), "{page}");
    for id in &ids {
        let record = server.cli(&["record", "show", id]);
        assert!(record["path"].as_str().unwrap().starts_with("/v1/"));
        assert!(!record.to_string().contains(&token), "a token is in the record");
    }
    let usage = server.cli(&["record", "list", "--model", "echo"]);
    assert!(usage["items"][0]["usage"]["output_tokens"].as_u64().unwrap() > 0, "{usage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn are_found_by_what_they_are_about() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token =
        server.cli(&["token", "--tenant", "acme", "--sub", "nobody"])["token"].as_str().unwrap().to_owned();
    assert_eq!(chat(server.gateway, &token, false).await.code(), "subject_unresolved");
    let good = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(chat(server.gateway, &good, false).await.status, 200);
    let count = |arguments: &[&str]| {
        let mut whole = vec!["record", "list"];
        whole.extend(arguments);
        let page = eventually(|| server.cli(&whole), |page| !page["items"].as_array().unwrap().is_empty());
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--code", "user_unknown"]), 1);
    assert_eq!(count(&["--outcome", "refused"]), 1);
    assert_eq!(count(&["--user", "ada", "--tenant", "acme"]), 1);
    assert_eq!(count(&["--tenant", "acme"]), 2);
    assert!(server.place.fails(1, &["record", "list", "--code", "no_such_code"]).contains("no_such_code"));
    let page = server.cli(&["record", "list", "--limit", "1"]);
    let next = page["next"].as_str().unwrap();
    let rest = server.cli(&["record", "list", "--limit", "1", "--after", next]);
    assert_ne!(rest["items"][0]["id"], page["items"][0]["id"]);
}

/// Whoever was answered finds the call in the list without asking again; only a database that is behind for too long is not
/// waited for, as on a machine that leaves it no time.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_in_the_list_as_soon_as_it_is_answered() {
    let server = Server::start(CONFIG);
    for _ in 0..10 {
        let refused = get(server.gateway, "/v1/models", Some("no-token")).await;
        let id = refused.headers["x-request-id"].to_str().unwrap().to_owned();
        let asked = Instant::now();
        let page = server.cli(&["record", "list", "--limit", "1"]);
        let waited = asked.elapsed() >= Duration::from_secs(2);
        assert!(page["items"][0]["id"] == id.as_str() || waited, "{page}");
    }
}
