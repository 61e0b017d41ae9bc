//! `portcullis user` from end to end: who is nearly meant, what somebody was known by, and users from files.

use crate::doctor::world::{World, claims, sign};
use crate::http::get;
use crate::server::{PATIENCE, within};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
    let subject = ["--issuer", "corp", "--subject", "0c1d-ada"];
    let until = async |served: bool| {
        let began = Instant::now();
        while (get(world.server.gateway, "/v1/models", Some(&token)).await.status == 200) != served {
            assert!(began.elapsed() < PATIENCE, "still {}", if served { "refused" } else { "served" });
        }
        began.elapsed()
    };
    within(Duration::from_secs(1), "unlinked", async |n| {
        if n > 0 {
            world.server.cli(&[&["user", "link", id], &subject[..]].concat());
            until(true).await;
        }
        world.server.cli(&[&["user", "unlink", "ada.lovelace", "--tenant", "acme"], &subject[..]].concat());
        until(false).await
    })
    .await;
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
    let said = world.server.place.fails(1, &again);
    assert!(said.contains("no subject `0c1d-ada` of `corp` is linked to user"), "{said}");
    assert!(world.server.place.fails(1, &["user", "history", "nobody"]).contains("`nobody`"));
    // Another system's id that looks like one of ours.
    let theirs = "9c0f9c5e-2f1d-4d53-9a55-7b1f6f1e2a10";
    world.user(&["--username", "uma", "--external-id", theirs]);
    assert_eq!(world.server.cli(&["user", "show", theirs])["username"], "uma");
    let neither = theirs.replace("9c0f", "0000");
    assert!(
        world
            .server
            .place
            .fails(1, &["user", "show", &neither])
            .contains("no user has the id, user name or external id")
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_changed_as_far_as_is_said() {
    let world = World::new("");
    world.user(&[
        "--username",
        "ada",
        "--email",
        "ada@acme.example",
        "--role",
        "reader",
        "--attribute",
        "floor=2",
    ]);
    let change = |arguments: &[&str]| {
        let mut all = vec!["user", "change", "ada"];
        all.extend(arguments);
        world.server.cli(&all)
    };
    let roles = change(&["--role", "reader", "--role", "buyer", "--display-name", "Ada"]);
    assert_eq!((&roles["roles"], &roles["display_name"]), (&json!(["reader", "buyer"]), &json!("Ada")));
    assert_eq!(
        (&roles["email"], &roles["attributes"]),
        (&json!("ada@acme.example"), &json!({ "floor": "2" }))
    );
    let verified = change(&["--email-verified", "true", "--clear", "roles", "--clear", "display_name"]);
    assert_eq!((&verified["email_verified"], &verified["roles"]), (&json!(true), &json!([])));
    assert_eq!(verified["display_name"], Value::Null);
    for (arguments, part) in [
        (&["--clear", "email", "--email", "b@acme.example"][..], "--clear email"),
        (&[], "nothing is to be changed"),
        (&["--clear", "status"], "invalid value"),
        (&["--role", "a", "--role", "a"], "twice"),
    ] {
        let said = world.server.place.run(&[&["user", "change", "ada"], arguments].concat());
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && text.contains(part), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_from_files_and_mistakes_change_nothing() {
    let world = World::new("");
    let place = world.server.place.path();
    let file = |name: &str, text: &str| {
        let path = place.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let count = || items(&world.server.cli(&["user", "list", "--tenant", "acme"])).len();
    let rows = "external_id,username,email,roles,attributes.badge,identity.corp\n\
                1,ada,ada@corp.example,admin;auditor,B-1,sub-1\n\
                2,bob,,,B-2,sub-2\n\
                3,\"eve, the third\",,,,\n";
    let csv = file("users.csv", rows);
    let import = |path: &str, more: &[&str]| {
        let mut all = vec!["user", "import", path, "--tenant", "acme"];
        all.extend(more);
        world.server.cli(&all)
    };
    let dry = import(&csv, &["--dry-run"]);
    assert_eq!(
        (&dry["dry_run"], &dry["created"], &dry["written"], count()),
        (&json!(true), &json!(3), &json!(0), 0)
    );
    let done = import(&csv, &[]);
    assert_eq!(
        (&done["created"], &done["written"], &done["wrong"], count()),
        (&json!(3), &json!(3), &json!(0), 3)
    );
    let token = sign(&claims("corp", "sub-1"), &world.corp);
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token)).await.status, 200);
    let ada = world.server.cli(&["user", "show", "ada"]);
    assert_eq!((&ada["roles"], &ada["attributes"]["badge"]), (&json!(["admin", "auditor"]), &json!("B-1")));
    let again = import(&csv, &[]);
    let seen = (&again["unchanged"], &again["created"], &again["changed"]);
    assert_eq!(seen, (&json!(3), &json!(0), &json!(0)), "the same file twice changes nothing");

    // A mistake in one row, and nothing is written: the line is named.
    let wrong = file("wrong.csv", "external_id,username,status\n4,dan,active\n5,fay,on holiday\n");
    let said = world.server.place.run(&["user", "import", &wrong, "--tenant", "acme"]);
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(!said.status.success() && text.contains('3') && text.contains("on holiday"), "{text}");
    assert_eq!(count(), 3);
    // A file that would bar more than the share stops; with leave it does it.
    let barring = file("barring.csv", "external_id,status,reason\n1,suspended,left\n2,suspended,left\n");
    let said = world.server.place.fails(1, &["user", "import", &barring, "--tenant", "acme"]);
    assert!(said.contains("stopped"), "{said}");
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token)).await.status, 200);
    let done = import(&barring, &["--most-barred", "100"]);
    assert_eq!((&done["suspended"], &done["stopped"]), (&json!(2), &Value::Null));
    assert_eq!(world.first(&token).await.0, "user_suspended");
    // JSON lines through a pipe; a name without an ending needs to be told its format.
    let lines = "{\"external_id\":\"1\",\"status\":\"active\"}\n{\"external_id\":\"6\",\"username\":\"gil\",\"attributes\":{\"badge\":\"B-6\"}}\n";
    let mut child = world
        .server
        .place
        .command(&["user", "import", "-", "--tenant", "acme", "--format", "jsonl", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["admitted"], &done["created"]), (&json!(1), &json!(1)), "{done:#}");
    assert_eq!(world.ask(json!({ "token": token })).await["accepted"], true);
    let fails =
        |code: i32, file: &str| world.server.place.fails(code, &["user", "import", file, "--tenant", "acme"]);
    assert!(fails(2, &file("users", rows)).contains("--format csv"));
    // What a spreadsheet wrote in its own alphabet; a folder; nothing; half a file.
    let latin = place.join("latin.csv");
    std::fs::write(&latin, b"username,display_name\nada,Ada\njose,Jos\xe9\n").unwrap();
    let said = fails(1, latin.to_str().unwrap());
    assert!(said.contains("not UTF-8 text, from line 3 on") && said.contains("latin.csv"), "{said}");
    std::fs::create_dir(place.join("folder.csv")).unwrap();
    assert!(fails(1, place.join("folder.csv").to_str().unwrap()).contains("cannot be read"));
    assert!(fails(1, place.join("none.csv").to_str().unwrap()).contains("none.csv"));
    let half = fails(1, &file("half.csv", "username,display_name\nzoe,\"Zo"));
    assert!(half.contains("rows are wrong; nothing was written"), "{half}");
    assert!(fails(1, &file("empty.csv", "")).contains("rows are wrong"));
    assert_eq!(import(&file("header.csv", "username,email\n"), &[])["rows"], 0, "no changes today");
    let nobody = world.server.place.fails(1, &["user", "import", &csv, "--tenant", "acne"]);
    assert!(nobody.contains("there is no such tenant"), "{nobody}");
    world.server.stop();
}
