//! People in a real LDAP server, end to end: who calls, who does not, what synchronisation brings and takes, and what the
//! doctor says of each.

#[path = "../../../../identity/tests/it/ldap/slapd.rs"]
mod slapd;

use super::world::{World, claims, sign};
use crate::http::{Answer, get};
use crate::port::free_port;
use crate::server::{PATIENCE, eventually};
use serde_json::{Value, json};
use slapd::{BASE, PASSWORD, READER, Slapd, person};
use std::time::{Duration, Instant};

/// An issuer whose subjects are looked up in the server; `more` is of the source.
fn configuration(server: &Slapd, more: &str) -> String {
    let password = server.path("password");
    std::fs::write(&password, PASSWORD).unwrap();
    format!(
        r#"
[resolution]
positive_ttl = "1ms"
negative_ttl = "1ms"

[[issuers]]
name = "people"
issuer = "https://people.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = {{ source = "corp-ldap" }}

[[sources]]
name = "corp-ldap"
tenant = "acme"
timeout = "5s"
breaker = {{ failures = 100000, open = "1s" }}
{more}

[sources.ldap]
urls = ["ldaps://localhost:{}"]
ca_file = "{}"
bind_dn = "{READER}"
password = "file:{}"
base = "ou=people,{BASE}"
filter = "(&(objectClass=person)(uid={{subject}}))"
attributes = {{ external_id = "employeeNumber" }}
"#,
        server.tls,
        server.authority().display(),
        password.display()
    )
}

async fn call(world: &World, token: &str) -> Answer {
    get(world.server.gateway, "/v1/models", Some(token)).await
}

fn user_named(world: &World, name: &str) -> Value {
    let users = world.server.cli(&["user", "list", "--tenant", "acme"]);
    let found = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name);
    found.cloned().unwrap_or(Value::Null)
}

fn finding<'d>(diagnosis: &'d Value, code: &str) -> &'d Value {
    let all = diagnosis["findings"].as_array().unwrap();
    all.iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("no {code}: {diagnosis:#}"))
}

fn lock(server: &Slapd, uid: &str, locked: bool) {
    let change = match locked {
        true => "add: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z",
        false => "delete: pwdAccountLockedTime",
    };
    server.modify(&format!("dn: uid={uid},ou=people,{BASE}\nchangetype: modify\n{change}\n"));
}

fn rename(server: &Slapd, from: &str, to: &str) {
    server.modify(&format!(
        "dn: uid={from},ou=people,{BASE}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_ldap_calls_and_an_outage_is_never_an_unknown_user() {
    let people = [person("ada", ""), person("grace", "")].join("\n");
    let Some(mut server) = Slapd::start(&people) else { return };
    let world = World::new(&configuration(&server, ""));
    let token = |sub: &str| sign(&claims("people", sub), &world.corp);

    // Found there, and a user of ours from the first call on.
    let answer = call(&world, &token("ada")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let ada = user_named(&world, "ada");
    assert!(ada["id"].is_string(), "{ada}");

    // Nobody there, or nearly somebody.
    assert_eq!(call(&world, &token("nobody-of-that-name")).await.status, 401);
    for (sub, code) in [
        ("nobody-of-that-name", "user_not_in_source"),
        ("ada@example.org", "subject_is_email"),
        ("Ada", "subject_differs_in_case"),
        ("corp|grace", "subject_has_prefix"),
        ("gra\u{200b}ce", "subject_has_invisible_characters"),
        ("*)(uid=*", "user_not_in_source"),
    ] {
        let (first, diagnosis) = world.first(&token(sub)).await;
        assert_eq!(first, code, "{sub}: {diagnosis:#}");
    }
    assert_eq!(user_named(&world, "grace"), Value::Null, "asking makes nobody");
    // The key, by which our own user stands for the person.
    let shown = world.server.cli(&["user", "show", ada["id"].as_str().unwrap()]);
    let linked = shown["identities"].as_array().unwrap();
    let key = linked.iter().find(|one| one["issuer"] == "source:corp-ldap").unwrap();
    let (first, diagnosis) = world.first(&token(key["subject"].as_str().unwrap())).await;
    assert_eq!(first, "subject_is_key", "{diagnosis:#}");

    // Suspended there.
    lock(&server, "ada", true);
    let answer = call(&world, &token("ada")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "subject_unresolved"));
    let (first, diagnosis) = world.first(&token("ada")).await;
    assert_eq!(first, "user_suspended", "{diagnosis:#}");
    assert!(diagnosis.to_string().contains("disabled in the source"), "{diagnosis:#}");
    lock(&server, "ada", false);
    assert_eq!(call(&world, &token("ada")).await.status, 200);

    // Renamed there: the same user here, by its key. The old name is nobody's, and a token with it, which comes first, takes
    // nothing from whoever has the new one.
    rename(&server, "ada", "lovelace");
    assert_eq!(call(&world, &token("ada")).await.status, 401);
    let (first, diagnosis) = world.first(&token("ada")).await;
    assert_eq!(first, "renamed_in_source", "{diagnosis:#}");
    assert!(finding(&diagnosis, "renamed_in_source").to_string().contains("as `lovelace`"), "{diagnosis:#}");
    let renamed = user_named(&world, "lovelace");
    assert_eq!((&renamed["id"], &renamed["status"]), (&ada["id"], &json!("active")));
    assert_eq!(call(&world, &token("lovelace")).await.status, 200);

    // Gone there: suspended, whatever name is asked for.
    assert_eq!(call(&world, &token("grace")).await.status, 200);
    server.modify(&format!("dn: uid=grace,ou=people,{BASE}\nchangetype: delete\n"));
    assert_eq!(call(&world, &token("grace")).await.status, 401);
    let (first, diagnosis) = world.first(&token("grace")).await;
    assert_eq!(first, "user_suspended", "{diagnosis:#}");
    assert!(diagnosis.to_string().contains("no longer in the source"), "{diagnosis:#}");
    assert_eq!(user_named(&world, "grace")["status"], "suspended");

    // What the command line and the instance say of the source.
    let tested = world.server.cli(&["source", "test", "corp-ldap"]);
    assert!(
        tested["works"] == true && tested["lines"].to_string().contains("people can be read"),
        "{tested:#}"
    );
    let seen = world.server.cli(&["doctor", "instance"]);
    assert!(seen["sources"][0]["lines"].to_string().contains("people can be read"), "{seen:#}");
    assert!(seen["sources"][0]["problem"].is_null() && !seen["problems"].to_string().contains("corp-ldap"));
    let reached =
        seen["reach"].as_array().unwrap().iter().find(|one| one["what"] == "user source `corp-ldap`");
    assert_eq!(reached.unwrap()["address"], format!("localhost:{}", server.tls));
    let said = [tested.to_string(), seen["sources"].to_string(), world.server.place.log()].concat();
    assert!(!said.contains(PASSWORD));

    // Out of reach: a 503, for those who were there and for those who never were.
    server.stop();
    for sub in ["lovelace", "nobody-of-that-name"] {
        let answer = call(&world, &token(sub)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "resolution_unavailable"),
            "{sub}"
        );
        assert!(answer.headers.contains_key("retry-after"));
    }
    let (first, diagnosis) = world.first(&token("lovelace")).await;
    assert_eq!(first, "source_unreachable", "{diagnosis:#}");
    let failed = world.server.place.fails(1, &["source", "test", "corp-ldap"]);
    assert!(failed.contains("corp-ldap"), "{failed}");
    let seen = world.server.cli(&["doctor", "instance"]);
    assert!(seen["problems"].to_string().contains("user source `corp-ldap`"), "{seen:#}");

    // And back.
    assert!(server.run_here(), "the port was taken meanwhile");
    let began = Instant::now();
    loop {
        let answer = call(&world, &token("lovelace")).await;
        if answer.status == 200 {
            break;
        }
        assert!(answer.status == 503 && began.elapsed() < PATIENCE, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn synchronisation_brings_and_takes_people_and_the_doctor_tells_its_lag() {
    let mut people = vec![person("ada", "")];
    people.extend((0..12).map(|n| person(&format!("temp{n}"), "")));
    let Some(mut server) = Slapd::start(&people.join("\n")) else { return };
    let world = World::new(&configuration(
        &server,
        "sync = { every = \"1d\", full_every = \"1d\", most_deleted = 10 }",
    ));
    // Of an issuer whose subjects are looked up in our own directory, by the name.
    let token = |sub: &str| sign(&claims("partner", sub), &world.partner);
    let source = |verb: &[&str]| world.server.cli(&[&["source"], verb].concat());
    let sync = || source(&["sync", "corp-ldap", "--full", "--wait"])["last"].clone();

    // The first run is by itself.
    let state = eventually(|| source(&["show", "corp-ldap"]), |state| state["last"]["outcome"] == "done");
    assert_eq!((&state["last"]["created"], &state["waiting"]), (&json!(13), &Value::Null), "{state:#}");
    assert_eq!(call(&world, &token("ada")).await.status, 200);
    let listed = source(&["list"]);
    assert_eq!(
        (&listed["items"][0]["kind"], &listed["items"][0]["synchronised"]),
        (&json!("ldap"), &json!(true))
    );

    // Made there since.
    server.modify(&person("grace", "").replacen('\n', "\nchangetype: add\n", 1));
    let grace = token("grace");
    assert_eq!(call(&world, &grace).await.status, 401);
    let (first, diagnosis) = world.first(&grace).await;
    assert_eq!(first, "sync_behind", "{diagnosis:#}");
    let told = finding(&diagnosis, "sync_behind").to_string();
    for part in
        ["since after the last synchronisation", "the lag is", "run 1, of everybody", "goes on from `time:"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let changes = source(&["sync", "corp-ldap", "--wait"])["last"].clone();
    assert_eq!((&changes["full"], &changes["created"]), (&json!(false), &json!(1)), "{changes:#}");
    assert_eq!(call(&world, &grace).await.status, 200);

    // Renamed there since: known here by the old name.
    let before = user_named(&world, "grace");
    rename(&server, "grace", "hopper");
    let hopper = token("hopper");
    let (first, diagnosis) = world.first(&hopper).await;
    assert_eq!(first, "sync_behind", "{diagnosis:#}");
    let id = before["id"].as_str().unwrap();
    assert!(finding(&diagnosis, "sync_behind").to_string().contains(&format!("known here as user {id}")));
    sync();
    assert_eq!(call(&world, &hopper).await.status, 200);
    assert_eq!(user_named(&world, "hopper")["id"], before["id"]);

    // There all the time, and not taken: by the company's own id this is somebody else already.
    server.modify(&person("twin", "employeeNumber: 4711").replacen('\n', "\nchangetype: add\n", 1));
    sync();
    server.modify(&person("double", "employeeNumber: 4711").replacen('\n', "\nchangetype: add\n", 1));
    let double = token("double");
    // Runs begin at a time of more than seconds, and changes have none finer.
    let began = Instant::now();
    loop {
        let run = sync();
        assert_eq!(run["failed"], 1, "{run:#}");
        if world.told(&double)["findings"][0]["code"] != "sync_behind" {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{run:#}");
    }
    let (first, diagnosis) = world.first(&double).await;
    assert_eq!(first, "sync_left_out", "{diagnosis:#}");
    let told = finding(&diagnosis, "sync_left_out").to_string();
    assert!(told.contains("could not take this person") && told.contains("external id"), "{told}");
    assert_eq!(finding(&diagnosis, "sync_left_out")["likelihood"], "certain");
    for gone in ["twin", "double"] {
        server.modify(&format!("dn: uid={gone},ou=people,{BASE}\nchangetype: delete\n"));
    }
    sync();

    // Disabled there: let in until the next run, which the doctor says; and the other way round.
    lock(&server, "ada", true);
    let ada = token("ada");
    assert_eq!(call(&world, &ada).await.status, 200);
    let diagnosis = world.ask(json!({ "token": ada })).await;
    assert_eq!(diagnosis["accepted"], true);
    assert!(finding(&diagnosis, "sync_behind").to_string().contains("disabled by now"), "{diagnosis:#}");
    sync();
    assert_eq!(call(&world, &ada).await.status, 401);
    assert_eq!(world.first(&ada).await.0, "user_suspended");
    lock(&server, "ada", false);
    let (first, diagnosis) = world.first(&ada).await;
    assert_eq!(first, "sync_behind", "{diagnosis:#}");
    assert!(diagnosis["verdict"].as_str().unwrap().contains("active by now"), "{diagnosis:#}");
    sync();
    assert_eq!(call(&world, &ada).await.status, 200);

    // Too many are gone at once: nobody is deleted before somebody has looked.
    let gone: Vec<String> =
        (0..12).map(|n| format!("dn: uid=temp{n},ou=people,{BASE}\nchangetype: delete\n")).collect();
    server.modify(&gone.join("\n"));
    let stopped = sync();
    assert_eq!((&stopped["outcome"], &stopped["deleted"]), (&json!("waiting"), &json!(0)), "{stopped:#}");
    assert_eq!(source(&["list"])["items"][0]["waiting"]["gone"], 12);
    let temp = token("temp0");
    assert_eq!(call(&world, &temp).await.status, 200);
    let diagnosis = world.ask(json!({ "token": temp })).await;
    let waiting = finding(&diagnosis, "sync_waiting");
    assert_eq!(waiting["command"], "portcullis source approve corp-ldap");
    assert!(waiting.to_string().contains("12 of 14 users would be deleted"), "{waiting}");
    source(&["approve", "corp-ldap"]);
    let state = eventually(|| source(&["show", "corp-ldap"]), |state| state["last"]["outcome"] == "done");
    assert_eq!((&state["last"]["deleted"], &state["waiting"]), (&json!(12), &Value::Null), "{state:#}");
    assert_eq!(call(&world, &temp).await.status, 401);
    let (first, diagnosis) = world.first(&temp).await;
    assert_eq!(first, "user_deleted", "{diagnosis:#}");
    assert!(finding(&diagnosis, "user_deleted").to_string().contains("source:corp-ldap"));
    // Nothing is left to approve.
    assert!(!world.server.place.run(&["source", "approve", "corp-ldap"]).status.success());

    // A run that fails takes nobody out, and is told beside whatever is asked.
    server.stop();
    world.server.place.run(&["source", "sync", "corp-ldap", "--full", "--wait"]);
    let state = eventually(|| source(&["show", "corp-ldap"]), |state| state["last"]["outcome"] == "failed");
    assert_eq!(state["last"]["outcome"], "failed", "{state:#}");
    assert_eq!(call(&world, &ada).await.status, 200);
    let diagnosis = world.ask(json!({ "token": ada })).await;
    assert_eq!(finding(&diagnosis, "sync_failing")["likelihood"], "aside", "{diagnosis:#}");
    world.server.stop();
}
