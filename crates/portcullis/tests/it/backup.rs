//! A backup of a running server becomes a server again.

use crate::http::chat;
use crate::server::{CONFIG, Place, Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    server.cli(&["app", "create", "bot", "--tenant", "acme"]);
    let key = server.cli(&["key", "create", "--app", "bot"])["secret"].as_str().unwrap().to_owned();
    let answer = chat(server.gateway, &token, false).await;
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let copy = server.place.path().join("copy");
    server.cli(&["backup", copy.to_str().unwrap()]);
    // Made after the backup, and so not in it.
    server.cli(&["user", "create", "--tenant", "acme", "--username", "late"]);
    assert!(
        server.place.fails(1, &["backup", copy.to_str().unwrap()]).contains("copy"),
        "a backup is not written over"
    );
    let other = Place::new(CONFIG);
    other.cli(&["restore", copy.to_str().unwrap()]);
    assert!(
        other.fails(1, &["restore", copy.to_str().unwrap()]).contains("in use"),
        "what is there is not written over"
    );
    let restored = other.serve();
    // Keys, peppers and signing keys came along: what was valid is valid.
    assert_eq!(chat(restored.gateway, &token, false).await.status, 200);
    assert_eq!(chat(restored.gateway, &key, false).await.status, 200);
    // It may have come in the spool, and is stored when nothing else is to do.
    let shown = || restored.place.run(&["record", "show", &id]).status.success();
    assert!(eventually(shown, |shown| *shown), "the record of a call before the backup");
    assert!(restored.place.fails(1, &["user", "show", "late"]).contains("`late`"));
}

#[test]
fn what_is_no_backup_is_refused() {
    let place = Place::new(CONFIG);
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let said = place.fails(1, &["restore", empty.to_str().unwrap()]);
    assert!(said.contains("not a backup") && said.contains("next: "), "{said}");
}
