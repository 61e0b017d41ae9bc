//! The instance, the comparison of two, messages of others, and that nothing is changed by looking.

use super::world::{World, claims, config, sign};
use crate::server::{Place, portcullis};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_shows_what_it_sees_and_two_are_compared() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let more = format!(
        "[[services]]\nname = \"gone\"\ntenant = \"acme\"\npath = \"/gone\"\nupstream = \"http://127.0.0.1:{port}\"\n"
    );
    let world = World::new(&more);
    let seen = world.server.cli(&["doctor", "instance"]);
    assert!(
        seen["process"].as_str().unwrap().contains(&world.server.pid().to_string()),
        "the process that serves, not this one"
    );
    assert!(seen["problems"].to_string().contains("service `gone`"), "{seen:#}");
    let secret = &seen["secrets"][0];
    assert!(
        secret["reference"].as_str().unwrap().starts_with("file:")
            && secret["fingerprint"].as_str().unwrap().len() == 8
    );
    assert!(!seen.to_string().contains(&super::world::base64url(&super::world::SECRET)));

    // The other instance has another secret and another audience.
    let staging = Place::new(&config("").replacen("[\"gateway\"]", "[\"staging\"]", 1));
    std::fs::write(staging.path().join("secret.txt"), "another-secret-of-another-place-0123").unwrap();
    std::fs::write(world.server.place.path().join("a.json"), seen.to_string()).unwrap();
    let a = world.server.place.path().join("a.json");
    let b = staging.config();
    let output = portcullis()
        .args(["doctor", "compare", a.to_str().unwrap(), b.to_str().unwrap(), "--output", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let at: Vec<&str> =
        told["differences"].as_array().unwrap().iter().filter_map(|one| one["at"].as_str()).collect();
    for wanted in ["issuers.corp.audiences", "issuers.shared.secret", "services"] {
        assert!(at.iter().any(|at| at.starts_with(wanted)), "{wanted}: {at:?}");
    }
    assert!(!told.to_string().contains("another-secret"));

    // Whether a user exists in each.
    world.user(&["--username", "grace", "--identity", "corp=g-1"]);
    let asked = |server: &crate::server::Server, file: &str| {
        let seen = server.cli(&["doctor", "instance", "--user", "grace", "--user", "g-1"]);
        let file = world.server.place.path().join(file);
        std::fs::write(&file, seen.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let here = asked(&world.server, "here.json");
    let id = world.server.cli(&["user", "show", "grace"])["id"].as_str().unwrap().to_owned();
    let other = World::new("");
    let there = asked(&other.server, "there.json");
    other.server.stop();
    let compare = |a: &str, b: &str, more: &[&str]| {
        let output = portcullis().args(["doctor", "compare", a, b]).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let told: Value = serde_json::from_str(&compare(&here, &there, &["--output", "json"])).unwrap();
    assert_eq!(
        told["users"],
        json!([
            { "text": "g-1", "a": "active by identity of corp", "b": "nobody", "differs": true },
            { "text": "grace", "a": "active by username", "b": "nobody", "differs": true },
        ])
    );
    world.server.cli(&["user", "suspend", &id]);
    let later = asked(&world.server, "later.json");
    let text = compare(&here, &later, &[]);
    assert!(text.contains("no difference") && text.contains("suspended by username"), "{text}");
    assert!(compare(a.to_str().unwrap(), &here, &[]).contains("was not looked for"));

    // Looking leaves no trace: no user, no audit entry, no cache that a later change would find stale.
    let count = |what: &[&str]| world.server.cli(what)["items"].as_array().unwrap().len();
    let before = (count(&["user", "list"]), count(&["audit"]));
    let token = sign(&claims("corp", "whoever"), &world.corp);
    assert_eq!(world.first(&token).await.0, "user_never_created");
    assert_eq!(before, (count(&["user", "list"]), count(&["audit"])));
    world.user(&["--identity", "corp=whoever"]);
    assert_eq!(world.ask(json!({ "token": token })).await["accepted"], true);
    world.server.stop();
}

#[test]
fn a_message_of_another_library_leads_to_a_code() {
    let run = |arguments: &[&str]| portcullis().args(arguments).output().unwrap();
    let known = run(&["doctor", "--message", "jwt expired", "--output", "json"]);
    let told: Value = serde_json::from_slice(&known.stdout).unwrap();
    assert_eq!(told["messages"][0]["codes"][0]["code"], "token_expired", "{told:#}");
    let unknown = run(&["doctor", "--message", "the cat sat on the keyboard"]);
    assert!(String::from_utf8(unknown.stdout).unwrap().contains("not known"));
    let nothing = run(&["doctor"]);
    assert_eq!(nothing.status.code(), Some(2));
}
