//! Keys and key sets: made, converted, named, audited, fetched, compared.

use super::desk::{DESK, PASSWORD};
use super::site::Site;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

#[test]
fn keys_of_every_kind_are_made_and_used() {
    for (alg, kind) in [
        ("HS256", "oct"),
        ("ES384", "EC"),
        ("ES256K", "EC"),
        ("Ed25519", "OKP"),
        ("Ed448", "OKP"),
        ("ML-DSA-44", "AKP"),
    ] {
        let key = DESK.run(&["key", "generate", "--alg", alg]).good();
        let jwk: serde_json::Value = serde_json::from_str(&key).unwrap();
        assert_eq!(
            (&jwk["kty"], &jwk["alg"], &jwk["use"]),
            (&json!(kind), &json!(alg), &json!("sig")),
            "{alg}"
        );
        assert!(jwk["kid"].is_string(), "{key}");
        let token = DESK
            .piped(&["sign", "--key", "-", "--claim", "sub=ada", "--expires-in", "1h"], key.as_bytes())
            .good();
        assert_eq!(DESK.piped(&["verify", token.trim(), "--key", "-"], key.as_bytes()).code, 0, "{alg}");
    }
    for alg in ["ECDH-ES", "ECDH-ES+A256KW", "A128KW", "A256GCMKW", "A128CBC-HS256"] {
        let key = DESK.run(&["key", "generate", "--alg", alg]).good();
        let message =
            DESK.piped(&["encrypt", "hello", "--key", "-", "--enc", "A128CBC-HS256"], key.as_bytes()).good();
        assert_eq!(
            DESK.piped(&["decrypt", message.trim(), "--key", "-"], key.as_bytes()).good(),
            "hello",
            "{alg}"
        );
    }
    for wrong in ["ES257", "none", "RSA1_5", ""] {
        assert_eq!(DESK.run(&["key", "generate", "--alg", wrong]).code, 2, "{wrong}");
    }
    let said = DESK.run(&["key", "generate", "--alg", "RS256", "--bits", "1024"]);
    assert!(said.code == 2 && said.out.is_empty(), "{said:?}");
}

#[test]
fn private_keys_are_files_of_their_owner_and_are_not_replaced() {
    let made = ["key", "generate", "--alg", "ES256", "--out", "kept.jwk", "--public-out", "kept.pub"];
    let said = DESK.run(&made).good();
    assert!(said.contains("EC P-256") && !said.contains("\"d\""), "{said}");
    let mode = |name: &str| std::fs::metadata(DESK.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("kept.jwk"), 0o600);
    assert!(DESK.read("kept.jwk").contains("\"d\"") && !DESK.read("kept.pub").contains("\"d\""));
    let before = DESK.read("kept.jwk");
    let said = DESK.run(&made);
    assert!(said.code == 2 && said.err.contains("kept.jwk") && said.err.contains("--force"), "{said:?}");
    assert_eq!(DESK.read("kept.jwk"), before);
    assert_eq!(DESK.run(&[&made[..], &["--force"]].concat()).code, 0);
    assert_ne!(DESK.read("kept.jwk"), before);
    assert_eq!(mode("kept.jwk"), 0o600);
}

#[test]
fn one_key_in_every_form_is_one_key() {
    let print = |name: &str| DESK.run(&["key", "thumbprint", name]).good();
    let of_a = print("a.jwk");
    assert_eq!(of_a.trim().len(), 43);
    assert_eq!(print("issuer.pem"), of_a);
    for to in ["jwk", "jwks", "pem", "der"] {
        for public in [false, true] {
            let name = format!("form-{public}.{to}");
            let mut arguments = vec!["key", "convert", "a.jwk", "--to", to, "--out", &name];
            if public {
                arguments.push("--public");
            }
            assert_eq!(DESK.run(&arguments).code, 0, "{arguments:?}");
            assert_eq!(print(&name), of_a, "{name}");
            let mode = std::fs::metadata(DESK.path(&name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == 0o600, !public, "{name}: {mode:o}");
        }
    }
    assert!(!DESK.run(&["key", "convert", "a.jwk", "--public"]).good().contains("\"d\""));
    let uri = DESK.run(&["key", "thumbprint", "a.jwk", "--uri"]).good();
    assert_eq!(uri.trim(), format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", of_a.trim()));
    let renamed = DESK.run(&["key", "convert", "a.jwk", "--kid", "-mine"]).good();
    assert!(renamed.contains("\"-mine\""));
    let secret = DESK.run(&["key", "generate", "--alg", "HS256"]).good();
    assert_eq!(DESK.piped(&["key", "convert", "--to", "pem"], secret.as_bytes()).code, 2);
}

#[test]
fn encrypted_keys_want_their_password() {
    assert_eq!(DESK.run(&["key", "convert", "a.jwk", "--to", "pem", "--out", "plain.pem"]).code, 0);
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(
        "pkcs8 -topk8 -v2 aes-256-cbc -passout file:password.txt -in plain.pem -out encrypted.pem".split(' '),
    );
    openssl.current_dir(DESK.path("")).stderr(std::process::Stdio::null());
    if !openssl.status().is_ok_and(|status| status.success()) {
        eprintln!("no openssl here: nothing to encrypt a key with");
        return;
    }
    let mut openssl = std::process::Command::new("openssl");
    openssl
        .args("pkcs12 -export -nocerts -inkey plain.pem -passout file:password.txt -out key.p12".split(' '));
    let made = openssl.current_dir(DESK.path("")).stderr(std::process::Stdio::null()).status();
    assert!(made.is_ok_and(|status| status.success()));
    let print = DESK.run(&["key", "thumbprint", "a.jwk"]).good();
    for name in ["encrypted.pem", "key.p12"] {
        let said = DESK.run(&["key", "thumbprint", name]);
        assert!(said.code == 2 && said.err.contains("--password-from"), "{said:?}");
        let said = DESK.run(&["key", "thumbprint", name, "--password-from", "env:SECRET"]);
        assert!(said.code == 2 && said.err.contains(name) && !said.err.contains(PASSWORD), "{said:?}");
        let with = ["key", "thumbprint", name, "--password-from", "file:password.txt"];
        assert_eq!(DESK.run(&with).good(), print, "{name}");
    }
    let sign = [
        "sign",
        "--key",
        "key.p12",
        "--password-from",
        "file:password.txt",
        "--claim",
        "sub=ada",
        "--expires-in",
        "1h",
    ];
    let token = DESK.run(&sign).good();
    assert_eq!(DESK.piped(&["verify", "--key", "issuer.pem"], token.as_bytes()).code, 0);
}

#[test]
fn audits_end_with_1_when_something_is_wrong() {
    assert_eq!(DESK.run(&["key", "audit", "a.jwk"]).code, 0);
    let said = DESK.run(&["key", "audit", "a.jwk", "--public"]);
    assert!(said.code == 1 && said.out.contains("private_in_public_set"), "{said:?}");
    DESK.write("known.txt", "your-256-bit-secret\n");
    let said = DESK.run(&["key", "audit", "--secret-from", "file:known.txt"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(!said.out.contains("your-256-bit-secret") && !said.err.contains("your-256-bit-secret"));
    let weak = r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#;
    assert_eq!(DESK.piped(&["key", "audit"], weak.as_bytes()).code, 1);
    assert_eq!(DESK.run(&["jwks", "audit", "new.json"]).code, 0);
    let private = DESK.run(&["key", "convert", "a.jwk", "--to", "jwks"]).good();
    let answer = DESK.piped(&["jwks", "audit", "--output", "json"], private.as_bytes());
    assert_eq!(answer.code, 1);
    assert_eq!(answer.json()["findings"][0]["code"], "private_in_public_set");
}

#[test]
fn key_sets_are_fetched_from_where_the_user_says() {
    let issuer = DESK.site.url();
    let url = format!("{issuer}/jwks.json");
    let said = DESK.run(&["jwks", "fetch", &url]);
    assert!(said.code == 0 && said.err.contains(&url) && said.err.contains("max-age=300"), "{said:?}");
    assert_eq!(said.json(), serde_json::from_str::<serde_json::Value>(&DESK.read("new.json")).unwrap());
    assert_eq!(DESK.run(&["jwks", "fetch", "--issuer", &issuer]).out, said.out);
    assert_eq!(DESK.run(&["verify", "@token.txt", "--jwks", &url]).code, 0);
    let text = DESK.run(&["verify", "@token.txt", "--issuer", &issuer]).good();
    assert!(text.contains(&url), "it says which key: {text}");
    // A key set of this issuer does not vouch for another's tokens.
    assert_eq!(DESK.run(&["verify", "@two-signatures.json", "--issuer", &issuer]).code, 0);
    assert_eq!(DESK.run(&["verify", "@shared.txt", "--issuer", &issuer]).code, 1);
    assert_eq!(DESK.run(&["jwks", "audit", "--issuer", &issuer]).code, 0);
    assert_eq!(DESK.run(&["jwks", "diff", "new.json", &url]).code, 0);
}

#[test]
fn a_token_does_not_say_where_its_keys_are() {
    let site = Site::start();
    site.put("/jwks.json", DESK.read("new.json"));
    let url = format!("{}/jwks.json", site.url());
    let claims = json!({ "iss": site.url(), "exp": 4_000_000_000_i64 }).to_string();
    let [jku, x5u] = [format!("jku={url}"), format!("x5u={url}")];
    let sign = ["sign", "--key", "a.jwk", "--claims", &claims, "--header", &jku, "--header", &x5u];
    let token = DESK.run(&sign).good();
    for verb in [&["decode"][..], &["verify", "--key", "b.jwk"], &["explain"], &["explain", "--key", "a.jwk"]]
    {
        DESK.piped(verb, token.as_bytes());
    }
    assert_eq!(site.calls(), 0);
    assert_eq!(DESK.piped(&["verify", "--jwks", &url], token.as_bytes()).code, 0);
    assert_eq!(site.calls(), 1, "only where the user says so");
}

#[test]
fn documents_do_not_lead_where_they_want() {
    let site = Site::start();
    let url = site.url();
    let fails = |arguments: &[&str], why: &str| {
        let said = DESK.run(arguments);
        assert!(said.code == 2 && said.out.is_empty() && said.err.contains(why), "{arguments:?}: {said:?}");
    };
    let metadata = |path: &str, issuer: &str, jwks: &str| {
        site.put(
            &format!("{path}/.well-known/openid-configuration"),
            json!({ "issuer": issuer, "jwks_uri": jwks }).to_string(),
        );
    };
    site.put("/jwks.json", DESK.read("new.json"));
    metadata("/other", "https://idp.example.com", &format!("{url}/jwks.json"));
    fails(&["verify", "@token.txt", "--issuer", &format!("{url}/other")], "another issuer's");
    // With a slash more it is another issuer.
    metadata("/slash", &format!("{url}/slash/"), &format!("{url}/jwks.json"));
    fails(&["jwks", "fetch", "--issuer", &format!("{url}/slash")], "another issuer's");
    // A private host that the document names, and not the user.
    let elsewhere = format!("{}/jwks.json", DESK.site.url());
    metadata("/elsewhere", &format!("{url}/elsewhere"), &elsewhere);
    fails(&["jwks", "fetch", "--issuer", &format!("{url}/elsewhere")], "loopback");
    site.put("/away", format!("->{elsewhere}"));
    fails(&["jwks", "fetch", &format!("{url}/away")], "loopback");
    site.put("/round", "->/round");
    fails(&["jwks", "fetch", &format!("{url}/round")], "redirects");
    site.put("/none", "hello");
    fails(&["jwks", "fetch", &format!("{url}/none")], "no key set");
    site.put("/large", "x".repeat(300 * 1024));
    fails(&["jwks", "fetch", &format!("{url}/large")], "more than");
    fails(&["jwks", "fetch", &format!("{url}/nowhere")], "404");
    fails(&["verify", "@token.txt", "--jwks", "http://192.0.2.1/jwks.json"], "https");
    fails(&["jwks", "fetch", "ftp://127.0.0.1/x"], "URL");
    let gone = site.url();
    drop(site);
    fails(&["jwks", "fetch", &format!("{gone}/jwks.json")], "connect");
}

#[test]
fn rotations_are_compared() {
    assert_eq!(DESK.run(&["jwks", "diff", "new.json", "new.json"]).code, 0);
    let said = DESK.run(&["jwks", "diff", "old.json", "new.json"]);
    assert!(said.code == 1 && said.out.contains("\n+ ") && said.out.starts_with("- "), "{said:?}");
    let answer = DESK.json(&["jwks", "diff", "old.json", "new.json"]);
    assert_eq!((answer["added"].as_array().unwrap().len(), answer["same"].clone()), (1, json!(false)));
}
