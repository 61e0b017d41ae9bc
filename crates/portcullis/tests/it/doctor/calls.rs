//! Calls that were made: by request id, with the service behind, and over several calls.

use super::world::{World, claims, now, sign, with};
use crate::http::call;
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A service that refuses everybody itself.
async fn refusing() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).await;
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
    ];
    let world = World::new(&services.join("\n"));
    world.user(&["--username", "ada", "--identity", "corp=ada"]);
    let good = sign(&claims("corp", "ada"), &world.corp);

    // The gateway let it through.
    let id = world.recorded("/ledger/7", &good).await;
    let told = world.server.cli(&["doctor", "--request", &id]);
    assert_eq!(told["findings"][0]["code"], "downstream_refused", "{told:#}");
    assert!(told["findings"][0]["evidence"].to_string().contains("no such account in ledger"), "{told:#}");
    assert!(told["path"].to_string().contains("as_recorded"));

    // The service asks for more, or is another tenant's.
    for (service, code) in [("scoped", "scope_insufficient"), ("foreign", "tenant_mismatch")] {
        let told = world.ask(json!({ "token": good, "service": service })).await;
        assert_eq!(told["findings"][0]["code"], code, "{told:#}");
        let id = world.recorded(&format!("/{service}"), &good).await;
        assert_eq!(world.ask(json!({ "request": id })).await["findings"][0]["code"], code);
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
    let told = world.ask(json!({ "token": good })).await;
    let codes = told["findings"].to_string();
    assert!(codes.contains("rule_or_link_changed") || codes.contains("subject_was_replaced"), "{told:#}");

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
