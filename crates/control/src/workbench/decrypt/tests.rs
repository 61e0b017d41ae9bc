use super::super::at::tests::at;
use super::super::{Content, encrypt, sign};
use super::*;
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::{Curve, KeyKind};
use portcullis_jose::{Alg, Jwk, SigningKey};
use portcullis_model::{Span, Timestamp};
use serde_json::json;

fn decrypt(token: &str, keys: Vec<GivenKey>) -> Answer {
    run(&Request { token: token.to_owned(), keys, ..Request::default() }, &at()).unwrap()
}

fn seal(json: Value) -> Result<encrypt::Answer, Problem> {
    encrypt::run(&serde_json::from_value(json).unwrap(), &at())
}

fn generated(algorithm: &str) -> (Value, Value) {
    let bits = algorithm.starts_with("RSA").then_some(2048);
    let request = super::super::keys::generate::Request {
        algorithm: Some(algorithm.into()),
        bits,
        ..Default::default()
    };
    let made = super::super::keys::generate::run(&request, &at()).unwrap();
    let own = serde_json::to_value(&made.jwk).unwrap();
    let public = made.public_jwk.map_or_else(|| own.clone(), |key| serde_json::to_value(key).unwrap());
    (own, public)
}

#[test]
fn what_is_encrypted_decrypts_with_every_algorithm() {
    let algs = KeyManagement::all().map(KeyManagement::name).filter(|name| !["RSA1_5", "dir"].contains(name));
    for name in algs.chain(Enc::ALL.iter().map(|enc| enc.name())) {
        let (own, public) = generated(name);
        let enc = if name.parse::<Enc>().is_ok() { name } else { "A128CBC-HS256" };
        for form in ["compact", "flattened", "general"] {
            let mut asked = json!({ "content": { "text": "for your eyes only" }, "keys": [{ "jwk": public }],
                "encryption": enc, "serialization": form, "compress": form == "compact" });
            if name.starts_with("PBES2") {
                asked["iterations"] = 1000.into();
            }
            if form != "compact" {
                asked["additional_data"] = json!({ "text": "beside it" });
            }
            let made = seal(asked).unwrap();
            let answer = decrypt(&made.token, vec![GivenKey::jwk(own.to_string())]);
            assert!(answer.decrypted, "{name} {form}: {:?}", answer.refused);
            assert_eq!(answer.content.unwrap().text.as_deref(), Some("for your eyes only"));
            assert_eq!((answer.encryption, answer.key.as_deref()), (Some(enc), Some("keys[0]")));
            assert_eq!(answer.header.unwrap()["enc"], enc, "{form}");
        }
    }
}

#[test]
fn several_recipients_and_passwords() {
    let ((a, public_a), (b, public_b)) = (generated("ECDH-ES+A128KW"), generated("RSA-OAEP-256"));
    let made =
        seal(json!({ "content": { "base64": "_wA" }, "keys": [{ "jwk": public_a }, { "jwk": public_b }] }))
            .unwrap();
    assert_eq!(made.recipients.len(), 2);
    for (own, index) in [(&a, 0), (&b, 1)] {
        let answer = decrypt(&made.token, vec![GivenKey::jwk(own.to_string())]);
        assert_eq!((answer.recipient, answer.content.unwrap().to_bytes()), (Some(index), vec![0xff, 0]));
        assert_eq!(answer.header.unwrap()["alg"], if index == 0 { "ECDH-ES+A128KW" } else { "RSA-OAEP-256" });
    }
    let (stranger, _) = generated("ECDH-ES+A128KW");
    let answer = decrypt(&made.token, vec![GivenKey::jwk(stranger.to_string())]);
    assert_eq!((answer.decrypted, answer.refused.unwrap().name), (false, "decryption_failed"));
    let password = json!([{ "secret": "correct horse battery staple", "alg": "PBES2-HS256+A128KW" }]);
    let made = seal(json!({ "content": { "text": "x" }, "keys": password, "iterations": 2000 })).unwrap();
    assert_eq!(made.header["p2c"], 2000);
    assert!(decrypt(&made.token, vec![GivenKey::secret(b"correct horse battery staple")]).decrypted);
    assert!(!decrypt(&made.token, vec![GivenKey::secret(b"incorrect horse battery staple")]).decrypted);
    let shared = vec![GivenKey::secret(&[7; 32])];
    let wrapped =
        seal(json!({ "content": { "text": "x" }, "keys": [{ "secret": "07".repeat(32), "encoding": "hex" }],
        "algorithm": "A256GCMKW" }))
        .unwrap();
    assert!(decrypt(&wrapped.token, shared).decrypted);
}

#[test]
fn signed_and_encrypted_by_one_call_and_back_by_one() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let (own, public) = generated("ECDH-ES");
    let inner = sign::Request {
        claims: json!({ "sub": "ada" }).as_object().cloned(),
        keys: vec![GivenKey::jwk(key.jwk().to_private_json().as_str())],
        expires_in: Some(Span::seconds(60)),
        ..Default::default()
    };
    let request = encrypt::Request {
        sign: Some(inner),
        keys: vec![GivenKey::jwk(public.to_string())],
        ..encrypt::Request::default()
    };
    let made = encrypt::run(&request, &at()).unwrap();
    assert_eq!(
        (&made.header["cty"], made.signed.unwrap().claims.unwrap()["sub"].as_str()),
        (&json!("JWT"), Some("ada"))
    );
    let public_key = GivenKey::jwk(key.public_jwk().unwrap().to_public_json().unwrap());
    let open = |keys: Vec<GivenKey>, now: Option<&str>| {
        let verify = Some(Inside { keys, ..Inside::default() });
        let keys = vec![GivenKey::jwk(own.to_string())];
        let now = now.map(str::to_owned);
        run(&Request { token: made.token.clone(), keys, verify, now, ..Request::default() }, &at()).unwrap()
    };
    let good = open(vec![public_key.clone()], None);
    assert_eq!((good.decrypted, good.valid), (true, Some(true)));
    assert_eq!(good.inside.unwrap().claims.unwrap()["sub"], "ada");
    assert!(good.content.is_some());
    for (keys, now) in [(vec![], None), (vec![public_key], Some("1800000000"))] {
        let bad = open(keys, now);
        assert_eq!((bad.decrypted, bad.valid), (true, Some(false)));
        assert!(bad.content.is_none() && bad.inside.is_some());
    }
    // Without being asked to verify, nothing is claimed about the sender.
    let plain = decrypt(&made.token, vec![GivenKey::jwk(own.to_string())]);
    let decoded = plain.decoded.unwrap();
    assert!(plain.valid.is_none() && !decoded.verified && decoded.claims.unwrap()["sub"] == "ada");
    // What is inside has to be said to be a token.
    let bare = Encryption::new(Enc::A128GCM);
    let to = Jwk::parse(public.to_string().as_bytes()).unwrap().encryption_key(None).unwrap();
    let bare = bare.compact(b"a.b.c", &to).unwrap();
    let verify = Some(Inside::default());
    let keys = vec![GivenKey::jwk(own.to_string())];
    let answer = run(&Request { token: bare, keys, verify, ..Request::default() }, &at()).unwrap();
    assert_eq!((answer.valid, answer.refused.unwrap().name), (Some(false), "nested_content_type"));
}

/// What it is tried with says no more than that it does not decrypt, whatever was altered (RFC 7516 §11.5).
#[test]
fn every_failure_is_the_same() {
    let (own, public) = generated("RSA-OAEP");
    let made = seal(json!({ "content": { "text": "x" }, "keys": [{ "jwk": public }] })).unwrap();
    for part in 1..5 {
        let mut parts: Vec<String> = made.token.split('.').map(str::to_owned).collect();
        let first = if parts[part].starts_with('A') { "B" } else { "A" };
        parts[part].replace_range(..1, first);
        let answer = decrypt(&parts.join("."), vec![GivenKey::jwk(own.to_string())]);
        assert_eq!(answer.refused.unwrap().name, "decryption_failed", "part {part}");
    }
}

#[test]
fn rsa1_5_is_read_on_ones_own_machine_only() {
    for request in [
        Request { rsa1_5: true, ..Request::default() },
        Request { algorithms: vec!["RSA1_5".into()], ..Request::default() },
    ] {
        let problem = run(&request, &at()).unwrap_err();
        assert_eq!(
            (problem.name, problem.answered()),
            ("encryption_alg_not_allowed", codes::PARAMETER_INVALID)
        );
    }
    let here = At::here(Timestamp::from_micros(at().now), at().rng);
    let asked = Request { rsa1_5: true, token: "a".into(), ..Request::default() };
    assert_eq!(run(&asked, &here).unwrap().refused.unwrap().name, "token_parts");
    // Naming it among the algorithms is not asking for it.
    let named = Request { algorithms: vec!["RSA1_5".into()], ..Request::default() };
    assert_eq!(run(&named, &here).unwrap_err().name, "encryption_alg_not_allowed");
}

/// RFC 7516 §11.4, RFC 8725 §3.8: what a message asks for is not what is spent on it.
#[test]
fn work_is_bounded() {
    let bounds = at().bounds;
    let header = |iterations: u64| {
        let header =
            json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAAAAAAAAA", "p2c": iterations });
        super::super::content::encode(header.to_string().as_bytes())
    };
    let bomb = |iterations| {
        format!("{}.{}.{}.AAAA.{}", header(iterations), "A".repeat(32), "A".repeat(16), "A".repeat(22))
    };
    for iterations in [999, u64::from(bounds.iterations) + 1, u64::MAX] {
        let answer = decrypt(&bomb(iterations), vec![GivenKey::secret(b"password")]);
        assert_eq!(answer.refused.unwrap().name, "password_iterations", "{iterations}");
    }
    let passwords = vec![GivenKey::secret(b"password"); 2];
    let many = Request { token: bomb(1000), keys: passwords, ..Request::default() };
    assert_eq!(run(&many, &at()).unwrap_err().name, "too_many_passwords");
    let (own, public) = generated("ECDH-ES+A128KW");
    let made =
        seal(json!({ "content": { "text": "x" }, "keys": vec![json!({ "jwk": public }); 16] })).unwrap();
    let keys = vec![GivenKey::jwk(own.to_string()); 3];
    let much = Request { token: made.token, keys, ..Request::default() };
    assert_eq!(run(&much, &at()).unwrap_err().name, "too_many_trials");
    // A kilobyte that unpacks to more than is taken.
    let key = Jwk::parse(public.to_string().as_bytes()).unwrap().encryption_key(None).unwrap();
    let zeros = vec![0; bounds.content + 1];
    let bomb = Encryption::new(Enc::A128GCM).compress().compact(&zeros, &key).unwrap();
    assert!(bomb.len() < 4096);
    let answer = decrypt(&bomb, vec![GivenKey::jwk(own.to_string())]);
    assert_eq!(answer.refused.unwrap().name, "content_too_large");
    let large = Request { token: "a".repeat(bounds.message + 1), ..Request::default() };
    assert_eq!(run(&large, &at()).unwrap_err().name, "token_too_large");
}

#[test]
fn requests_that_cannot_be_carried_out() {
    let (own, public) = generated("ECDH-ES");
    let (_, signing) = generated("ES256");
    let message = seal(json!({ "content": { "text": "x" }, "keys": [{ "jwk": public }] })).unwrap().token;
    let request =
        |keys: Value| run(&serde_json::from_value(json!({ "token": message, "keys": keys })).unwrap(), &at());
    assert_eq!(request(json!([])).unwrap_err().name, "no_keys");
    assert_eq!(request(json!([{ "jwk": public }])).unwrap_err().name, "key_not_private");
    assert_eq!(request(json!([{ "jwk": signing }])).unwrap_err().name, "key_not_for");
    let answer = decrypt(&message, vec![GivenKey::jwk(generated("RSA-OAEP").0.to_string())]);
    assert_eq!(answer.refused.unwrap().name, "encryption_key_mismatch");
    let limited = |algorithms: &[&str], encryptions: &[&str]| {
        let own = json!([{ "jwk": own }]);
        run(
            &serde_json::from_value(json!({ "token": message, "keys": own, "algorithms": algorithms, "encryptions": encryptions }))
                .unwrap(),
            &at(),
        )
    };
    assert!(limited(&["ECDH-ES"], &["A256GCM"]).unwrap().decrypted);
    assert_eq!(limited(&["dir"], &[]).unwrap().refused.unwrap().name, "encryption_alg_not_allowed");
    assert_eq!(limited(&[], &["A128GCM"]).unwrap().refused.unwrap().name, "enc_not_allowed");
    assert_eq!(limited(&["ES256"], &[]).unwrap_err().place, "algorithms[0]");
    assert_eq!(limited(&[], &["AES"]).unwrap_err().place, "encryptions[0]");
    let bare = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().to_public_json().unwrap();
    let bare: Value = serde_json::from_str(&bare).unwrap();
    for (more, name) in [
        (json!({ "keys": [] }), "encrypt_no_recipient"),
        (json!({ "keys": [{ "jwk": bare }] }), "key_management_ambiguous"),
        (json!({ "keys": [{ "jwk": signing }] }), "key_not_for"),
        (json!({ "keys": [{ "jwk": public }], "encryption": "AES" }), "enc_unknown"),
        (json!({ "keys": [{ "jwk": bare }], "algorithm": "RSA1_5" }), "key_management_mismatch"),
        (json!({ "keys": [{ "jwk": public }, { "jwk": public }] }), "encrypt_one_recipient_only"),
        (
            json!({ "keys": [{ "jwk": public }], "serialization": "compact", "additional_data": { "text": "x" } }),
            "encrypt_additional_data",
        ),
        (json!({ "keys": [{ "jwk": public }], "header": { "zip": "DEF" } }), "header_parameter"),
        (json!({ "keys": [{ "jwk": public }], "iterations": 1 }), "password_iterations"),
        (json!({ "keys": [{ "secret": "short", "alg": "PBES2-HS256+A128KW" }] }), "secret_too_short"),
        (
            json!({ "keys": vec![json!({ "secret": "long enough a password", "alg": "PBES2-HS256+A128KW" }); 2] }),
            "too_many_passwords",
        ),
    ] {
        let mut asked = json!({ "content": { "text": "x" } });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(seal(asked).unwrap_err().name, name, "{more}");
    }
    assert_eq!(seal(json!({ "keys": [] })).unwrap_err().name, "content_form");
    let inner = seal(json!({ "sign": { "claims": {}, "keys": [] }, "keys": [] })).unwrap_err();
    assert_eq!((inner.name, inner.place.as_str()), ("sign_no_key", "sign.keys"));
    assert_eq!(Content::default().bytes("x").unwrap_err().name, "content_form");
}
