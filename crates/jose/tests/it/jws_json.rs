//! JSON serialisations, several signatures, detached and unencoded payloads.

use portcullis_jose::jws::{
    Message, Placement, Policy, Reading, sign_detached, sign_flattened, sign_general,
};
use portcullis_jose::{Alg, Algs, Protected, Unverified, VerifyingKey};
use serde_json::{Value, json};

use crate::support::{b64, key};
use crate::vectors::{counted, files, folder, json as read, jwk, text};

const PAYLOAD: &[u8] = b"a payload of any kind \xff";

fn everything() -> Algs {
    Algs::of(&Alg::ALL)
}

fn public(algs: &[Alg]) -> Vec<VerifyingKey> {
    algs.iter().map(|alg| key(*alg).verifying_key()).collect()
}

/// The message of three signers.
fn three() -> String {
    let plain = Protected::new();
    let signers: Vec<_> =
        [Alg::ES256, Alg::RS256, Alg::HS256].into_iter().map(|alg| (&plain, key(alg))).collect();
    sign_general(PAYLOAD, &signers, Placement::Attached).unwrap()
}

#[test]
fn a_policy_says_which_signatures_must_count() {
    use Policy::{All, Any, EveryKey};
    for (keys, policy, want) in [
        (&[Alg::ES256, Alg::RS256, Alg::HS256][..], All, true),
        (&[Alg::ES256, Alg::RS256], All, false),
        (&[Alg::ES256, Alg::RS256], EveryKey, true),
        (&[Alg::ES256, Alg::RS256, Alg::HS256], EveryKey, true),
        (&[Alg::ES256, Alg::ES384], EveryKey, false),
        (&[Alg::ES384, Alg::HS256], Any, true),
        (&[Alg::ES384], Any, false),
        (&[], Any, false),
        (&[], All, false),
        (&[], EveryKey, false),
    ] {
        let message = Message::parse(three().as_bytes(), Reading::new()).unwrap();
        let verified = message.verify(&public(keys), everything(), policy);
        assert_eq!(verified.is_ok(), want, "{keys:?} {policy:?}");
        match verified {
            Ok(signed) => assert_eq!(signed.payload(), PAYLOAD),
            Err(error) => assert_eq!(error.signers.len() + error.refused.len(), 3, "{error}"),
        }
    }
    // What the caller does not allow does not count.
    let message = Message::parse(three().as_bytes(), Reading::new()).unwrap();
    let keys = public(&[Alg::ES256, Alg::RS256, Alg::HS256]);
    let error = message.verify(&keys, Algs::of(&[Alg::ES256]), All).unwrap_err();
    assert_eq!(
        error.refused.iter().map(|(at, error)| (*at, error.name())).collect::<Vec<_>>(),
        [(1, "alg_not_allowed"), (2, "alg_not_allowed")]
    );
}

#[test]
fn one_key_named_twice_is_one_key() {
    let only = sign_flattened(&Protected::new(), PAYLOAD, key(Alg::ES256), Placement::Attached).unwrap();
    let keys = public(&[Alg::ES256, Alg::ES256]);
    let message = Message::parse(only.as_bytes(), Reading::new()).unwrap();
    assert!(message.verify(&keys, everything(), Policy::EveryKey).is_ok());
    let both = public(&[Alg::ES256, Alg::ES384]);
    let message = Message::parse(only.as_bytes(), Reading::new()).unwrap();
    assert!(message.verify(&both, everything(), Policy::EveryKey).is_err());
}

#[test]
fn any_changed_byte_refuses() {
    let message: Value = serde_json::from_str(&three()).unwrap();
    let keys = public(&[Alg::ES256, Alg::RS256, Alg::HS256]);
    let counts = |message: &Value| {
        Message::parse(message.to_string().as_bytes(), Reading::new())
            .is_ok_and(|message| message.verify(&keys, everything(), Policy::All).is_ok())
    };
    assert!(counts(&message));
    let mut payload = message.clone();
    payload["payload"] = b64(b"another payload").into();
    assert!(!counts(&payload));
    for i in 0..3 {
        let mut header = message.clone();
        header["signatures"][i]["header"] = json!({"alg": "none"});
        assert!(!counts(&header), "a parameter twice");
        let mut swapped = message.clone();
        swapped["signatures"][i]["signature"] = message["signatures"][(i + 1) % 3]["signature"].clone();
        assert!(!counts(&swapped));
    }
}

#[test]
fn a_detached_payload_is_the_caller_s() {
    let plain = Protected::new();
    for alg in [Alg::ES256, Alg::HS256, Alg::EdDSA] {
        let own = [key(alg).verifying_key()];
        for (unencoded, reading) in [(false, Reading::new()), (true, Reading::new().also_unencoded())] {
            let token = sign_detached(&plain, PAYLOAD, key(alg), unencoded).unwrap();
            assert!(token.contains(".."));
            let verify = |payload: &[u8]| {
                Message::parse_detached(token.as_bytes(), payload, reading)
                    .unwrap()
                    .verify(&own, everything(), Policy::All)
                    .is_ok()
            };
            assert!(verify(PAYLOAD));
            assert!(!verify(b"another"));
            assert!(!verify(b""));
            // Nor does it pass for a token that carries its payload.
            assert!(Unverified::parse(&token).is_err());
        }
        let unencoded = sign_detached(&plain, PAYLOAD, key(alg), true).unwrap();
        let refused = Message::parse_detached(unencoded.as_bytes(), PAYLOAD, Reading::new()).unwrap_err();
        assert_eq!(refused.name(), "payload_unencoded", "only when asked for");
        let flat = sign_flattened(&plain, PAYLOAD, key(alg), Placement::Detached).unwrap();
        assert_eq!(Message::parse(flat.as_bytes(), Reading::new()).unwrap_err().name(), "payload_missing");
        assert!(Message::parse_detached(flat.as_bytes(), PAYLOAD, Reading::new()).is_ok());
        let attached = sign_flattened(&plain, PAYLOAD, key(alg), Placement::Attached).unwrap();
        let twice = Message::parse_detached(attached.as_bytes(), PAYLOAD, Reading::new()).unwrap_err();
        assert_eq!(twice.name(), "payload_twice");
    }
    let jwt = Protected::new().typ("at+jwt");
    assert_eq!(sign_detached(&jwt, PAYLOAD, key(Alg::ES256), true).unwrap_err().name(), "sign_unencoded_jwt");
}

#[test]
fn shapes_have_names() {
    let unencoded = Reading::new().also_unencoded();
    let flat = |protected: &str| {
        json!({"payload": "YQ", "protected": b64(protected), "signature": "AA"}).to_string()
    };
    for (message, want) in [
        (String::new(), "token_empty"),
        ("[]".to_owned(), "json_not_an_object"),
        ("{}".to_owned(), "alg_missing"),
        (flat(r#"{"alg":"RS256","b64":false}"#), "payload_unencoded_malformed"),
        (flat(r#"{"alg":"RS256","b64":0,"crit":["b64"]}"#), "payload_unencoded_malformed"),
        (flat(r#"{"alg":"RS256","typ":"JWT","b64":false,"crit":["b64"]}"#), "payload_unencoded"),
        (flat(r#"{"alg":"RS256","b64":false,"crit":["b64","x"],"x":1}"#), "crit_unknown"),
        (flat(r#"{"alg":"RS256","crit":["b64"]}"#), "crit_malformed"),
        (
            r#"{"payload":"YQ","header":{"alg":"RS256","crit":["b64"]},"signature":"AA"}"#.into(),
            "header_parameter_unprotected",
        ),
        (
            r#"{"payload":"YQ","header":{"alg":"RS256","b64":false},"signature":"AA"}"#.into(),
            "header_parameter_unprotected",
        ),
        (r#"{"payload":"YQ","header":[],"signature":"AA"}"#.into(), "json_not_an_object"),
        (
            r#"{"payload":"YQ","protected":"","header":{"alg":"RS256"},"signature":"AA"}"#.into(),
            "token_part_empty",
        ),
        (r#"{"payload":"YQ","header":{"alg":"RS256"}}"#.into(), "token_part_empty"),
        (r#"{"payload":7,"header":{"alg":"RS256"},"signature":"AA"}"#.into(), "jws_member"),
        (r#"{"payload":"YQ==","header":{"alg":"RS256"},"signature":"AA"}"#.into(), "base64_padding"),
        (r#"{"payload":"YQ","signatures":[],"signature":"AA"}"#.into(), "jws_mixed"),
        (r#"{"payload":"YQ","signatures":[]}"#.into(), "jws_member"),
        (r#"{"payload":"YQ","signatures":[1]}"#.into(), "jws_member"),
        (format!(r#"{{"payload":"YQ","signatures":[{}1]}}"#, "1,".repeat(16)), "jws_too_many_signatures"),
        (r#"{"payload":"YQ","payload":"YQ"}"#.into(), "json_duplicate_member"),
    ] {
        assert_eq!(
            Message::parse(message.as_bytes(), unencoded).expect_err(&message).name(),
            want,
            "{message}"
        );
    }
    let mixed = json!({"payload": "YQ", "signatures": [
        {"protected": b64(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#), "signature": "AA"},
        {"protected": b64(r#"{"alg":"RS256"}"#), "signature": "AA"}]});
    let refused = Message::parse(mixed.to_string().as_bytes(), unencoded).unwrap_err();
    assert_eq!(refused.name(), "payload_unencoded_malformed");
    for (token, want) in [
        ("a.b.c", "payload_twice"),
        ("..", "token_part_empty"),
        ("a.b", "token_parts"),
        ("a....", "token_parts"),
    ] {
        assert_eq!(
            Message::parse_detached(token.as_bytes(), b"", unencoded).unwrap_err().name(),
            want,
            "{token}"
        );
    }
}

/// Reads every form of one case of the cookbook; says how many there were.
fn recipe(case: &Value, what: &str) -> usize {
    let keys: Vec<VerifyingKey> = match &case["input"]["key"] {
        Value::Array(keys) => keys.iter().map(|key| jwk(key).verifying_key().unwrap()).collect(),
        one => vec![jwk(one).verifying_key().unwrap()],
    };
    let payload = text(&case["input"], "payload").as_bytes();
    let mut checked = 0;
    for form in ["json", "json_flat"] {
        let message = &case["output"][form];
        if message.is_null() {
            continue;
        }
        let (bytes, reading) = (message.to_string(), Reading::new().also_unencoded());
        let parsed = match message["payload"] {
            Value::Null => Message::parse_detached(bytes.as_bytes(), payload, reading),
            _ => Message::parse(bytes.as_bytes(), reading),
        };
        let signed = parsed
            .unwrap_or_else(|error| panic!("{what}: {error}"))
            .verify(&keys, everything(), Policy::All)
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(signed.payload(), payload, "{what}");
        checked += 1;
    }
    if let Some(compact) = case["output"]["compact"].as_str().filter(|token| token.contains("..")) {
        let reading = Reading::new().also_unencoded();
        let message = Message::parse_detached(compact.as_bytes(), payload, reading).unwrap();
        assert!(message.verify(&keys, everything(), Policy::All).is_ok(), "{what}");
        checked += 1;
    }
    checked
}

#[test]
fn vectors() {
    let Some(folder) = folder() else { return };
    let cookbook = folder.join("ietf-jose-cookbook");
    let cases = files(&cookbook.join("jws"), "json").into_iter();
    let cases = cases
        .chain([cookbook.join("curve25519/jws.json"), cookbook.join("rfc7797/hmac-sha2_b64_false.json")]);
    let checked = cases.map(|path| recipe(&read(&path), &path.display().to_string())).sum();
    counted("cookbook: signatures, in JSON and detached", checked);
    let panva = read(&folder.join("panva-jose/jws.json"));
    let panva = panva.as_array().unwrap().iter().map(|case| recipe(case, text(case, "title")));
    counted("panva: signatures, in JSON and detached", panva.sum());
    let rfcs = read(&folder.join("rfc/rfc_vectors.json"));
    let mut checked = 0;
    for case in rfcs["vectors"].as_array().unwrap() {
        if case["kind"] == "jws-flattened-json-b64false" {
            let own = [jwk(&case["jwk"]).verifying_key().unwrap()];
            let reading = Reading::new().also_unencoded();
            let flat = Message::parse(case["token"].to_string().as_bytes(), reading).unwrap();
            assert!(flat.verify(&own, everything(), Policy::All).is_ok());
            let detached = text(case, "detached_compact").as_bytes();
            let detached =
                Message::parse_detached(detached, text(case, "payload").as_bytes(), reading).unwrap();
            assert!(detached.verify(&own, everything(), Policy::All).is_ok());
            checked += 2;
        }
    }
    counted("rfc: unencoded payloads", checked);
    // Deliberate: one file of the cookbook writes `b64` without making it critical, which RFC 7797 §6 forbids.
    let sloppy = read(&cookbook.join("rfc7797/4.2.hmac-sha2_b64_false.json"))["output"]["json"].to_string();
    let refused = Message::parse(sloppy.as_bytes(), Reading::new().also_unencoded()).unwrap_err();
    assert_eq!(refused.name(), "payload_unencoded_malformed");
    counted("cookbook: unencoded payload that is not critical, refused", 1);
}
