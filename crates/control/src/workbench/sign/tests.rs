use super::super::at::tests::at;
use super::super::verify;
use super::*;
use portcullis_jose::Jwk;
use portcullis_jose::jwk::{Curve, KeyKind};
use serde_json::json;

fn request(json: Value) -> Request {
    serde_json::from_value(json).unwrap()
}

fn pair(alg: Alg) -> (Value, Value) {
    let key = SigningKey::generate(alg).unwrap();
    let json = |text: &str| serde_json::from_str(text).unwrap();
    let private = json(&key.jwk().to_private_json());
    (private, key.public_jwk().map_or(Value::Null, |key| json(&key.to_public_json().unwrap())))
}

fn verified(token: &str, more: Value) -> verify::Answer {
    let mut all = json!({ "token": token });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    verify::run(&serde_json::from_value(all).unwrap(), &at()).unwrap()
}

#[test]
fn what_is_signed_verifies_with_every_algorithm() {
    for alg in Alg::ALL {
        let (private, public) = pair(alg);
        let made = run(
            &request(json!({
                "claims": { "sub": "ada" }, "expires_in": "1h", "not_before_in": "0s", "token_id": true,
                "keys": [{ "jwk": private }],
            })),
            &at(),
        )
        .unwrap();
        assert_eq!(
            (made.headers[0]["alg"].as_str(), made.headers[0]["typ"].as_str()),
            (Some(alg.name()), Some("JWT"))
        );
        let claims = made.claims.unwrap();
        assert_eq!((&claims["exp"], &claims["iat"]), (&json!(1_795_323_043), &json!(1_795_319_443)));
        assert_eq!(claims["jti"], "AQIDBAUGBwgJCgsMDQ4PEA");
        let key = if public.is_null() { private } else { public };
        let answer = verified(&made.token, json!({ "keys": [{ "jwk": key }] }));
        assert!(answer.valid && answer.signers[0].key == "keys[0]", "{alg}");
    }
}

#[test]
fn every_form_verifies() {
    let ((a, public_a), (b, public_b)) = (pair(Alg::ES256), pair(Alg::Ed25519));
    let payload = json!({ "base64": "_wD_" });
    for (form, detached, unencoded) in [
        ("compact", false, false),
        ("compact", true, false),
        ("compact", true, true),
        ("flattened", false, false),
        ("flattened", true, false),
        ("flattened", true, true),
        ("general", false, false),
        ("general", true, true),
    ] {
        let made = run(
            &request(json!({ "payload": payload, "keys": [{ "jwk": a }], "serialization": form, "detached": detached,
                "unencoded": unencoded })),
            &at(),
        )
        .unwrap();
        let mut more = json!({ "keys": [{ "jwk": public_a }], "any_payload": true });
        if detached {
            more["payload"] = payload.clone();
        }
        let answer = verified(&made.token, more.clone());
        assert!(answer.valid, "{form} {detached} {unencoded}: {:?}", answer.refused);
        assert_eq!(answer.payload.unwrap().to_bytes(), [0xff, 0, 0xff]);
        if detached {
            more["payload"] = json!({ "text": "another" });
            assert!(!verified(&made.token, more).valid);
        }
    }
    let both =
        run(&request(json!({ "payload": payload, "keys": [{ "jwk": a }, { "jwk": b }] })), &at()).unwrap();
    assert_eq!((both.serialization, both.headers.len()), (Serialization::General, 2));
    for (keys, policy, valid) in [
        (json!([{ "jwk": public_a }, { "jwk": public_b }]), "all", true),
        (json!([{ "jwk": public_a }, { "jwk": public_b }]), "every_key", true),
        (json!([{ "jwk": public_b }]), "any", true),
        (json!([{ "jwk": public_b }]), "all", false),
        (json!([]), "any", false),
    ] {
        let answer = verified(&both.token, json!({ "keys": keys, "policy": policy }));
        assert_eq!(answer.valid, valid, "{policy}");
        assert_eq!(answer.refused_signatures.is_empty(), valid, "{policy}");
    }
}

#[test]
fn what_cannot_be_signed_is_said() {
    let (private, public) = pair(Alg::ES256);
    let bare = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let secret = json!({ "secret": "0123456789abcdef".repeat(4) });
    for (json, name, place) in [
        (json!({ "keys": [{ "jwk": private }] }), "content_form", "claims"),
        (
            json!({ "claims": {}, "payload": { "text": "x" }, "keys": [{ "jwk": private }] }),
            "content_form",
            "payload",
        ),
        (json!({ "payload": { "text": "x" }, "expires_in": "1h", "keys": [] }), "content_form", "payload"),
        (json!({ "claims": { "exp": 1 }, "expires_in": "1h", "keys": [] }), "claim_twice", "claims.exp"),
        (json!({ "claims": {}, "keys": [] }), "sign_no_key", "keys"),
        (json!({ "claims": {}, "keys": [{ "jwk": public }] }), "key_not_private", "keys[0]"),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "algorithm": "RS256" }),
            "key_alg_mismatch",
            "keys[0]",
        ),
        (json!({ "claims": {}, "keys": [{ "jwk": private }], "algorithm": "none" }), "alg_none", "algorithm"),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "header": { "alg": "none" } }),
            "alg_none",
            "algorithm",
        ),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "header": { "crit": ["x"] } }),
            "header_parameter",
            "header.crit",
        ),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "header": { "kid": 1 } }),
            "header_parameter",
            "header.kid",
        ),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "unencoded": true }),
            "unencoded_attached",
            "unencoded",
        ),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }], "header": { "typ": "JWT" }, "detached": true, "unencoded": true }),
            "sign_unencoded_jwt",
            "header",
        ),
        (
            json!({ "claims": {}, "keys": [{ "jwk": private }, { "jwk": private }], "serialization": "compact" }),
            "serialization_one_key",
            "serialization",
        ),
        (json!({ "claims": {}, "keys": [secret] }), "key_alg_ambiguous", "keys[0]"),
        (
            json!({ "claims": {}, "keys": [{ "secret": "short" }], "algorithm": "HS256" }),
            "key_alg_mismatch",
            "keys[0]",
        ),
        (
            json!({ "claims": {}, "keys": [{ "secret": bare.to_public_pem().unwrap() }], "algorithm": "HS256" }),
            "secret_is_key",
            "keys[0]",
        ),
    ] {
        let problem = run(&request(json.clone()), &at()).unwrap_err();
        // A secret that is too short for its algorithm is said so in either of two ways.
        let same = problem.name == name || (name == "key_alg_mismatch" && problem.name == "secret_too_short");
        assert!(same && problem.place == place, "{json}: {problem:?}");
    }
}
