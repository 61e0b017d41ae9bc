//! Causes that lie with users: suspended, deleted, never made, and nearly meant.

use super::world::{World, claims, codes, now, sign, with, words};
use portcullis_model::{Clock, Name, SystemClock, UserId};
use portcullis_store::entity::{identities, users};
use portcullis_store::{Database, Options, Store};
use serde_json::{Value, json};

/// Issuers whose newcomers wait for approval, and whose newcomers become users.
const NEWCOMERS: &str = r#"
[[issuers]]
name = "waiting"
issuer = "https://waiting.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { unknown = "pending" }

[[issuers]]
name = "maker"
issuer = "https://maker.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { unknown = "create", create = { username = "login" } }

[[issuers]]
name = "formed"
issuer = "https://formed.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { form = "digits", fallback = ["oid"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_state_and_each_near_miss_has_its_finding() {
    let world = World::new(NEWCOMERS);
    let made = |arguments: &[&str]| world.user(arguments)["id"].as_str().unwrap().to_owned();
    let id_of_ada = made(&[
        "--username",
        "ada",
        "--email",
        "ada@corp.example",
        "--external-id",
        "A-7741",
        "--attribute",
        "badge=B-990-17",
        "--identity",
        "corp=0c1d-ada",
    ]);
    for (name, verb) in [("suspended", "suspend"), ("deleted", "delete")] {
        let id = made(&["--username", name, "--identity", &format!("corp=sub-{name}")]);
        world.server.cli(&["user", verb, &id, "--reason", "left the company"]);
    }
    made(&["--username", "lovelace", "--identity", "corp=lovelace"]);
    made(&["--username", "jos\u{e9}phine", "--identity", "corp=jos\u{e9}phine"]);
    made(&["--identity", "corp=8f14e45f-ceea-467f-a0e6-6d6f0a1b2c3d"]);
    made(&["--identity", "corp=4711"]);
    made(&["--identity", "corp=turing@corp.example"]);
    made(&["--identity", "corp=noether@old.example"]);
    made(&["--tenant", "other", "--external-id", "elsewhere-77"]);
    made(&["--identity", "partner=only-at-partner"]);
    made(&["--username", "Grace.Hopper", "--identity", "corp=Grace.Hopper"]);
    made(&["--username", "grace.Hopper", "--identity", "corp=grace.Hopper"]);

    for (sub, code) in [
        ("0c1d-ada", "none"),
        ("sub-suspended", "user_suspended"),
        ("sub-deleted", "user_deleted"),
        ("nobody-at-all-of-that-name", "user_never_created"),
        ("ada@corp.example", "subject_is_email"),
        ("A-7741", "subject_is_external_id"),
        ("ada", "subject_is_username"),
        ("B-990-17", "subject_is_attribute"),
        (id_of_ada.as_str(), "subject_is_user_id"),
        ("Lovelace", "subject_differs_in_case"),
        (" lovelace ", "subject_has_white_space"),
        ("love\u{200b}lace", "subject_has_invisible_characters"),
        ("jose\u{301}phine", "subject_in_other_unicode_form"),
        ("8F14E45FCEEA467FA0E66D6F0A1B2C3D", "subject_in_other_uuid_form"),
        ("004711", "subject_in_other_number_form"),
        ("auth0|lovelace", "subject_has_prefix"),
        ("lovelave", "subject_misspelt"),
        ("turing", "subject_is_local_part"),
        ("noether@new.example", "subject_in_other_domain"),
        ("elsewhere-77", "subject_in_other_tenant"),
        ("only-at-partner", "subject_of_other_issuer"),
        ("grace.hopper", "subject_ambiguous_in_case"),
    ] {
        let (first, diagnosis) = world.first(&sign(&claims("corp", sub), &world.corp)).await;
        // A good token has nothing to be found, but what is worth knowing.
        let first = if diagnosis["accepted"] == true { "none".to_owned() } else { first };
        assert_eq!(first, code, "{sub:?}: {diagnosis:#}");
        if code == "none" {
            continue;
        }
        let finding = &diagnosis["findings"][0];
        assert!(finding["evidence"].as_array().is_some_and(|all| !all.is_empty()), "{finding:#}");
        assert!(
            finding["command"].as_str().is_some()
                && finding["action"].as_str().is_some_and(|text| !text.is_empty())
        );
        let states: Vec<_> = diagnosis["path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| (step["stage"].as_str().unwrap(), step["state"].as_str().unwrap()))
            .collect();
        assert!(
            states.contains(&("signature", "passed")) && states.contains(&("resolve", "failed")),
            "{states:?}"
        );
    }
    let (_, diagnosis) = world.first(&sign(&claims("corp", "sub-suspended"), &world.corp)).await;
    let told = diagnosis["findings"][0].to_string();
    assert!(told.contains("left the company") && told.contains("portcullis user restore"), "{told}");

    // It is the user that is meant, though younger than the token.
    let old = sign(&with(claims("corp", "0c1d-ada"), "iat", json!(now() - 86_400)), &world.corp);
    let (first, diagnosis) = world.first(&old).await;
    assert_eq!(
        (first.as_str(), &diagnosis["accepted"]),
        ("user_created_after_token", &json!(true)),
        "{diagnosis:#}"
    );
    // Somebody new waits for approval, which the command does that is told.
    let newcomer = sign(&claims("waiting", "new-here"), &world.corp);
    let _ = world.recorded("/v1/models", &newcomer).await;
    let (first, diagnosis) = world.first(&newcomer).await;
    assert_eq!(first, "user_pending", "{diagnosis:#}");
    world.server.cli(&words(&diagnosis["findings"][0]));
    assert_eq!(world.ask(json!({ "token": newcomer })).await["accepted"], true);
    // Somebody new whose name is another's: nobody could be made, as the record tells.
    let unfit = sign(&with(claims("maker", "fresh-one"), "login", json!("lovelace")), &world.corp);
    let id = world.recorded("/v1/models", &unfit).await;
    let diagnosis = world.ask(json!({ "request": id })).await;
    assert_eq!(
        (codes(&diagnosis)[0].as_str(), &diagnosis["code"]),
        ("subject_unfit", &json!("subject_invalid")),
        "{diagnosis:#}"
    );

    // Nobody was asked about what does not look like a subject; whose it nearly is, is told all the same.
    let formed = |sub: &str| with(claims("formed", sub), "oid", json!("o-ada"));
    let (first, diagnosis) = world.first(&sign(&formed("ada@corp.example"), &world.corp)).await;
    assert_eq!((first.as_str(), &diagnosis["code"]), ("subject_of_other_form", &json!("subject_invalid")));
    assert!(codes(&diagnosis).contains(&"subject_is_email".to_owned()), "{diagnosis:#}");
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("digits"), "{diagnosis:#}");
    // What the rule falls back to is told where nobody has it, and followed where somebody does.
    let fallen = sign(&formed("77"), &world.corp);
    let (_, diagnosis) = world.first(&fallen).await;
    assert!(diagnosis["path"].to_string().contains("then by its claim `oid`"), "{diagnosis:#}");
    world.server.cli(&["user", "link", &id_of_ada, "--issuer", "formed", "--subject", "o-ada"]);
    assert_eq!(world.ask(json!({ "token": fallen })).await["accepted"], true);

    // What would not help is not advised: the rule does not look for addresses.
    let (code, diagnosis) = world.first(&sign(&claims("corp", "ADA@corp.example"), &world.corp)).await;
    let action = diagnosis["findings"][0]["action"].as_str().unwrap();
    assert_eq!(code, "subject_differs_in_case");
    assert!(action.contains("stable id") && !action.contains("lowercase"), "{action}");

    // The link that is advised does it.
    let (_, diagnosis) = world.first(&sign(&claims("corp", "ada@corp.example"), &world.corp)).await;
    world.server.cli(&words(&diagnosis["findings"][0]));
    assert_eq!(
        world.ask(json!({ "token": sign(&claims("corp", "ada@corp.example"), &world.corp) })).await["accepted"],
        true
    );

    // A claim that the rule does not read would have led somewhere.
    let other = with(claims("corp", "no-such-subject-here"), "preferred_username", json!("ada"));
    let diagnosis = world.ask(json!({ "token": sign(&other, &world.corp) })).await;
    assert!(codes(&diagnosis).contains(&"other_claim_finds".to_owned()), "{diagnosis:#}");
    // `lovelace` is a user name, and the rule of `partner` looks that up.
    let diagnosis = world.ask(json!({ "token": sign(&claims("corp", "suspended"), &world.corp) })).await;
    assert!(codes(&diagnosis).contains(&"other_rule_finds".to_owned()), "{diagnosis:#}");
    // What cannot name anybody.
    for (value, code) in [
        (Value::Null, "subject_missing"),
        (json!(""), "subject_empty"),
        (json!(42), "subject_is_number"),
        (json!(["a"]), "subject_of_wrong_type"),
    ] {
        let (first, diagnosis) =
            world.first(&sign(&with(claims("corp", "x"), "sub", value), &world.corp)).await;
        assert_eq!(first, code, "{diagnosis:#}");
    }
    // An id from before this database.
    let old = UserId::new(portcullis_model::Timestamp::from_seconds(now() - 86_400 * 365), [7; 10]);
    let (first, diagnosis) = world
        .first(&sign(
            &with(claims("ids", &old.to_string()), "iss", json!("https://ids.example")),
            &world.corp,
        ))
        .await;
    assert!(
        first == "user_never_created" && codes(&diagnosis).contains(&"store_recreated".to_owned()),
        "{diagnosis:#}"
    );
    world.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_in_memory_is_set_against_the_directory() {
    let world = World::new("[resolution]\nnegative_ttl = \"30s\"\npositive_ttl = \"30s\"\n");
    let token = sign(&claims("corp", "late-comer"), &world.corp);
    let request = world.recorded("/v1/models", &token).await;
    // Somebody writes into the database, past the gateway: no event tells of it.
    let path = std::fs::read_dir(world.server.place.data())
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    let database = path
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "db" || extension == "sqlite"))
        .unwrap();
    let store = Store::open(Options::new(Database::Sqlite(database))).await.unwrap();
    let like = world.user(&["--username", "like"]);
    let mut user = users::find(&store, like["id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    user.id = UserId::new(SystemClock.now(), [9; 10]);
    user.username = Some("late".to_owned());
    // `like` was made through the gateway, and what keeps somebody out is asked again then.
    let _ = world.recorded("/v1/models", &token).await;
    let mut tx = store.begin().await.unwrap();
    users::insert(&mut tx, &user).await.unwrap();
    let identity = portcullis_model::Identity {
        issuer: Name::new("corp").unwrap(),
        subject: "late-comer".to_owned(),
        user: user.id,
        linked_at: user.created_at,
    };
    identities::insert(&mut tx, user.tenant, &identity).await.unwrap();
    tx.commit().await.unwrap();
    let (first, diagnosis) = world.first(&token).await;
    assert_eq!(first, "cache_stale", "{diagnosis:#}");
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains(&user.id.to_string()));
    store.close().await;
    // And without a process whose memory it could be, nothing is claimed about it.
    let place = world.server.stop();
    let file = place.path().join("token.txt");
    std::fs::write(&file, &token).unwrap();
    let alone = place.cli(&["doctor", &format!("@{}", file.display())]);
    assert_eq!((&alone["accepted"], &alone["running"]), (&json!(true), &json!(false)), "{alone:#}");
    assert!(alone["not_observable"].to_string().contains("cache"), "{alone:#}");
    // The call was refused when it was made, and the reason is gone by now.
    let later = place.cli(&["doctor", "--request", &request]);
    assert_eq!(later["findings"][0]["code"], "user_created_after_call", "{later:#}");
}
