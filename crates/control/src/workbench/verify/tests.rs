use super::super::at::tests::at;
use super::*;
use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};
use portcullis_jose::jws::sign_compact;
use portcullis_jose::{Alg, Jwk, Protected, Secret, SigningKey, encode};
use serde_json::json;

/// One minute after `at`.
const SOON: &[u8] =
    br#"{"iss":"https://idp.example","sub":"ada","aud":"api","exp":1795319503,"iat":1795319443}"#;

fn verify(request: &Request) -> Answer {
    run(request, &at()).unwrap()
}

fn with(token: &str, keys: Vec<GivenKey>) -> Request {
    Request { token: token.to_owned(), keys, ..Request::default() }
}

fn public(key: &SigningKey) -> GivenKey {
    GivenKey::published(format!("{{\"keys\":[{}]}}", key.public_jwk().unwrap().to_public_json().unwrap()))
}

fn why(answer: &Answer) -> &'static str {
    assert!(!answer.valid && answer.claims.is_none() && answer.payload.is_none());
    answer.refused.as_ref().unwrap().name
}

fn codes(answer: &Answer) -> Vec<&'static str> {
    answer.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn all_that_is_wrong_is_said() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let token = encode(&Protected::new().typ("JWT"), SOON, &key).unwrap();
    let good = verify(&with(&token, vec![public(&key)]));
    assert!(good.valid && good.findings.is_empty() && good.claims.unwrap()["sub"] == "ada");
    assert_eq!((good.signers[0].key.as_str(), good.signers[0].algorithm), ("keys[0].keys[0]", "ES256"));
    assert_eq!((good.header.unwrap()["typ"].as_str(), good.times["exp"].seconds), (Some("JWT"), 60));
    let expect = Expectations {
        issuer: Some("https://idp.example/".into()),
        audiences: vec!["web".into()],
        types: vec!["at+jwt".into()],
        required: vec!["jti".into()],
        ..Expectations::default()
    };
    let bad = Request {
        expect: Some(expect),
        now: Some("2027-01-15T08:00:00Z".into()),
        ..with(&token, vec![public(&key)])
    };
    let bad = verify(&bad);
    let violations: Vec<_> = bad.violations.iter().map(|one| (one.name, one.code)).collect();
    assert_eq!(
        violations,
        [
            ("issuer_mismatch", "issuer_unknown"),
            ("expired", "token_expired"),
            ("audience_mismatch", "audience_mismatch"),
            ("type_mismatch", "token_type_mismatch"),
            ("claim_missing", "claim_missing"),
        ]
    );
    // The signature counts, so what it says is shown.
    assert!(!bad.valid && bad.refused.is_none() && bad.claims.is_some());
    assert_eq!(
        codes(&bad),
        [
            "signature_valid",
            "issuer_trailing_slash",
            "expired",
            "audience_mismatch",
            "type_mismatch",
            "claim_missing"
        ]
    );
    let late = Request { now: Some("1795319504".into()), ..with(&token, vec![public(&key)]) };
    assert!(!verify(&late).valid);
    let expect = Expectations { leeway: Some(portcullis_model::Span::seconds(5)), ..Expectations::default() };
    assert!(verify(&Request { expect: Some(expect), ..late }).valid);
}

#[test]
fn nothing_but_the_right_key_will_do() {
    let (key, other) = (SigningKey::generate(Alg::RS256).unwrap(), SigningKey::generate(Alg::RS256).unwrap());
    let token = encode(&Protected::new(), SOON, &key).unwrap();
    let unnamed = |key: &SigningKey| GivenKey::pem(key.public_jwk().unwrap().to_public_pem().unwrap());
    assert!(verify(&with(&token, vec![unnamed(&other), unnamed(&key)])).valid);
    assert_eq!(why(&verify(&with(&token, vec![]))), "key_unknown");
    assert_eq!(why(&verify(&with(&token, vec![public(&other)]))), "key_unknown");
    assert_eq!(why(&verify(&with(&token, vec![unnamed(&other)]))), "signature_mismatch");
    assert_eq!(codes(&verify(&with(&token, vec![public(&other)]))), ["kid_unknown"]);
    // A key for something else is said to be so, and not used.
    let encrypting = GivenKey { alg: Some("RSA-OAEP".into()), ..unnamed(&key) };
    let answer = verify(&with(&token, vec![encrypting]));
    assert_eq!((why(&answer), answer.unused[0].key.as_str()), ("key_unknown", "keys[0]"));
    let named = |algorithms: &[&str]| Request {
        algorithms: algorithms.iter().map(|name| (*name).to_owned()).collect(),
        ..with(&token, vec![unnamed(&key)])
    };
    assert!(verify(&named(&["RS256"])).valid);
    assert_eq!(why(&verify(&named(&["PS256", "ES256"]))), "alg_not_allowed");
    assert_eq!(run(&named(&["none"]), &at()).unwrap_err().name, "alg_none");
    // An issuer that publishes a private key has none.
    let leaked = GivenKey::published(format!("{{\"keys\":[{}]}}", *key.jwk().to_private_json()));
    let answer = verify(&with(&token, vec![leaked]));
    assert_eq!((why(&answer), answer.left_out[0].name), ("key_unknown", "private_in_public_set"));
}

/// CVE-2015-9235 and its children: the public key of RS256 as the secret of HS256.
#[test]
fn a_public_key_is_never_a_secret() {
    let key = SigningKey::generate(Alg::RS256).unwrap();
    let public = key.public_jwk().unwrap();
    let pem = public.to_public_pem().unwrap();
    // The library refuses to sign with it, so the attacker writes it by hand: HMAC over a key that only looks like one.
    let mut padded = pem.clone().into_bytes();
    padded.retain(|byte| *byte != b'-');
    let secret = Secret::new(padded).unwrap().signing_key(Alg::HS256).unwrap();
    let forged = encode(&Protected::new(), SOON, &secret).unwrap();
    for given in [
        GivenKey::pem(pem.as_str()),
        GivenKey::der(&public.to_public_der().unwrap()),
        GivenKey::jwk(public.to_public_json().unwrap()),
    ] {
        for algorithms in [vec![], vec!["HS256".to_owned()], vec!["HS256".to_owned(), "RS256".to_owned()]] {
            let answer = verify(&Request { algorithms, ..with(&forged, vec![given.clone()]) });
            assert!(["alg_not_allowed", "key_unknown"].contains(&why(&answer)), "{answer:?}");
        }
    }
    let as_secret = with(&forged, vec![GivenKey::secret(pem.as_bytes())]);
    assert_eq!(run(&as_secret, &at()).unwrap_err().name, "secret_is_key");
    let bound = with(&forged, vec![GivenKey::pem(pem).with_alg("HS256")]);
    assert_eq!(run(&bound, &at()).unwrap_err().name, "key_alg_mismatch");
    // And where the secret is at hand too, the token does not choose between them.
    let both = vec![
        GivenKey::jwk(public.to_public_json().unwrap()),
        GivenKey::secret(b"0123456789abcdef0123456789abcdef"),
    ];
    assert_eq!(why(&verify(&with(&forged, both))), "signature_mismatch");
}

#[test]
fn unsigned_and_misshapen_tokens() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let token = encode(&Protected::new(), SOON, &key).unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    for (token, name, code) in [
        (unsigned.as_str(), "alg_none", "algorithm_not_allowed"),
        ("", "token_empty", "token_malformed"),
        ("a.b", "token_parts", "token_malformed"),
        (&format!("Bearer {token}"), "base64_white_space", "token_malformed"),
        (&format!("{token}="), "base64_padding", "token_malformed"),
        ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA", "token_encrypted", "token_encrypted"),
        ("{}", "alg_missing", "token_malformed"),
    ] {
        let answer = verify(&with(token, vec![public(&key)]));
        let refused = answer.refused.clone().unwrap();
        assert_eq!((why(&answer), refused.code), (name, code), "{token}");
    }
    let pasted = verify(&with(&format!("Bearer {token}"), vec![public(&key)]));
    assert_eq!(pasted.refused.as_ref().unwrap().at, Some(6));
    // Nothing is repaired here, but the explanation says what would be.
    assert!(
        codes(&pasted).contains(&"scheme_prefix") && pasted.findings[0].repaired.as_deref() == Some(&token)
    );
}

#[test]
fn payloads_that_are_no_claims() {
    let key = SigningKey::generate(Alg::EdDSA).unwrap();
    let token = sign_compact(&Protected::new(), b"\xff not json", &key).unwrap();
    let strict = verify(&with(&token, vec![public(&key)]));
    assert_eq!(why(&strict), "json_utf8");
    let any = Request { any_payload: true, ..with(&token, vec![public(&key)]) };
    let answer = verify(&any);
    assert!(answer.valid && answer.payload.unwrap().to_bytes() == b"\xff not json");
    let expecting = Request { expect: Some(Expectations::default()), ..any.clone() };
    let answer = verify(&expecting);
    assert_eq!((answer.valid, answer.violations[0].name), (false, "payload_not_claims"));
    // A claims set stays one, whatever is allowed: it has to expire.
    let eternal = encode(&Protected::new(), b"{}", &key).unwrap();
    let answer = verify(&Request { any_payload: true, ..with(&eternal, vec![public(&key)]) });
    assert_eq!((answer.valid, answer.violations[0].name), (false, "time_missing"));
    let other = SigningKey::generate(Alg::EdDSA).unwrap();
    assert_eq!(why(&verify(&Request { keys: vec![public(&other)], ..any })), "key_unknown");
}

#[test]
fn claims_of_messages_are_judged_when_that_is_asked() {
    let key = SigningKey::generate(Alg::ES384).unwrap();
    let header = Protected::new().typ("at+jwt");
    let message = jws::sign_flattened(&header, SOON, &key, jws::Placement::Attached).unwrap();
    assert!(verify(&with(&message, vec![public(&key)])).valid);
    let judged = |now: &str, types: &[&str]| {
        let types = types.iter().map(|typ| (*typ).to_owned()).collect();
        let expect = Some(Expectations { types, ..Expectations::default() });
        verify(&Request { expect, now: Some(now.to_owned()), ..with(&message, vec![public(&key)]) })
    };
    assert!(judged("1795319443", &["at+jwt"]).valid);
    let bad = judged("1800000000", &["dpop+jwt"]);
    let names: Vec<_> = bad.violations.iter().map(|one| one.name).collect();
    assert_eq!(names, ["expired", "type_mismatch"]);
}

#[test]
fn explaining_agrees_with_verifying() {
    let (key, other) = (SigningKey::generate(Alg::ES256).unwrap(), SigningKey::generate(Alg::ES256).unwrap());
    let token = encode(&Protected::new(), SOON, &key).unwrap();
    let cut = &token[..token.len() - 4];
    let keys = [vec![], vec![public(&key)], vec![public(&other)], vec![public(&other), public(&key)]];
    for token in [&token, cut, "eyJhbGciOiJub25lIn0.e30.", "x"] {
        for keys in &keys {
            for now in ["1795319443", "1800000000"] {
                for expect in
                    [None, Some(Expectations { audiences: vec!["web".into()], ..Expectations::default() })]
                {
                    let request = Request { now: Some(now.into()), expect, ..with(token, keys.clone()) };
                    let explained = super::super::explain::Request {
                        token: request.token.clone(),
                        keys: keys.clone(),
                        expect: request.expect.clone(),
                        now: request.now.clone(),
                        ..Default::default()
                    };
                    let explained = super::super::explain::run(&explained, &at()).unwrap();
                    assert_eq!(verify(&request).valid, explained.valid, "{token}");
                }
            }
        }
    }
}

#[test]
fn requests_that_cannot_be_carried_out() {
    let short = with("x", vec![GivenKey::secret(b"short")]);
    let large = Request { token: "a".repeat(at().bounds.message + 1), ..Request::default() };
    let url = Request { jwks_url: Some("https://idp.example".into()), ..Request::default() };
    let now = Request { now: Some("soon".into()), ..Request::default() };
    let expect = Request {
        expect: Some(Expectations { audience_claim: Some("azp".into()), ..Expectations::default() }),
        ..Request::default()
    };
    for (request, name) in [
        (short, "secret_too_short"),
        (large, "token_too_large"),
        (url, "keys_not_fetched"),
        (now, "now_malformed"),
        (expect, "expectation_malformed"),
    ] {
        assert_eq!(run(&request, &at()).unwrap_err().name, name);
    }
    // More work than one request may make.
    let rsa = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap();
    let signer = rsa.signing_key(Some(Alg::RS256)).unwrap();
    let header = Protected::new();
    let many: Vec<_> = (0..16).map(|_| (&header, &signer)).collect();
    let message = jws::sign_general(b"x", &many, jws::Placement::Attached).unwrap();
    let key = GivenKey::jwk(rsa.to_public_json().unwrap());
    assert!(verify(&with(&message, vec![key.clone(); 32])).valid);
    let other = GivenKey::jwk(Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().to_public_json().unwrap());
    let much = with(&message, [vec![key; 32], vec![other]].concat());
    assert_eq!(run(&much, &at()).unwrap_err().name, "too_many_trials");
}

#[test]
fn requests_are_read_strictly() {
    let read = |json: Value| crate::input::parse::<Request>(json.to_string().as_bytes()).map(|_| ());
    assert!(read(json!({ "token": "x", "keys": [{ "jwk": {} }], "policy": "every_key" })).is_ok());
    for wrong in [
        json!({}),
        json!({ "token": "x", "key": {} }),
        json!({ "token": "x", "keys": [{ "jwk": [] }] }),
        json!({ "token": "x", "keys": [{ "pem": "x", "passphrase": "x" }] }),
        json!({ "token": "x", "policy": "most" }),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}
