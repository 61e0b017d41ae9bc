use super::super::at::tests::at;
use super::*;
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::{Curve, KeyKind};
use portcullis_jose::jws::{Placement, sign_detached, sign_general};
use portcullis_jose::{Alg, Jwk, Protected, SigningKey, encode};
use serde_json::json;

fn decode(token: &str) -> Answer {
    run(&Request { token: token.to_owned(), ..Request::default() }, &at()).unwrap()
}

fn codes(answer: &Answer) -> Vec<&str> {
    answer.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_token_with_what_was_pasted_around_it() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let claims = br#"{"iss":"https://idp.example","exp":1795319503,"scope":"a"}"#;
    let token = encode(&Protected::new().typ("JWT"), claims, &key).unwrap();
    let answer = decode(&token);
    assert!(answer.decoded && !answer.verified && answer.findings.is_empty() && answer.refused.is_none());
    assert_eq!((answer.kind, answer.signatures[0].signature_bytes), (Kind::AccessToken, 64));
    assert_eq!(answer.times["exp"].distance, "in 1 min");
    assert_eq!(answer.claims.as_ref().unwrap()["iss"], "https://idp.example");
    let pasted = decode(&format!("Authorization: Bearer {token}\n"));
    assert!(pasted.decoded && pasted.claims == answer.claims);
    assert_eq!(codes(&pasted), ["surrounding_space", "header_line_pasted", "scheme_prefix"]);
    let disclosed = decode(&format!("{token}~WyJzYWx0IiwieCIsMV0~"));
    assert_eq!((disclosed.kind, disclosed.decoded), (Kind::SdJwt, true));
}

#[test]
fn messages_of_every_form() {
    let key = SigningKey::generate(Alg::Ed25519).unwrap();
    let other = SigningKey::generate(Alg::ES256).unwrap();
    let header = Protected::new();
    let binary = portcullis_jose::jws::sign_compact(&header, b"\xff\x00", &key).unwrap();
    let answer = decode(&binary);
    assert_eq!((answer.kind, answer.refused.is_none()), (Kind::SignedMessage, true));
    assert_eq!(answer.payload.unwrap().base64url.as_deref(), Some("_wA"));
    let detached = sign_detached(&header, b"elsewhere", &key, true).unwrap();
    let answer = decode(&detached);
    assert!(answer.detached && answer.payload.is_none() && answer.refused.is_none(), "{:?}", answer.refused);
    let with = Request { token: detached, payload: Some(Content::of(b"elsewhere")), now: None };
    assert_eq!(run(&with, &at()).unwrap().payload.unwrap().text.as_deref(), Some("elsewhere"));
    let general =
        sign_general(b"{\"sub\":\"a\"}", &[(&header, &key), (&header, &other)], Placement::Attached).unwrap();
    let answer = decode(&general);
    assert_eq!((answer.serialization, answer.signatures.len()), (Some(Serialization::General), 2));
    assert_eq!(answer.claims.unwrap(), json!({ "sub": "a" }));
    let to = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let to = to.encryption_key(Some(KeyManagement::ECDH_ES_A128KW)).unwrap();
    let encryption = Encryption::new(Enc::A128GCM);
    for token in [
        encryption.compact(b"content", &to).unwrap(),
        encryption.flattened(b"content", &to).unwrap(),
        encryption.general(b"content", &[&to, &to]).unwrap(),
    ] {
        let answer = decode(&token);
        assert_eq!(
            (answer.kind, answer.ciphertext_bytes, answer.refused.is_none()),
            (Kind::Encrypted, Some(7), true)
        );
        assert_eq!(answer.header.as_ref().unwrap()["enc"], "A128GCM");
        assert!(
            answer.recipients.iter().all(|one| one.encrypted_key_bytes == 24) && answer.findings.is_empty()
        );
    }
}

#[test]
fn what_is_broken_is_shown_as_far_as_it_goes() {
    for (token, decoded, kind, code) in [
        ("", false, Kind::Unknown, "input_empty"),
        ("eyJhbGciOiJFUzI1NiJ9.e30", false, Kind::Unknown, "parts_missing"),
        ("2YotnFZFEjr1zCsicMWpAA", false, Kind::Opaque, "opaque_token"),
        (r#"{"kty":"oct","k":"AA"}"#, false, Kind::Key, "jwk_pasted"),
        ("-----BEGIN PUBLIC KEY-----", false, Kind::Key, "pem_pasted"),
        ("eyJhbGciOiJub25lIn0.e30.", true, Kind::Jwt, "alg_none"),
        ("eyJhbGciOiJFUzI1NiIsImFsZyI6IkVTMjU2In0.e30.AAAA", true, Kind::Jwt, "json_duplicate_member"),
        ("{ not json", false, Kind::Unknown, "json_pasted"),
    ] {
        let answer = decode(token);
        assert_eq!((answer.decoded, answer.kind), (decoded, kind), "{token}");
        assert_eq!(codes(&answer).first(), Some(&code), "{token}");
    }
    let twice = decode("eyJhbGciOiJFUzI1NiIsImFsZyI6IkVTMjU2In0.e30.AAAA").refused.unwrap();
    assert_eq!((twice.name, twice.code), ("json_duplicate_member", "token_malformed"));
}

#[test]
fn bounds() {
    let large = Request { token: "a".repeat(at().bounds.message + 1), ..Request::default() };
    assert_eq!(run(&large, &at()).unwrap_err().name, "token_too_large");
    let wrong = Request { payload: Some(Content::default()), ..Request::default() };
    assert_eq!(run(&wrong, &at()).unwrap_err().name, "content_form");
}
