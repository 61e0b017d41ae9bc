//! Tokens that are for one call: which call had it, and whether that was the same token.

use super::tenants::Administrator;
use super::world::{World, claims, sign, with, words};
use portcullis_jose::SigningKey;
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[issuers]]
name = "once"
issuer = "https://once.example"
audiences = ["gateway"]
tenant = { claim = "tid", map = { t-1 = "acme", t-2 = "other" } }
jwks_file = "corp.json"
single_use = true

[[services]]
name = "ledger"
tenant = "acme"
path = "/ledger"
upstream = "http://127.0.0.1:9"

[[services]]
name = "vault"
tenant = "acme"
path = "/vault"
upstream = "http://127.0.0.1:9"
roles = ["keeper"]
"#;

fn token(key: &SigningKey, sub: &str, tid: &str, jti: &str) -> String {
    sign(&with(with(claims("once", sub), "tid", json!(tid)), "jti", json!(jti)), key)
}

fn first(diagnosis: &Value) -> &Value {
    &diagnosis["findings"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_that_was_let_in_is_found() {
    let world = World::new(CONFIG);
    world.user(&["--username", "ada", "--identity", "once=ada"]);
    world.user(&["--tenant", "other", "--username", "eve", "--identity", "once=eve"]);
    let one = token(&world.corp, "ada", "t-1", "j-1");

    // Asked about as often as anybody likes, and refused once, it is as good as before.
    for _ in 0..2 {
        let told = world.ask(json!({ "token": one, "service": "ledger" })).await;
        assert_eq!((&told["accepted"], world.told(&one)["accepted"].clone()), (&json!(true), json!(true)));
        assert!(told["in_order"].to_string().contains("has let none in yet"), "{told:#}");
    }
    let refused = world.recorded("/vault", &one).await;
    assert_eq!(world.server.cli(&["record", "show", &refused])["code"], "role_missing");

    let let_in = world.recorded("/ledger/7", &one).await;
    assert_eq!(world.server.cli(&["record", "show", &let_in])["code"], "upstream_unreachable");
    let again = world.recorded("/ledger/8", &one).await;
    assert_eq!(world.server.cli(&["record", "show", &again])["code"], json!("token_replayed"));

    // By the token, from the command line too; and by the call.
    let (code, told) = world.first(&one).await;
    assert_eq!(code, "token_replayed", "{told:#}");
    let of_call = world.ask(json!({ "request": again })).await;
    assert_eq!(
        (first(&of_call)["code"].as_str(), &of_call["code"]),
        (Some("token_replayed"), &json!("token_replayed"))
    );
    for told in [&told, &of_call] {
        let evidence = first(told)["evidence"].to_string();
        for part in [let_in.as_str(), "first used", " ago)", "to `ledger`: GET `/ledger/7`, answered 502"] {
            assert!(evidence.contains(part), "{part}: {told:#}");
        }
        assert_eq!(first(told)["by"], "caller");
        // The command that is told shows the call.
        assert_eq!(world.server.cli(&words(first(told)))["path"], "/ledger/7");
    }
    assert!(first(&of_call)["evidence"].to_string().contains("both came from `127.0.0.1`"), "{of_call:#}");
    assert!(told["path"].to_string().contains("`token_replayed`: the token was used before"), "{told:#}");

    // Another token with the same `jti`: not its holder's fault.
    let other = sign(
        &with(with(with(claims("once", "ada"), "tid", json!("t-1")), "jti", json!("j-1")), "n", json!(2)),
        &world.corp,
    );
    let (code, told) = world.first(&other).await;
    assert_eq!(code, "jti_repeated", "{told:#}");
    assert_eq!(
        (&first(&told)["by"], &told["code"]),
        (&json!("issuer_administrator"), &json!("token_replayed"))
    );

    // A call of another tenant's is not shown to this one's administrator.
    let hers = token(&world.corp, "eve", "t-2", "j-2");
    let theirs = world.recorded("/-/whoami", &hers).await;
    let same_id = token(&world.corp, "ada", "t-1", "j-2");
    let administrator = Administrator::of(&world, "acme", "tenant_administrator").await;
    let told = administrator.ask(json!({ "token": same_id })).await;
    assert_eq!(first(&told)["code"], "jti_repeated", "{told:#}");
    assert!(told.to_string().contains("by a call of another tenant"), "{told:#}");
    assert!(!told.to_string().contains(&theirs) && !told.to_string().contains("whoami"), "{told:#}");
    let told = world.ask(json!({ "token": same_id })).await;
    assert!(first(&told)["evidence"].to_string().contains(&theirs), "{told:#}");
    world.server.stop();
}
