//! A changed file is taken over; a bad one leaves the running one in force and says so.

use crate::http::{chat, get};
use crate::server::{CONFIG, Server, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Who asks too often is told nothing of the configuration, which must not pass for "nothing was refused".
fn configuration(server: &Server) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = || runtime.block_on(get(server.control, "/admin/v1/configuration", Some(&server.credential())));
    let answer = eventually(ask, |answer| answer.status != 429);
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

fn ready(server: &Server) -> Value {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(get(server.control, "/health/ready", None))
        .json()
}

#[test]
fn a_good_file_is_taken_over() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let call = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(chat(server.gateway, &token, false))
            .status
    };
    assert_eq!(call(), 200);
    // Seen without a signal: the grant goes, and with it the model.
    server.place.write(&CONFIG.replace("models = [\"echo\"]", "models = []"));
    assert_eq!(eventually(call, |status| *status == 404), 404);
    server.place.write(CONFIG);
    server.signal(Signal::HUP);
    assert_eq!(eventually(call, |status| *status == 200), 200);
}

#[test]
fn a_bad_file_changes_nothing_and_is_heard_of() {
    let server = Server::start(CONFIG);
    let before = configuration(&server);
    assert_eq!(before["refused"], json!(null));
    for (bad, named) in [
        (CONFIG.replace("preset = \"echo\"", "preset = \"ecko\""), "ecko"),
        (CONFIG.replace("[[tenants]]\nname = \"acme\"", "[[tenants]]\nnaem = \"acme\""), "naem"),
        ("[gateway".to_owned(), "portcullis.toml:1"),
    ] {
        server.place.write(&bad);
        let after = eventually(|| configuration(&server), |status| status["refused"] != json!(null));
        assert_ne!(after["refused"]["problems"][0]["message"], json!(null), "{after}");
        // Whoever reads the log only learns what is wrong, and where.
        assert!(server.place.log().contains(named), "{named}: {}", server.place.log());
        assert_eq!(ready(&server)["status"], "ready");
        assert_ne!(ready(&server)["warnings"], json!(null));
        server.place.write(CONFIG);
        eventually(|| configuration(&server), |status| status["refused"] == json!(null));
    }
    // No bad file disabled the tenant that it did not name.
    assert_eq!(server.cli(&["tenant", "show", "acme"])["disabled"], false);
    assert!(server.place.log().contains("stays in force"), "{}", server.place.log());
}

#[test]
fn what_leaves_the_file_is_disabled_and_what_returns_is_the_same() {
    let server = Server::start(CONFIG);
    let before = server.cli(&["tenant", "show", "acme"]);
    server.place.write(&CONFIG.replace("name = \"acme\"", "name = \"other\""));
    let left = eventually(|| server.cli(&["tenant", "show", "acme"]), |tenant| tenant["disabled"] == true);
    assert_eq!(left["id"], before["id"]);
    server.place.write(CONFIG);
    let back = eventually(|| server.cli(&["tenant", "show", "acme"]), |tenant| tenant["disabled"] == false);
    assert_eq!(back["id"], before["id"]);
}

#[test]
fn settings_that_wait_for_a_restart_are_named() {
    let server = Server::start(CONFIG);
    server.place.write(&CONFIG.replace("[gateway]", "[gateway]\nworkers = 1"));
    let status = eventually(|| configuration(&server), |status| status["restart_needed"] != json!([]));
    assert_eq!(status["restart_needed"], json!(["gateway.workers"]));
}
