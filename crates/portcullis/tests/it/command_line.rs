//! The command line: beside a running server and without one, and how it fails.

use crate::server::{CONFIG, Place, Server, portcullis};
use serde_json::json;

#[test]
fn does_the_same_over_the_socket_and_in_process() {
    let everything = |place: &Place, prefix: &str| {
        let user = place.cli(&[
            "user",
            "create",
            "--tenant",
            "acme",
            "--username",
            &format!("{prefix}-ada"),
            "--external-id",
            &format!("{prefix}-1"),
            "--role",
            "reader",
        ]);
        assert_eq!((&user["status"], &user["roles"]), (&json!("active"), &json!(["reader"])));
        let name = format!("{prefix}-ada");
        assert_eq!(place.cli(&["user", "suspend", &name, "--reason", "lost laptop"])["status"], "suspended");
        assert_eq!(place.cli(&["user", "restore", &name])["status"], "active");
        let linked = place.cli(&[
            "user",
            "link",
            &name,
            "--issuer",
            "local",
            "--subject",
            &format!("{prefix}-subject"),
        ]);
        assert_eq!(linked["identities"][0]["subject"], format!("{prefix}-subject"));
        assert_eq!(place.cli(&["user", "show", &name])["id"], user["id"]);
        let app = format!("{prefix}-app");
        place.cli(&["app", "create", &app, "--tenant", "acme"]);
        let key = place.cli(&[
            "key",
            "create",
            "--app",
            &app,
            "--tenant",
            "acme",
            "--name",
            "ci",
            "--expires-in",
            "90d",
        ]);
        assert!(key["secret"].as_str().unwrap().starts_with("pck_"));
        let rotated = place.cli(&["key", "rotate", key["id"].as_str().unwrap(), "--overlap", "1h"]);
        assert_ne!(rotated["secret"], key["secret"]);
        let old = place.cli(&["key", "show", key["id"].as_str().unwrap()]);
        assert_eq!(old["replaced_by"], rotated["id"]);
        assert!(old.get("secret").is_none() && old.get("hash").is_none());
        assert_ne!(place.cli(&["key", "revoke", rotated["id"].as_str().unwrap()])["revoked_at"], json!(null));
        let token = place
            .cli(&["token", "--tenant", "acme", "--user", &name, "--scope", "a b", "--claim", "level=3"]);
        assert_eq!(token["token"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(place.cli(&["user", "delete", &name, "--reason", "left"])["status"], "deleted");
    };
    let server = Server::start(CONFIG);
    everything(&server.place, "beside");
    let place = server.stop();
    everything(&place, "alone");
    let audit = place.cli(&["audit", "--action", "user.suspend"]);
    let actors: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["actor"].as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(actors, ["process", "socket"], "newest first: {audit}");
    let before_and_after = &audit["items"][0];
    assert_eq!(
        (&before_and_after["before"]["status"], &before_and_after["after"]["status"]),
        (&json!("active"), &json!("suspended"))
    );
}

#[test]
fn a_second_process_is_kept_out() {
    let server = Server::start(CONFIG);
    let said = server.place.fails(1, &["serve"]);
    assert!(said.contains("in use") && said.contains(&server.pid().to_string()), "{said}");
}

#[test]
fn failures_say_what_where_and_what_next() {
    let server = Server::start(CONFIG);
    let said = server.place.fails(1, &["user", "show", "nobody"]);
    assert!(said.starts_with("error: ") && said.contains("`nobody`") && said.contains("next: "), "{said}");
    let said = server.place.fails(1, &["tenant", "disable", "acme"]);
    assert!(said.contains("owned_by_file") && said.contains("portcullis.toml"), "{said}");
    let said = server.place.fails(1, &["tenant", "disable", "acme", "--output", "json"]);
    let body: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(body["error"]["code"], "owned_by_file");
    let said = server.place.fails(2, &["user", "frobnicate"]);
    assert!(said.contains("frobnicate"));
    let said = server.place.fails(2, &["errors", "token_expird"]);
    assert!(said.contains("portcullis errors token_expired"), "{said}");
}

#[test]
fn wrong_usage_is_json_too() {
    let output = portcullis().args(["user", "show", "--output", "json"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    let body: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(body["error"]["what"].as_str().unwrap().contains("<USER>"), "{body}");
}

#[test]
fn without_a_data_directory_it_says_so() {
    let place = Place::new(CONFIG);
    let said = place.fails(1, &["user", "list"]);
    assert!(said.contains("no data directory") && said.contains("--data-dir"), "{said}");
}

#[test]
fn explains_codes_and_itself() {
    let said = |arguments: &[&str]| {
        let output = portcullis().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said(&["errors", "user_suspended"]).starts_with("# "));
    assert!(said(&["errors"]).contains("subject_unresolved"));
    assert!(said(&["errors", "unauthorized"]).starts_with("# unauthorized: "));
    let found = said(&["errors", "match", "Error: User from sub claim in JWT does not exist"]);
    assert!(found.contains("portcullis errors user_from_sub_claim_does_not_exist"), "{found}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(said(&["completions", shell]).contains("portcullis"));
    }
    assert!(said(&["schema"]).contains("\"$schema\""));
    for verb in ["serve", "check", "user", "key", "token"] {
        let help = said(&[verb, "--help"]);
        assert!(help.contains("portcullis ") && help.contains("--output"), "{help}");
    }
}

#[test]
fn derived_files_are_not_stale() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = portcullis().args(["gen", "--check", "--root", root]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Alone with the data directory there is nobody who would do it, and that is said before anybody waits.
#[test]
fn nobody_waits_for_what_nobody_does() {
    let ldap = "[[sources]]\nname = \"hr\"\ntenant = \"acme\"\n[sources.ldap]\nurls = [\"ldaps://127.0.0.1:9\"]\nbase = \"dc=x\"\nfilter = \"(uid={subject})\"\n";
    let place = Server::start(&format!("{CONFIG}\n{ldap}")).stop();
    let began = std::time::Instant::now();
    // Longer than any machine is slow: it must not be waited for.
    let said = place.fails(1, &["source", "sync", "hr", "--full", "--wait", "86400"]);
    assert!(
        said.contains("no `portcullis serve` is running") && said.contains("start `portcullis serve`"),
        "{said}"
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(3_600));
    // It stays asked for: whoever starts begins with it.
    assert_eq!(place.cli(&["source", "show", "hr"])["asked"], "full");
}

#[test]
fn what_is_meant_is_told() {
    let server = Server::start(CONFIG);
    server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    for (code, arguments, said) in [
        (1, &["user", "link", "ada", "--issuer", "locale", "--subject", "s"][..], "did you mean `local`?"),
        (1, &["revocation", "issuer", "locale"], "did you mean `local`?"),
        (1, &["issuer", "distrust", "locale", "k1"], "did you mean `local`?"),
        (1, &["app", "create", "bot", "--tenant", "acme", "--client", "locale=c"], "did you mean `local`?"),
        (1, &["tenant", "create", "new", "--model", "ehco"], "did you mean `echo`?"),
        (2, &["doctor", "--token", "a.b.c"], "the token stands by itself"),
        (
            2,
            &["doctor", "0199f0c2-7f00-7000-8000-00000000dead"],
            "--request 0199f0c2-7f00-7000-8000-00000000dead",
        ),
    ] {
        let told = server.place.fails(code, arguments);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    // Ahead of the configuration.
    server.cli(&["user", "link", "ada", "--issuer", "later", "--subject", "s", "--allow-unknown"]);
    server.cli(&["app", "create", "bot", "--tenant", "acme", "--client", "later=c", "--allow-unknown"]);
    server.cli(&["revocation", "issuer", "later", "--allow-unknown"]);
    let refused = server.place.fails(1, &["key", "create", "--app", "bot", "--service", "ay"]);
    assert!(refused.contains("did you mean `ai`?"), "{refused}");
    server.cli(&[
        "key",
        "create",
        "--app",
        "bot",
        "--service",
        "later",
        "--model",
        "later",
        "--allow-unknown",
    ]);
    // Other words for the same.
    assert_eq!(server.cli(&["users", "get", "ada"])["username"], "ada");
}
