//! Tokens that are signed and then encrypted, at the running gateway: keys in files, rotated while it runs.

use crate::http::{Answer, get};
use crate::server::{CONFIG, PATIENCE, Place, Server, eventually};
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};
use portcullis_jose::{Alg, Jwk, JwkSet, Protected, SigningKey, encode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Two issuers with a signing key each; what `corp` decrypts with is added by the tests.
struct Issuers {
    corp: SigningKey,
    partner: SigningKey,
}

impl Issuers {
    fn new(place: &Place) -> Self {
        let key = |name: &str| {
            let key = SigningKey::generate(Alg::ES256).unwrap();
            let set: JwkSet = key.public_jwk().into_iter().collect();
            std::fs::write(place.path().join(format!("{name}.json")), set.to_public_json()).unwrap();
            key
        };
        Self { corp: key("corp"), partner: key("partner") }
    }

    fn config(decryption_keys: &str) -> String {
        let issuer = |name: &str, rest: &str| {
            format!(
                "[[issuers]]\nname = \"{name}\"\ntenant = \"acme\"\nissuer = \"https://{name}.example\"\njwks_file = \"{name}.json\"\naudiences = [\"gateway\"]\n{rest}\n"
            )
        };
        let corp = issuer("corp", &format!("decryption_keys = [{decryption_keys}]"));
        // Asking until a change has arrived is not an attack.
        let config = CONFIG.replace("[gateway]", "[gateway]\nfailure_budget = { failures = 1000000 }");
        format!("{config}\n{corp}\n{}", issuer("partner", ""))
    }
}

fn claims(of: &str) -> String {
    json!({ "iss": format!("https://{of}.example"), "sub": "ada", "aud": "gateway", "exp": 4_000_000_000_i64 })
        .to_string()
}

fn encrypt(inner: &str, cty: &str, to: &Jwk, alg: KeyManagement) -> String {
    let to = to.encryption_key(Some(alg)).unwrap();
    Encryption::new(Enc::A256GCM).header(Protected::new().cty(cty)).compact(inner.as_bytes(), &to).unwrap()
}

fn user(server: &Server) {
    server.cli(&[
        "user",
        "create",
        "--tenant",
        "acme",
        "--username",
        "ada",
        "--identity",
        "corp=ada",
        "--identity",
        "partner=ada",
    ]);
}

async fn call(server: &Server, token: &str) -> Answer {
    get(server.gateway, "/v1/models", Some(token)).await
}

/// Calls until the answer is right; the last answer when it never is.
async fn call_until(server: &Server, token: &str, right: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = call(server, token).await;
        if right(&answer) || began.elapsed() > PATIENCE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn are_opened_recorded_and_shown() {
    let place = Place::new(CONFIG);
    let issuers = Issuers::new(&place);
    let rsa = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap();
    std::fs::write(place.path().join("enc.pem"), rsa.to_private_pem().unwrap().as_bytes()).unwrap();
    place.write(&Issuers::config(r#"{ key = "file:enc.pem", kid = "2025", algorithm = "RSA-OAEP-256" }"#));
    // `check` names our key so that it can be compared with what is registered at the issuer.
    let checked = place.cli(&["check"]);
    let shown = &checked["issuers"][0]["decryption_keys"][0];
    assert_eq!(
        *shown,
        json!({ "kid": "2025", "key_type": "RSA", "thumbprint": rsa.thumbprint_text(), "algorithms": ["RSA-OAEP-256"] })
    );
    let text = String::from_utf8(place.run(&["check"]).stdout).unwrap();
    assert!(text.contains(&rsa.thumbprint_text()), "{text}");

    let server = place.serve();
    user(&server);
    let listed = server.cli(&["issuer", "list"]);
    let corp = listed["items"].as_array().unwrap().iter().find(|issuer| issuer["name"] == "corp").unwrap();
    assert_eq!(corp["decryption_keys"][0]["thumbprint"], rsa.thumbprint_text());
    let text = String::from_utf8(server.place.run(&["issuer", "list"]).stdout).unwrap();
    assert!(text.contains(&format!("2025:{}", rsa.thumbprint_text())), "{text}");

    let to = rsa.clone().with_kid("2025");
    let signed = encode(&Protected::new(), claims("corp").as_bytes(), &issuers.corp).unwrap();
    let nested = encrypt(&signed, "JWT", &to, KeyManagement::RSA_OAEP_256);
    for _ in 0..2 {
        let answer = call(&server, &nested).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        let record = eventually(
            || server.cli(&["record", "list", "--user", "ada", "--tenant", "acme", "--limit", "100"]),
            |page| page["items"].as_array().unwrap().iter().any(|record| record["id"] == id.as_str()),
        );
        assert!(!record.to_string().contains(&nested) && !record.to_string().contains(&signed));
        let record = server.cli(&["record", "show", &id]);
        let outer: Value = serde_json::from_str(record["token"]["encryption"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&outer["alg"], &outer["kid"], &outer["cty"]),
            (&json!("RSA-OAEP-256"), &json!("2025"), &json!("JWT"))
        );
        assert!(record["token"]["claims"].as_str().unwrap().contains("https://corp.example"));
        // What opens it and what vouches for it are not in the record.
        for part in nested.split('.').skip(1).chain(signed.split('.').skip(2)) {
            assert!(!record.to_string().contains(part));
        }
    }

    // The refusals as a caller sees them.
    let other = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap().with_kid("2025");
    let of_partner = encode(&Protected::new(), claims("partner").as_bytes(), &issuers.partner).unwrap();
    let mut altered = nested.clone().into_bytes();
    let at = altered.len() - 3;
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let oaep = KeyManagement::RSA_OAEP_256;
    let mut bodies = Vec::new();
    for (token, code) in [
        (encrypt(&signed, "JWT", &other, oaep), "token_encrypted"),
        (altered, "token_encrypted"),
        (encrypt(&of_partner, "JWT", &to, oaep), "issuer_unknown"),
        (encrypt(&claims("corp"), "JWT", &to, oaep), "token_malformed"),
        (encrypt(&nested, "JWT", &to, oaep), "token_malformed"),
        (encrypt(&signed, "json", &to, oaep), "token_type_mismatch"),
        (encrypt(&signed, "JWT", &to, KeyManagement::RSA_OAEP), "token_encrypted"),
    ] {
        let answer = call(&server, &token).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code), "{}", answer.text());
        if code == "token_encrypted" {
            let mut body = answer.json();
            // The one thing that differs from call to call.
            body["error"]["request_id"] = Value::Null;
            bodies.push((body, answer.headers["www-authenticate"].clone()));
        }
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
    assert_eq!(call(&server, &of_partner).await.status, 200, "it is accepted unencrypted");
    let place = server.stop();
    for secret in nested.split('.').skip(1) {
        assert!(!place.log().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_it_runs() {
    let place = Place::new(CONFIG);
    let issuers = Issuers::new(&place);
    let key = |file: &str, kid: &str| {
        let jwk = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().with_kid(kid);
        std::fs::write(place.path().join(file), jwk.to_private_json().as_bytes()).unwrap();
        jwk
    };
    let (old, new) = (key("old.json", "old"), key("new.json", "new"));
    let (with_old, with_new) = (r#"{ key = "file:old.json" }"#, r#"{ key = "file:new.json" }"#);
    place.write(&Issuers::config(with_old));
    let server = place.serve();
    user(&server);
    let signed = encode(&Protected::new(), claims("corp").as_bytes(), &issuers.corp).unwrap();
    let [to_old, to_new] =
        [&old, &new].map(|jwk| encrypt(&signed, "JWT", jwk, KeyManagement::ECDH_ES_A256KW));
    assert_eq!(call(&server, &to_old).await.status, 200);
    assert_eq!(call(&server, &to_new).await.code(), "token_encrypted");

    server.place.write(&Issuers::config(&format!("{with_new}, {with_old}")));
    let answer = call_until(&server, &to_new, |answer| answer.status == 200).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(call(&server, &to_old).await.status, 200);

    server.place.write(&Issuers::config(with_new));
    let answer = call_until(&server, &to_old, |answer| answer.status != 200).await;
    assert_eq!(answer.code(), "token_encrypted", "though it was opened before: {}", answer.text());
    assert_eq!(call(&server, &to_new).await.status, 200);
    server.stop();
}
