//! Calls that were made: by request id, with the service behind, and over several calls.

use super::world::{World, claims, codes, now, sign, with, words};
use crate::http::call;
use crate::server::PATIENCE;
use http::Method;
use portcullis_model::record::TokenFacts;
use portcullis_model::{RequestId, UserId};
use portcullis_store::entity::records;
use portcullis_store::{Database, Options, Store};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A service that refuses everybody itself.
async fn refusing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut asked, mut piece) = (Vec::new(), [0; 4_096]);
            while !asked.ends_with(b"\r\n\r\n") {
                let Ok(read @ 1..) = stream.read(&mut piece).await else { break };
                asked.extend_from_slice(&piece[..read]);
            }
            let body = r#"{"error":"no such account in ledger"}"#;
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

/// A record of a call that passed, kept from a database whose users are not in this one: that of another call, of somebody
/// else.
async fn outlive(world: &World, passed: &str, sub: &str, other: &str) {
    let files = std::fs::read_dir(world.server.place.data()).unwrap().filter_map(Result::ok);
    let is_database =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending == "db" || ending == "sqlite");
    let database = files.map(|entry| entry.path()).find(is_database).unwrap();
    let store = Store::open(Options::new(Database::Sqlite(database))).await.unwrap();
    let mut record = records::find(&store, passed.parse().unwrap()).await.unwrap().unwrap();
    let facts = record.token.take().unwrap();
    let claims = facts.claims.replace(&format!("\"{sub}\""), &format!("\"{other}\""));
    assert_ne!(claims, facts.claims);
    record.token = Some(Arc::new(TokenFacts { claims, ..(*facts).clone() }));
    record.id = RequestId::new(record.at, [3; 10]);
    record.user = Some(UserId::new(record.at, [4; 10]));
    records::insert_batch(&store, &[record]).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_enough() {
    let port = refusing().await;
    let service = |name: &str, tenant: &str, rest: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\ntenant = \"{tenant}\"\npath = \"/{name}\"\nupstream = \"http://127.0.0.1:{port}\"\n{rest}\n"
        )
    };
    let services = [
        service("ledger", "acme", "capture = true"),
        service("scoped", "acme", "scopes = [\"ledger:write\"]"),
        service("foreign", "other", ""),
        service("open", "acme", "auth = \"none\""),
        service("ranked", "acme", "roles = [\"auditor\"]"),
        service("listed", "acme", "allow = { roles = [\"vip\"] }"),
        service("governed", "acme", ""),
        "[[policies]]\nname = \"nobody-governs\"\ntenant = \"acme\"\ncedar = '''permit (principal, action, resource) unless { resource == Service::\"governed\" };'''\n".to_owned(),
    ];
    let world = World::new(&services.join("\n"));
    for name in ["ada", "bob", "carl"] {
        world.user(&["--username", name, "--identity", &format!("corp={name}")]);
    }
    let good = sign(&claims("corp", "ada"), &world.corp);

    // The gateway let it through.
    let id = world.recorded("/ledger/7", &good).await;
    let told = world.server.cli(&["doctor", "--request", &id]);
    assert_eq!(told["findings"][0]["code"], "downstream_refused", "{told:#}");
    assert!(told["findings"][0]["evidence"].to_string().contains("no such account in ledger"), "{told:#}");
    assert!(told["path"].to_string().contains("as_recorded"));

    // The service asks for more, or is another tenant's.
    for (service, code) in [
        ("scoped", "scope_insufficient"),
        ("foreign", "tenant_mismatch"),
        ("ranked", "role_missing"),
        ("listed", "not_allowed"),
        ("governed", "policy_denied"),
    ] {
        let told = world.ask(json!({ "token": good, "service": service })).await;
        assert_eq!(told["findings"][0]["code"], code, "{told:#}");
        let id = world.recorded(&format!("/{service}"), &good).await;
        assert_eq!(world.ask(json!({ "request": id })).await["findings"][0]["code"], code);
    }
    // The command that is told gives the role.
    let ranked = json!({ "token": good, "service": "ranked" });
    let told = world.ask(ranked.clone()).await;
    world.server.cli(&words(&told["findings"][0]));
    let began = Instant::now();
    while world.ask(ranked.clone()).await["accepted"] != true {
        assert!(began.elapsed() < PATIENCE, "the role has no effect: {told:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let open = world.ask(json!({ "token": good, "service": "open" })).await;
    assert!(open["findings"].to_string().contains("service_without_resolution"), "{open:#}");

    // From a record's facts: the signature as recorded, the subject looked up anew.
    let nobody = sign(&claims("corp", "ada@corp.example"), &world.corp);
    world.user(&["--username", "lovelace", "--email", "ada@corp.example"]);
    let id = world.recorded("/ledger", &nobody).await;
    let told = world.ask(json!({ "request": id })).await;
    assert_eq!(
        (&told["findings"][0]["code"], &told["code"]),
        (&json!("subject_is_email"), &json!("user_unknown")),
        "{told:#}"
    );
    // It worked, and then the link was taken away.
    let ada =
        world.server.cli(&["user", "show", "ada", "--tenant", "acme"])["id"].as_str().unwrap().to_owned();
    let authorization = format!("Bearer {}", world.server.credential());
    let path = format!("/admin/v1/users/{ada}/identities?issuer=corp&subject=ada");
    let unlinked =
        call(world.server.control, Method::DELETE, &path, &[("authorization", &authorization)], "")
            .await
            .unwrap();
    assert_eq!(unlinked.status, 200, "{}", unlinked.text());
    let told = world.until(json!({ "token": good }), "subject_was_replaced").await;
    assert!(codes(&told).contains(&"rule_or_link_changed".to_owned()), "{told:#}");
    // It was refused when the link was gone, and is there again.
    let id = world.refused("/ledger", &good, "user_unknown").await;
    world.server.cli(&["user", "link", &ada, "--issuer", "corp", "--subject", "ada"]);
    let told = world.until(json!({ "request": id }), "resolved_since").await;
    assert_eq!(told["code"], "user_unknown", "{told:#}");

    // It worked, and then somebody decided otherwise.
    let bob = sign(&claims("corp", "bob"), &world.corp);
    let _ = world.recorded("/ledger", &bob).await;
    world.server.cli(&["user", "suspend", "bob", "--tenant", "acme"]);
    let told = world.until(json!({ "token": bob }), "user_suspended").await;
    assert!(codes(&told).contains(&"worked_before".to_owned()), "{told:#}");

    // It worked, as a user of whom the database knows nothing any more.
    let carl = sign(&claims("corp", "carl"), &world.corp);
    let passed = world.recorded("/ledger", &carl).await;
    outlive(&world, &passed, "carl", "nobody-now").await;
    let (first, told) = world.first(&sign(&claims("corp", "nobody-now"), &world.corp)).await;
    assert_eq!(first, "user_gone", "{told:#}");
    assert!(told["findings"][0]["evidence"].to_string().contains("passed"), "{told:#}");

    // One clock ahead, over several tokens.
    for n in 0..4 {
        let early =
            with(with(claims("corp", "ada"), "iat", json!(now() + 95 + n)), "jti", json!(n.to_string()));
        let _ = world.recorded("/ledger", &sign(&early, &world.corp)).await;
    }
    let early = sign(&with(claims("corp", "ada"), "iat", json!(now() + 95)), &world.corp);
    let (first, told) = world.first(&early).await;
    assert_eq!(
        (first.as_str(), &told["findings"][0]["likelihood"]),
        ("issuer_clock_ahead", &json!("certain")),
        "{told:#}"
    );
    assert!(told["findings"][0]["evidence"].to_string().contains("recent tokens"));

    // What is not there is said so.
    let said = world.server.place.fails(1, &["doctor", "--request", "0199f0c2-7f00-7000-8000-00000000dead"]);
    assert!(said.contains("no record"), "{said}");
    world.server.stop();
}
