//! `portcullis user` from end to end: who is nearly meant, and what somebody was known by.

use crate::doctor::world::{World, claims, sign};
use crate::http::get;
use serde_json::{Value, json};

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_found_near_and_keeps_a_history() {
    let world = World::new("");
    let ada =
        world.user(&["--username", "ada.lovelace", "--external-id", "A-7741", "--identity", "corp=0c1d-ada"]);
    let id = ada["id"].as_str().unwrap();
    world.user(&["--tenant", "other", "--username", "ada.lovelace"]);
    let near = |arguments: &[&str]| {
        let mut all = vec!["user", "near"];
        all.extend(arguments);
        world.server.cli(&all)
    };
    for (text, differences, distance) in [
        ("ada.lovelace", json!([]), 0),
        ("ADA.Lovelace", json!(["case"]), 0),
        ("CORP\\ada.lovelace", json!(["prefix"]), 0),
        ("ada.lovelaec", json!(["edits"]), 2),
        ("a-7741", json!(["case"]), 0),
    ] {
        let found = near(&[text, "--tenant", "acme"]);
        let one = &items(&found)[0];
        assert_eq!(
            (&one["user"]["id"], &one["differences"]),
            (&json!(id), &differences),
            "{text}: {found:#}"
        );
        assert_eq!(one["distance"], distance, "{text}");
        assert!(items(&found).iter().all(|one| one["user"]["tenant"] == ada["tenant"]), "{found:#}");
    }
    assert_eq!(items(&near(&["ada.lovelace"])).len(), 2, "both tenants'");
    assert!(items(&near(&["nobody-at-all"])).is_empty());
    let text = String::from_utf8(world.server.place.run(&["user", "near", "Ada.lovelace"]).stdout).unwrap();
    assert!(text.contains("DIFFERENCES") && text.contains("case"), "{text}");

    // Unlinked, the subject is nobody's within a second, and still known.
    let token = sign(&claims("corp", "0c1d-ada"), &world.corp);
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token)).await.status, 200);
    world.server.cli(&[
        "user",
        "unlink",
        "ada.lovelace",
        "--tenant",
        "acme",
        "--issuer",
        "corp",
        "--subject",
        "0c1d-ada",
    ]);
    let began = std::time::Instant::now();
    while get(world.server.gateway, "/v1/models", Some(&token)).await.status == 200 {
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "still served");
    }
    assert_eq!(world.first(&token).await.0, "subject_was_replaced");
    let history = world.server.cli(&["user", "history", id]);
    let was =
        history["identifiers"].as_array().unwrap().iter().find(|one| one["value"] == "0c1d-ada").unwrap();
    assert_eq!(
        (&was["field"], &was["issuer"], &was["ended"]),
        (&json!("identity"), &json!("corp"), &json!("unlinked"))
    );
    assert!(was["until"].is_string());
    assert!(items(&near(&["0c1d-ada"]))[0]["identifier"]["until"].is_string());
    // Twice is once; what is not there is said so.
    let again = ["user", "unlink", id, "--issuer", "corp", "--subject", "0c1d-ada"];
    assert!(!world.server.place.run(&again).status.success());
    // Linked again, it is the same as before, and its history has one entry of it.
    world.server.cli(&["user", "link", id, "--issuer", "corp", "--subject", "0c1d-ada"]);
    let history = world.server.cli(&["user", "history", id]);
    let all = history["identifiers"].as_array().unwrap();
    assert_eq!(all.iter().filter(|one| one["value"] == "0c1d-ada").count(), 1, "{history:#}");
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token)).await.status, 200);

    // Merges are history too, and can be taken back.
    let twin = world.user(&["--username", "a.lovelace", "--identity", "corp=twin"]);
    let twin = twin["id"].as_str().unwrap();
    world.server.cli(&["user", "merge", twin, "--into", id, "--reason", "one person"]);
    let merged = sign(&claims("corp", "twin"), &world.corp);
    let told = world.ask(json!({ "token": merged })).await;
    assert!(told["accepted"] == true && told["path"].to_string().contains(id), "{told:#}");
    let history = world.server.cli(&["user", "history", id]);
    assert_eq!(
        (&history["merges"][0]["user"], &history["merges"][0]["reason"]),
        (&json!(twin), &json!("one person"))
    );
    world.server.cli(&["user", "restore", twin]);
    let told = world.ask(json!({ "token": merged })).await;
    assert!(told["accepted"] == true && told["path"].to_string().contains(twin), "{told:#}");
    assert!(world.server.cli(&["user", "history", id])["merges"][0]["undone_at"].is_string());
    world.server.stop();
}
