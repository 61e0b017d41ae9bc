//! Causes that lie with the token: its shape, its life, its issuer, its audience, its kind.

use super::world::{World, claims, codes, key, now, sign, with, words};
use portcullis_jose::{Alg, Protected, encode};
use serde_json::{Value, json};

/// One with a path, that is strict.
const CONFIG: &str = r#"
[[issuers]]
name = "realm"
issuer = "https://idp.example/realms/corp"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
max_age = "1h"
required_claims = ["department"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_token_is_found_first() {
    let world = World::new(CONFIG);
    world.user(&["--identity", "corp=ada"]);
    let good = sign(&claims("corp", "ada"), &world.corp);
    let foreign = key(Alg::ES256, "x");
    let signed = |claims| sign(&claims, &world.corp);
    let base = || claims("corp", "ada");
    let realm = |iss: &str| with(with(base(), "iss", json!(iss)), "department", json!("d"));
    let without = |member: &str| {
        let mut claims = base();
        claims.as_object_mut().unwrap().remove(member);
        claims
    };
    let id_token = with(with(base(), "nonce", json!("n")), "aud", json!("client-7"));
    for (token, code) in [
        // shape
        (format!("Bearer {good}"), "scheme_prefix"),
        (good.rsplit_once('.').unwrap().0.to_owned(), "parts_missing"),
        (format!("{good}\u{200b}"), "invisible_character"),
        ("sk-ant-REDACTED".to_owned(), "foreign_credential"),
        // life
        (signed(with(base(), "exp", json!(now() - 7_200))), "token_expired"),
        (signed(with(base(), "nbf", json!(now() + 7_200))), "token_not_yet_valid"),
        (signed(with(base(), "iat", json!(now() + 200))), "issuer_clock_ahead"),
        (signed(with(base(), "exp", json!((now() + 3_600) * 1_000))), "time_in_milliseconds"),
        (
            signed(with(realm("https://idp.example/realms/corp"), "iat", json!(now() - 7_200))),
            "token_too_old",
        ),
        // issuer and environment
        (signed(without("iss")), "issuer_missing"),
        (signed(with(base(), "iss", json!("https://corp\u{ad}.example"))), "issuer_invisible"),
        (signed(realm("https://idp-staging.example/realms/corp")), "issuer_host"),
        (signed(with(base(), "iss", json!("https://corp.example/"))), "issuer_trailing_slash"),
        (signed(with(base(), "iss", json!("http://corp.example"))), "issuer_scheme"),
        (signed(with(base(), "iss", json!("https://Corp.example"))), "issuer_case"),
        (signed(with(base(), "iss", json!("https://corp.example "))), "issuer_space"),
        (signed(with(base(), "iss", json!("https://corp.example:8443"))), "issuer_port"),
        (signed(with(base(), "iss", json!("https://corp.example/realms/staging"))), "issuer_path"),
        (
            sign(&with(base(), "iss", json!("https://login.staging.example/x")), &foreign),
            "issuer_not_configured",
        ),
        (signed(with(base(), "iss", json!("https://login.other.example/x"))), "signed_by_other_issuer"),
        // audience
        (signed(with(base(), "aud", json!("Gateway"))), "audience_case"),
        (signed(with(base(), "aud", json!("gateway/"))), "audience_trailing_slash"),
        (signed(with(base(), "aud", json!("https://gateway"))), "audience_scheme"),
        (signed(with(base(), "aud", json!("gate\u{200b}way"))), "audience_invisible"),
        (signed(with(base(), "aud", json!(" gateway"))), "audience_space"),
        (signed(with(base(), "aud", json!("gatevay"))), "audience_misspelt"),
        (signed(with(base(), "aud", json!(["https://api.other.example"]))), "audience_mismatch"),
        (signed(with(base(), "aud", json!([]))), "audience_missing"),
        // claims, and what it is bound to
        (signed(with(base(), "iss", json!("https://idp.example/realms/corp"))), "claim_missing"),
        (
            signed(with(base(), "cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }))),
            "bound_token",
        ),
        // kind
        (signed(id_token), "id_token"),
        (signed(with(with(base(), "typ", json!("Refresh")), "aud", json!("client-7"))), "refresh_token"),
        (
            signed(with(with(base(), "events", json!({ "logout": {} })), "aud", json!("client-7"))),
            "logout_token",
        ),
    ] {
        let (first, diagnosis) = world.first(&token).await;
        assert_eq!(first, code, "{}: {diagnosis:#}", diagnosis["verdict"]);
        assert_eq!(diagnosis["accepted"], false);
    }
    // A mended token is examined as well.
    let (_, diagnosis) = world.first(&format!("Bearer {good}")).await;
    assert!(
        diagnosis["findings"][0]["evidence"].to_string().contains("it would be accepted"),
        "{diagnosis:#}"
    );

    // Of the future: a clock, and what it did to the token.
    let early = world.ask(json!({ "token": signed(with(base(), "iat", json!(now() + 200))) })).await;
    assert_eq!(codes(&early)[..2], ["issuer_clock_ahead", "token_from_future"], "{early:#}");

    // Revoked, with who and why.
    let other = signed(with(base(), "jti", json!("j-1")));
    world.server.cli(&["revocation", "token", "corp", "j-1", "--reason", "lost phone"]);
    let diagnosis = world.soon(&other, "token_revoked").await;
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("lost phone"));
    // Everything that a user was given until now, and the command that is told takes it back.
    world.user(&["--username", "grace", "--identity", "corp=grace"]);
    let before = sign(&claims("corp", "grace"), &world.corp);
    let arguments =
        ["revocation", "user", "grace", "--reason", "stolen laptop", "--expires-at", "2999-01-01T00:00:00Z"];
    let entry = world.server.cli(&arguments);
    assert_eq!(
        (&entry["what"]["kind"], &entry["expires_at"]),
        (&json!("user"), &json!("2999-01-01T00:00:00.000000Z")),
        "{entry:#}"
    );
    let diagnosis = world.soon(&before, "token_revoked").await;
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("stolen laptop"), "{diagnosis:#}");
    // By its record as well, where nobody asked whose it is.
    let id = world.recorded("/v1/models", &before).await;
    let recorded = world.ask(json!({ "request": id })).await;
    assert!(recorded["findings"][0]["evidence"].to_string().contains("stolen laptop"), "{recorded:#}");
    world.server.cli(&words(&diagnosis["findings"][0]));
    let lifted = crate::server::eventually(|| world.told(&before), |told| told["accepted"] == true);
    assert_eq!(lifted["accepted"], true, "{lifted:#}");

    // A good one beside a bad one.
    let bad = encode(
        &Protected::new().kid("corp-1"),
        with(base(), "aud", json!("x")).to_string().as_bytes(),
        &world.corp,
    )
    .unwrap();
    let compared = world.ask(json!({ "token": bad, "good": good })).await;
    let rows = compared["comparison"].as_array().unwrap();
    let differs: Vec<&str> =
        rows.iter().filter(|row| row["differs"] == true).filter_map(|row| row["what"].as_str()).collect();
    assert!(
        differs.contains(&"outcome") && differs.contains(&"claims.aud") && !differs.contains(&"claims.iss"),
        "{differs:?}"
    );

    // For people: the same, in words, without colour where there is no terminal.
    let file = world.server.place.path().join("bad.txt");
    std::fs::write(&file, &bad).unwrap();
    let output = world.server.place.run(&["doctor", &format!("@{}", file.display())]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.starts_with("✗ this credential is refused with `audience_mismatch`"),
        "{text}"
    );
    assert!(
        text.contains("✓ signature")
            && text.contains("✗ audience")
            && text.contains("· resolve")
            && !text.contains('\x1b'),
        "{text}"
    );
    assert!(!text.contains(bad.as_str()), "the token is shown");
    world.server.stop();
}

/// An issuer whose tokens are machines' where `sub` is the client.
const MACHINES: &str = r#"
[[issuers]]
name = "machines"
issuer = "https://machines.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
machine = [{ claim = "sub", same = "client_id" }]

[[services]]
name = "ledger"
tenant = "acme"
path = "/ledger"
upstream = "http://127.0.0.1:9"

[[services]]
name = "archive"
tenant = "acme"
path = "/archive"
upstream = "http://127.0.0.1:9"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_key_or_an_application_is_found_first() {
    let world = World::new(MACHINES);
    world.server.cli(&["app", "create", "nightly", "--tenant", "acme"]);
    let key = |more: &[&str]| -> (Value, String) {
        let made = world.server.cli(&[&["key", "create", "--app", "nightly"], more].concat());
        let secret = made["secret"].as_str().unwrap().to_owned();
        (made, secret)
    };
    let (made, secret) = key(&[]);
    assert_eq!(world.ask(json!({ "token": secret })).await["accepted"], true);
    assert_eq!(world.first("pck_0000").await.0, "api_key_invalid");
    // Its id is there, and its secret is another.
    let last = if secret.ends_with('0') { "1" } else { "0" };
    let (first, told) = world.first(&format!("{}{last}", &secret[..secret.len() - 1])).await;
    assert_eq!(first, "api_key_unknown", "{told:#}");
    let (_, short) = key(&["--expires-in", "1s"]);
    let told = world.soon(&short, "api_key_expired").await;
    assert!(told["findings"][0]["evidence"].to_string().contains("expired at"), "{told:#}");
    let (_, confined) = key(&["--service", "ledger"]);
    let told = world.ask(json!({ "token": confined, "service": "ledger" })).await;
    assert_eq!(told["accepted"], true, "{told:#}");
    let told = world.ask(json!({ "token": confined, "service": "archive" })).await;
    assert_eq!(codes(&told)[0], "api_key_confined", "{told:#}");
    world.server.cli(&["key", "revoke", made["id"].as_str().unwrap()]);
    let told = world.soon(&secret, "api_key_revoked").await;
    for shown in [&secret, &short, &confined] {
        let (_, hidden) = shown.rsplit_once('_').unwrap();
        assert!(!told.to_string().contains(hidden) && !world.server.place.log().contains(hidden));
    }

    // A machine's token: nobody's, an application's, and of one that is disabled.
    let machine = sign(&with(claims("machines", "job-7"), "client_id", json!("job-7")), &world.corp);
    let (first, told) = world.first(&machine).await;
    assert_eq!(first, "application_unknown", "{told:#}");
    // The command that is told does it.
    let told = words(&told["findings"][0]).into_iter();
    let command: Vec<_> = told.map(|word| if word == "<application>" { "nightly" } else { word }).collect();
    world.server.cli(&command);
    let linked = crate::server::eventually(|| world.told(&machine), |told| told["accepted"] == true);
    assert_eq!(linked["accepted"], true, "{linked:#}");
    world.server.cli(&["app", "disable", "nightly"]);
    let told = world.soon(&machine, "application_disabled").await;
    assert_eq!(told["findings"][0]["command"], "portcullis app enable nightly");
    world.server.stop();
}
