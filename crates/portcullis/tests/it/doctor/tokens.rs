//! Causes that lie with the token: its shape, its life, its issuer, its audience, its kind.

use super::world::{World, claims, key, now, sign, with};
use portcullis_jose::{Alg, Protected, encode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_token_is_found_first() {
    let world = World::new("");
    world.user(&["--identity", "corp=ada"]);
    let good = sign(&claims("corp", "ada"), &world.corp);
    let foreign = key(Alg::ES256, "x");
    let signed = |claims| sign(&claims, &world.corp);
    let base = || claims("corp", "ada");
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
        // issuer and environment
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
        (signed(with(base(), "aud", json!(" gateway"))), "audience_space"),
        (signed(with(base(), "aud", json!("gatevay"))), "audience_misspelt"),
        (signed(with(base(), "aud", json!(["https://api.other.example"]))), "audience_mismatch"),
        (signed(with(base(), "aud", json!([]))), "audience_missing"),
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

    // Revoked, with who and why; and the API key.
    let other = signed(with(base(), "jti", json!("j-1")));
    world.server.cli(&["revocation", "token", "corp", "j-1", "--reason", "lost phone"]);
    let (first, diagnosis) = world.first(&other).await;
    assert_eq!(first, "token_revoked", "{diagnosis:#}");
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("lost phone"));
    assert_eq!(world.first("pck_0000").await.0, "api_key_invalid");

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
