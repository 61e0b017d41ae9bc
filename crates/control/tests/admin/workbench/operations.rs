//! Every operation through the router, and every sort of refusal.

use super::*;
use crate::harness::As;
use axum::body::Body;
use http::{Method, Request};
use portcullis_control::Entrance;
use std::sync::Arc;

#[tokio::test]
async fn tokens_there_and_back() {
    let plane = Plane::new().await;
    let made = ask(&plane, "keys/generate", json!({ "algorithm": "ES256", "kid": "k1" })).await;
    let signed = ask(
        &plane,
        "sign",
        json!({ "claims": { "sub": "ada" }, "expires_in": "1h", "token_id": true, "keys": key(&made["jwk"]) }),
    )
    .await;
    let token = &signed["token"];
    let decoded = ask(&plane, "decode", json!({ "token": token })).await;
    assert_eq!(
        (&decoded["decoded"], &decoded["verified"], &decoded["kind"]),
        (&json!(true), &json!(false), &json!("jwt"))
    );
    assert_eq!(decoded["times"]["exp"]["distance"], "in 1 h");
    let verified = ask(&plane, "verify", json!({ "token": token, "keys": key(&made["public_jwk"]) })).await;
    assert_eq!((&verified["valid"], &verified["signers"][0]["kid"]), (&json!(true), &json!("k1")));
    let other = ask(&plane, "keys/generate", json!({ "algorithm": "ES256", "kid": "k2" })).await;
    let explained =
        ask(&plane, "explain", json!({ "token": token, "keys": key(&other["public_jwk"]) })).await;
    assert_eq!((&explained["valid"], codes(&explained)), (&json!(false), vec!["kid_unknown"]));
    assert_eq!(explained["findings"][0]["severity"], "error");

    let to = ask(&plane, "keys/generate", json!({ "algorithm": "ECDH-ES+A256KW", "curve": "X25519" })).await;
    let nested = json!({ "sign": { "claims": { "sub": "ada" }, "expires_in": "1h", "keys": key(&made["jwk"]) },
        "keys": key(&to["public_jwk"]) });
    let sealed = ask(&plane, "encrypt", nested).await;
    let opened = json!({ "token": sealed["token"], "keys": key(&to["jwk"]), "verify": { "keys": key(&made["public_jwk"]) } });
    let opened = ask(&plane, "decrypt", opened).await;
    assert_eq!((&opened["valid"], &opened["inside"]["claims"]["sub"]), (&json!(true), &json!("ada")));
}

#[tokio::test]
async fn keys_and_sets() {
    let plane = Plane::new().await;
    let (signer, _, public) = signed();
    let pem = ask(
        &plane,
        "keys/convert",
        json!({ "keys": key(&private(&signer)), "to": "pem", "container": "sec1" }),
    )
    .await;
    assert!(pem["text"].as_str().unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----"));
    let back =
        json!({ "keys": [{ "pem": pem["text"] }], "to": "jwks", "public": true, "thumbprint_as_kid": true });
    let back = ask(&plane, "keys/convert", back).await;
    let set: Value = serde_json::from_str(back["text"].as_str().unwrap()).unwrap();
    assert_eq!((&set["keys"][0]["x"], &back["private"]), (&public["x"], &json!(false)));
    let prints = ask(&plane, "keys/thumbprint", json!({ "keys": key(&public) })).await;
    assert_eq!(prints["thumbprints"][0]["thumbprint"], set["keys"][0]["kid"]);
    let weak = ask(&plane, "keys/audit", json!({ "keys": [{ "secret": "secret", "alg": "HS256" }] })).await;
    assert_eq!(weak["sound"], false);
    let leaked = ask(&plane, "jwks/audit", json!({ "jwks": { "keys": [private(&signer)] } })).await;
    assert_eq!((&leaked["sound"], codes(&leaked)[0]), (&json!(false), "private_in_public_set"));
    // A member twice is lost on the way through most libraries, and found here.
    let twice = "{\"jwks\":{\"keys\":[],\"keys\":[]}}";
    let request = Request::post("/workbench/v1/jwks/audit").header("content-type", "application/json");
    let mut request = request.body(Body::from(twice)).unwrap();
    request.extensions_mut().insert(Entrance::Socket { uid: 0 });
    assert_eq!(codes(&plane.send(request).await.good()), ["json_duplicate_member"]);
    let changed = json!({ "before": { "keys": [public] }, "after": { "keys": [] } });
    let changed = ask(&plane, "jwks/diff", changed).await;
    assert_eq!((&changed["same"], changed["removed"].as_array().unwrap().len()), (&json!(false), 1));
}

#[tokio::test]
async fn every_sort_of_refusal() {
    let plane = Plane::new().await;
    let (signer, token, public) = signed();
    for (operation, body, name) in [
        ("decode", json!({ "token": "x", "now": "soon" }), "now_malformed"),
        ("verify", json!({ "token": token, "keys": [{}] }), "key_form"),
        ("verify", json!({ "token": token, "algorithms": ["none"] }), "alg_none"),
        (
            "verify",
            json!({ "token": token, "issuer": "https://a", "expect": { "issuer": "https://b" } }),
            "issuer_twice",
        ),
        ("explain", json!({ "token": token, "tokens": vec!["x"; 17] }), "too_many_tokens"),
        ("sign", json!({ "claims": {}, "keys": key(&public) }), "key_not_private"),
        ("encrypt", json!({ "content": { "text": "x" }, "keys": key(&public) }), "key_not_for"),
        ("decrypt", json!({ "token": ENCRYPTED_TOKEN }), "no_keys"),
        ("keys/generate", json!({ "algorithm": "RS256", "bits": 4096 }), "rsa_too_large"),
        ("keys/convert", json!({ "keys": [{ "secret": "x" }], "to": "pem" }), "key_container"),
        ("keys/thumbprint", json!({ "keys": [{ "pem": "x" }] }), "pem_missing"),
        ("keys/audit", json!({ "keys": [{ "jwks": { "keys": [] } }] }), "key_form"),
        ("jwks/diff", json!({ "before": { "keys": [] }, "after": {} }), "key_member_missing"),
        ("jwks/fetch", json!({}), "fetch_form"),
    ] {
        let (status, code, detail) = refused(&plane, operation, body).await;
        assert_eq!((status, code.as_str()), (400, "parameter_invalid"), "{operation}: {detail}");
        assert!(detail.ends_with(&format!("({name})")), "{operation}: {detail}");
    }
    // Shape: a member that is not described, of another type, or not there.
    for (operation, body, says) in [
        ("decode", json!({ "token": "x", "verify": true }), "unknown field `verify`"),
        ("sign", json!({ "claims": [], "keys": key(&private(&signer)) }), "`claims`"),
        ("jwks/audit", json!({ "jwks": [] }), "`jwks`"),
        ("keys/convert", json!({ "keys": [] }), "missing field `to`"),
    ] {
        let (status, code, detail) = refused(&plane, operation, body).await;
        assert!(
            status == 400 && code == "parameter_invalid" && detail.contains(says),
            "{operation}: {detail}"
        );
    }
    let (status, code, _) = refused(&plane, "decode", json!({ "token": "a".repeat(300 << 10) })).await;
    assert_eq!((status, code.as_str()), (413, "body_too_large"));
    let get = plane.call(As::Socket, Method::GET, "/workbench/v1/decode", None).await;
    assert_eq!((get.status.as_u16(), get.code()), (405, "method_not_allowed"));
    let nowhere = plane.call(As::Socket, Method::POST, "/workbench/v1/brew", Some(&json!({}))).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.code()), (404, "resource_not_found"));
    // A token that is no good is the answer, not a refusal: and no 401, which would be about who asks.
    assert_eq!(ask(&plane, "verify", json!({ "token": "x" })).await["refused"]["code"], "token_malformed");
}

/// What an attacker sends is an answer of the gate's own strictness.
#[tokio::test]
async fn attacks() {
    let plane = Plane::new().await;
    let key = SigningKey::generate(Alg::RS256).unwrap();
    let pem = key.public_jwk().unwrap().to_public_pem().unwrap();
    let token = encode(&Protected::new(), CLAIMS, &key).unwrap();
    // Key confusion (CVE-2015-9235): the PEM as a secret, or the algorithm of secrets for the PEM.
    let (_, _, detail) =
        refused(&plane, "verify", json!({ "token": token, "keys": [{ "secret": pem }] })).await;
    assert!(detail.contains("secret_is_key"), "{detail}");
    let hs = "eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let answer =
        ask(&plane, "verify", json!({ "token": hs, "keys": [{ "pem": pem }], "algorithms": ["HS256"] }))
            .await;
    assert_eq!((&answer["valid"], &answer["refused"]["name"]), (&json!(false), &json!("key_unknown")));
    // RSA1_5 is an oracle, so it is not read for strangers, asked for or not.
    let (_, _, detail) = refused(&plane, "decrypt", json!({ "token": "x", "rsa1_5": true })).await;
    assert!(detail.contains("encryption_alg_not_allowed"), "{detail}");
    let rsa = json!({ "alg": "RSA1_5", "enc": "A128GCM" }).to_string();
    let header = base64url(rsa.as_bytes());
    let message = format!("{header}.{}.{}.AAAA.{}", "A".repeat(342), "A".repeat(16), "A".repeat(22));
    let own = ask(&plane, "keys/generate", json!({ "kty": "RSA", "bits": 2048 })).await;
    let answer = ask(&plane, "decrypt", json!({ "token": message, "keys": [{ "jwk": own["jwk"] }] })).await;
    assert_eq!(answer["refused"]["name"], "encryption_alg_not_allowed");
    // `none`, in any spelling.
    for none in ["none", "None", "nOnE"] {
        let header = base64url(json!({ "alg": none }).to_string().as_bytes());
        let unsigned = format!("{header}.{}.", token.split('.').nth(1).unwrap());
        let answer = ask(&plane, "verify", json!({ "token": unsigned, "keys": [{ "pem": pem }] })).await;
        assert_eq!((&answer["valid"], &answer["refused"]["name"]), (&json!(false), &json!("alg_none")));
    }
    // More derivations than are spent on one request.
    let many = json!({ "keys": vec![json!({ "pem": ENCRYPTED, "password": "x" }); 2], "to": "pem" });
    let (_, _, detail) = refused(&plane, "keys/convert", many).await;
    assert!(detail.contains("key_password"), "the first is tried, and does not open: {detail}");
    let (_, _, detail) =
        refused(&plane, "keys/audit", json!({ "keys": vec![json!({ "pem": ENCRYPTED }); 2] })).await;
    assert!(detail.contains("pem_encrypted"), "{detail}");
}

/// A message whose shape is sound.
const ENCRYPTED_TOKEN: &str =
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA";

/// A sound EncryptedPrivateKeyInfo (PBES2, AES-256-CBC, 2048 rounds) around nothing that any password opens.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMH0wSQYJKoZIhvcNAQUNMDwwGwYJKoZIhvcNAQUMMA4ECAAAAAAAAAAAAgIIADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";

fn base64url(bytes: &[u8]) -> String {
    // The library has it, in what it signs.
    let key = SigningKey::generate(Alg::EdDSA).unwrap();
    let token = portcullis_jose::jws::sign_compact(&Protected::new(), bytes, &key).unwrap();
    token.split('.').nth(1).unwrap().to_owned()
}

/// Operations take turns; none is lost, and none waits for ever.
#[tokio::test]
async fn many_at_once() {
    let plane = Arc::new(Plane::new().await);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let plane = plane.clone();
        all.spawn(async move {
            plane.post("/workbench/v1/keys/generate", json!({ "algorithm": "ES256" })).await.status.as_u16()
        });
    }
    while let Some(status) = all.join_next().await {
        assert!([200, 503].contains(&status.unwrap()));
    }
}
