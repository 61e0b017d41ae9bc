//! Encrypting and decrypting as callers and attackers do it.

use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwe::{DecryptError, Decryption, EncryptError, Encrypted, Encryption};
use portcullis_jose::jwk::{Curve, DecryptionKey, EncryptionKey, KeyKind};
use portcullis_jose::{Alg, Jwk, Protected, SigningKey};
use serde_json::{Value, json};

use crate::support::{PAYLOAD, b64, key, unb64, unbound};

/// A key for each algorithm, in both halves.
fn pair(alg: KeyManagement, enc: Enc) -> (EncryptionKey, DecryptionKey) {
    let jwk = match alg.mode() {
        Mode::Rsa => unbound(Alg::RS256),
        Mode::Wrap | Mode::GcmWrap => {
            let len = alg.name()[1..4].parse::<usize>().unwrap() / 8;
            Jwk::generate(KeyKind::Oct(len)).unwrap()
        }
        Mode::Direct => Jwk::generate(KeyKind::Oct(enc.key_len())).unwrap(),
        Mode::Agreement => Jwk::generate(KeyKind::X25519).unwrap(),
        Mode::AgreementWrap => Jwk::generate(KeyKind::Ec(Curve::P384)).unwrap(),
        Mode::Password => {
            let to = EncryptionKey::password("correct horse battery staple", alg).unwrap();
            return (to, DecryptionKey::password("correct horse battery staple").unwrap());
        }
    };
    (jwk.encryption_key(Some(alg)).unwrap(), jwk.decryption_key().unwrap())
}

fn written() -> impl Iterator<Item = KeyManagement> {
    KeyManagement::all().filter(|alg| *alg != KeyManagement::RSA1_5)
}

/// With few iterations, to be quick.
fn plain(enc: Enc) -> Encryption {
    Encryption::new(enc).iterations(1000)
}

#[test]
fn every_algorithm_reads_what_it_wrote_in_every_form() {
    for alg in written() {
        for enc in Enc::ALL {
            let (to, own) = pair(alg, enc);
            let message = plain(enc).header(Protected::new().typ("x").parameter("z", 1)).compress();
            let forms = [
                message.compact(PAYLOAD.as_bytes(), &to).unwrap(),
                message.flattened(PAYLOAD.as_bytes(), &to).unwrap(),
                message.clone().additional_data("aad").flattened(PAYLOAD.as_bytes(), &to).unwrap(),
                message.general(PAYLOAD.as_bytes(), &[&to]).unwrap(),
            ];
            for form in forms {
                let opened =
                    Decryption::new().open(form.as_bytes(), &own).unwrap_or_else(|e| panic!("{form}: {e}"));
                assert_eq!(opened.content(), PAYLOAD.as_bytes(), "{alg} {enc}");
                assert_eq!((opened.alg(), opened.enc(), opened.header().typ()), (alg, enc, Some("x")));
            }
        }
    }
}

#[test]
fn any_changed_byte_of_any_part_is_the_same_failure() {
    for alg in written() {
        let (to, own) = pair(alg, Enc::A128CBC_HS256);
        let token = plain(Enc::A128CBC_HS256).compact(b"content", &to).unwrap();
        let parts: Vec<Vec<u8>> = token.split('.').map(unb64).collect();
        for part in 1..5 {
            for at in [0, parts[part].len() / 2, parts[part].len().saturating_sub(1)] {
                let mut changed = parts.clone();
                let Some(byte) = changed[part].get_mut(at) else { continue };
                *byte ^= 0x20;
                let changed = changed.iter().map(b64).collect::<Vec<_>>().join(".");
                let error = Decryption::new().open(changed.as_bytes(), &own).unwrap_err();
                assert_eq!(error, DecryptError::Failed, "{alg}, part {part}, byte {at}");
            }
        }
        // A header that says the same in another spelling is another header.
        let respelt = String::from_utf8(parts[0].clone()).unwrap().replacen('{', "{ ", 1);
        let changed = token.replacen(token.split('.').next().unwrap(), &b64(respelt), 1);
        assert_eq!(
            Decryption::new().open(changed.as_bytes(), &own).unwrap_err(),
            DecryptError::Failed,
            "{alg}"
        );
    }
}

#[test]
fn rsa1_5_does_not_say_what_was_wrong() {
    let own = unbound(Alg::RS256).decryption_key().unwrap();
    assert!(unbound(Alg::RS256).encryption_key(Some(KeyManagement::RSA1_5)).is_err());
    let header = b64(r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#);
    // Padding that is certainly wrong, a number beyond the modulus, too short, too long: one answer.
    for sealed in [vec![1; 256], vec![0xff; 256], vec![1; 10], vec![1; 300]] {
        let token = format!("{header}.{}.{}.{}.{}", b64(sealed), b64([0; 16]), b64([0; 16]), b64([0; 16]));
        let reading = Decryption::new().also_rsa1_5();
        assert_eq!(reading.open(token.as_bytes(), &own).unwrap_err(), DecryptError::Failed);
        let unasked = Decryption::new().open(token.as_bytes(), &own).unwrap_err();
        assert_eq!(unasked, DecryptError::AlgNotAllowed(KeyManagement::RSA1_5));
        // Not by way of an allow-list either.
        let listed = Decryption::new().algorithms(&[KeyManagement::RSA1_5]);
        assert_eq!(listed.open(token.as_bytes(), &own).unwrap_err().name(), "encryption_alg_not_allowed");
    }
}

#[test]
fn only_what_the_caller_accepts_is_tried() {
    let (to, own) = pair(KeyManagement::A128KW, Enc::A128GCM);
    let token = plain(Enc::A128GCM).compact(b"x", &to).unwrap();
    let by_alg = Decryption::new().algorithms(&[KeyManagement::A256KW]).open(token.as_bytes(), &own);
    assert_eq!(by_alg.unwrap_err(), DecryptError::AlgNotAllowed(KeyManagement::A128KW));
    let by_enc = Decryption::new().contents(&[Enc::A256GCM]).open(token.as_bytes(), &own);
    assert_eq!(by_enc.unwrap_err(), DecryptError::EncNotAllowed(Enc::A128GCM));
    for other in written().filter(|alg| *alg != KeyManagement::A128KW) {
        let (_, other) = pair(other, Enc::A256GCM);
        let error = Decryption::new().open(token.as_bytes(), &other).unwrap_err();
        assert_eq!(
            error.name(),
            if other.accepts().contains(&KeyManagement::A128KW) {
                "decryption_failed"
            } else {
                "encryption_key_mismatch"
            }
        );
    }
    let small = Decryption::new().limit(10).open(token.as_bytes(), &own).unwrap_err();
    assert_eq!(small.name(), "token_too_large");
}

#[test]
fn a_password_costs_no_more_than_the_caller_spends() {
    let own = DecryptionKey::password("correct horse battery staple").unwrap();
    let token = |p2c: &str| {
        let header =
            b64(format!(r#"{{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"c2FsdHNhbHQ","p2c":{p2c}}}"#));
        format!("{header}.{}.{}.{}.{}", b64([0; 24]), b64([0; 12]), "AA", b64([0; 16]))
    };
    let named = |p2c: &str| Decryption::new().open(token(p2c).as_bytes(), &own).unwrap_err().name();
    assert_eq!(named("1000"), "decryption_failed");
    assert_eq!(named("999"), "password_iterations");
    assert_eq!(named("0"), "password_iterations");
    assert_eq!(named("1000001"), "password_iterations");
    assert_eq!(named("18446744073709551615"), "password_iterations");
    for p2c in ["18446744073709551616", "-1", "1e9", "1000.0"] {
        assert_eq!(named(p2c), "header_parameter_malformed", "{p2c}");
    }
    assert_eq!(named("\"1000\""), "header_parameter_type");
    // Several recipients share one budget.
    let one = json!({"header": {"alg": "PBES2-HS256+A128KW", "p2s": "c2FsdHNhbHQ", "p2c": 400_000}, "encrypted_key": b64([0; 24])});
    let message = json!({"protected": b64(r#"{"enc":"A128GCM"}"#), "iv": b64([0; 12]), "ciphertext": "AA",
        "tag": b64([0; 16]), "recipients": [one, one, one]});
    let error = Decryption::new().open(message.to_string().as_bytes(), &own).unwrap_err();
    assert_eq!(error, DecryptError::Iterations { found: 1_200_000, least: 1000, most: 1_000_000 });
}

#[test]
fn a_compression_bomb_ends_at_the_limit() {
    let (to, own) = pair(KeyManagement::Dir, Enc::A256GCM);
    let token = plain(Enc::A256GCM).compress().compact(&vec![0; 50 << 20], &to).unwrap();
    assert!(token.len() < 100_000);
    let error = Decryption::new().open(token.as_bytes(), &own).unwrap_err();
    assert_eq!(error, DecryptError::ContentTooLarge(256 << 10));
}

#[test]
fn shapes_have_names() {
    let parts = |header: &str| format!("{}..{}.AA.{}", b64(header), b64([0; 12]), b64([0; 16]));
    let dir = r#""alg":"dir","enc":"A128GCM""#;
    for (message, want) in [
        (String::new(), "token_empty"),
        ("a.b.c".to_owned(), "token_signed"),
        ("a.b.c.d".to_owned(), "token_parts"),
        ("....".to_owned(), "token_part_empty"),
        (parts("[]"), "json_not_an_object"),
        (parts("{"), "json_end"),
        (parts(r#"{"enc":"A128GCM"}"#), "alg_missing"),
        (parts(r#"{"alg":"dir"}"#), "enc_missing"),
        (parts(r#"{"alg":1,"enc":"A128GCM"}"#), "header_parameter_type"),
        (parts(&format!(r#"{{{dir},"\u0061lg":"dir"}}"#)), "json_duplicate_member"),
        (parts(&format!(r#"{{{dir},"zip":"GZ"}}"#)), "zip_unknown"),
        (parts(&format!(r#"{{{dir},"crit":["exp"],"exp":1}}"#)), "crit_unknown"),
        (parts(&format!(r#"{{{dir},"crit":[]}}"#)), "crit_malformed"),
        (parts(&format!(r#"{{{dir},"epk":{{"kty":"oct","k":"AA"}}}}"#)), "header_parameter_malformed"),
        (parts(&format!(r#"{{{dir},"apu":"=="}}"#)), "header_parameter_malformed"),
        (parts(r#"{"alg":"dir","enc":"A128CBC-HS256"}"#), "jwe_length"),
        (parts(r#"{"alg":"A128KW","enc":"A128GCM"}"#), "jwe_encrypted_key"),
        (parts(&format!("{{{dir}}}")).replacen("..", ".AAAA.", 1), "jwe_encrypted_key"),
        (format!("{}=", parts(&format!("{{{dir}}}"))), "base64_padding"),
        (r#"{"ciphertext":"AA"}"#.to_owned(), "alg_missing"),
        (r#"{"protected":"","ciphertext":"AA"}"#.to_owned(), "token_part_empty"),
        (r#"{"protected":7,"ciphertext":"AA"}"#.to_owned(), "jwe_member"),
        (format!(r#"{{"unprotected":{{{dir}}}}}"#), "jwe_member"),
        (
            format!(r#"{{"unprotected":{{{dir},"zip":"DEF"}},"ciphertext":"AA"}}"#),
            "header_parameter_unprotected",
        ),
        (
            format!(r#"{{"unprotected":{{{dir},"crit":["a"],"a":1}},"ciphertext":"AA"}}"#),
            "header_parameter_unprotected",
        ),
        (
            format!(r#"{{"unprotected":{{{dir}}},"header":{{"alg":"dir"}},"ciphertext":"AA"}}"#),
            "header_parameter_twice",
        ),
        (format!(r#"{{"recipients":[],"unprotected":{{{dir}}},"ciphertext":"AA"}}"#), "jwe_member"),
        (format!(r#"{{"recipients":[{{}}],"header":{{{dir}}},"ciphertext":"AA"}}"#), "jwe_mixed"),
        (
            format!(
                r#"{{"recipients":[{{}},{{}}],"unprotected":{{{dir}}},"ciphertext":"AA","iv":"{}","tag":"{}"}}"#,
                b64([0; 12]),
                b64([0; 16])
            ),
            "jwe_recipients",
        ),
        (
            format!(r#"{{"recipients":[{}1],"unprotected":{{{dir}}},"ciphertext":"AA"}}"#, "1,".repeat(16)),
            "jwe_too_many_recipients",
        ),
    ] {
        assert_eq!(
            Encrypted::parse(message.as_bytes(), 1 << 16).expect_err(&message).name(),
            want,
            "{message}"
        );
    }
}

#[test]
fn each_recipient_reads_the_same() {
    let algs = [
        KeyManagement::RSA_OAEP_256,
        KeyManagement::ECDH_ES_A256KW,
        KeyManagement::A256GCMKW,
        KeyManagement::PBES2_HS512_A256KW,
    ];
    let pairs: Vec<_> = algs.into_iter().map(|alg| pair(alg, Enc::A256GCM)).collect();
    let to: Vec<_> = pairs.iter().map(|(to, _)| to).collect();
    let message = plain(Enc::A256GCM).general(b"to all of you", &to).unwrap();
    for (i, (_, own)) in pairs.iter().enumerate() {
        let opened = Decryption::new().open(message.as_bytes(), own).unwrap();
        assert_eq!((opened.recipient(), opened.content()), (i, &b"to all of you"[..]));
    }
    let (alone, _) = pair(KeyManagement::Dir, Enc::A256GCM);
    assert_eq!(
        plain(Enc::A256GCM).general(b"x", &[to[0], &alone]).unwrap_err(),
        EncryptError::OneRecipientOnly(KeyManagement::Dir)
    );
    assert_eq!(plain(Enc::A256GCM).general(b"x", &[]).unwrap_err(), EncryptError::NoRecipient);
}

#[test]
fn an_ephemeral_key_of_another_curve_or_none_is_refused() {
    let jwk = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let own = jwk.decryption_key().unwrap();
    let header = |epk: Value| b64(json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk}).to_string());
    let other = Jwk::generate(KeyKind::X25519).unwrap().to_public_json().unwrap();
    let mut off: Value = serde_json::from_str(&jwk.to_public_json().unwrap()).unwrap();
    off["y"] = off["x"].clone();
    let mut secp: Value = serde_json::from_str(
        &Jwk::generate(KeyKind::Ec(Curve::Secp256k1)).unwrap().to_public_json().unwrap(),
    )
    .unwrap();
    secp["kid"] = "x".into();
    for (epk, want) in [
        (serde_json::from_str(&other).unwrap(), "encryption_key_mismatch"),
        // An invalid-curve attack needs a point that is on another curve: it is refused before any secret is used.
        (off, "header_parameter_malformed"),
        (secp, "encryption_key_mismatch"),
        (serde_json::from_str(&jwk.to_private_json()).unwrap(), "header_parameter_malformed"),
        // Small order.
        (json!({"kty": "OKP", "crv": "X25519", "x": b64([0; 32])}), "header_parameter_malformed"),
    ] {
        let token = format!("{}..{}.AA.{}", header(epk), b64([0; 12]), b64([0; 16]));
        assert_eq!(Decryption::new().open(token.as_bytes(), &own).unwrap_err().name(), want);
    }
}

#[test]
fn a_key_is_for_what_it_says() {
    let edited = |jwk: &Jwk, name: &str, value: Value| {
        let mut json: Value = serde_json::from_str(&jwk.to_private_json()).unwrap();
        json[name] = value;
        Jwk::parse(json.to_string().as_bytes()).unwrap()
    };
    let rsa = unbound(Alg::RS256);
    let oaep = Some(KeyManagement::RSA_OAEP);
    for (name, value, encrypts, decrypts) in [
        ("use", json!("enc"), true, true),
        ("use", json!("sig"), false, false),
        ("key_ops", json!(["wrapKey"]), true, false),
        ("key_ops", json!(["unwrapKey"]), true, true),
        ("key_ops", json!(["sign"]), false, false),
        ("alg", json!("RSA-OAEP"), true, true),
        ("alg", json!("RSA-OAEP-256"), false, true),
        ("alg", json!("RS256"), false, false),
        ("alg", json!("A128KW"), false, false),
    ] {
        let key = edited(&rsa, name, value.clone());
        assert_eq!(key.encryption_key(oaep).is_ok(), encrypts, "{name} {value}");
        assert_eq!(key.decryption_key().is_ok(), decrypts, "{name} {value}");
    }
    assert_eq!(rsa.encryption_key(None).unwrap_err().name(), "key_management_ambiguous");
    assert_eq!(rsa.to_public().unwrap().decryption_key().unwrap_err().name(), "key_not_private");
    assert!(rsa.to_public().unwrap().encryption_key(oaep).is_ok());
    // A content key names its content encryption, and goes with no other.
    let content = edited(&Jwk::generate(KeyKind::Oct(32)).unwrap(), "alg", json!("A256GCM"));
    let to = content.encryption_key(None).unwrap();
    assert_eq!(
        plain(Enc::A128CBC_HS256).compact(b"x", &to).unwrap_err(),
        EncryptError::KeyMismatch(Enc::A128CBC_HS256)
    );
    assert!(plain(Enc::A256GCM).compact(b"x", &to).is_ok());
    // Signing keys of other kinds encrypt nothing, and passwords have a length.
    assert!(Jwk::generate(KeyKind::Ed25519).unwrap().decryption_key().is_err());
    assert!(Jwk::generate(KeyKind::Ec(Curve::Secp256k1)).unwrap().decryption_key().is_err());
    let short = EncryptionKey::password("short", KeyManagement::PBES2_HS256_A128KW);
    assert_eq!(short.unwrap_err().name(), "secret_too_short");
}

#[test]
fn a_signed_token_travels_inside() {
    let (to, own) = pair(KeyManagement::ECDH_ES, Enc::A256GCM);
    let from: &SigningKey = key(Alg::ES256);
    let message = plain(Enc::A256GCM);
    let token = message.signed(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), from, &to).unwrap();
    let reading = Decryption::new();
    let open =
        |token: &str| reading.open_signed(token.as_bytes(), &own, &from.verifying_key(), Alg::ES256.into());
    let (header, verified) = open(&token).unwrap();
    assert_eq!((header.cty(), verified.alg()), (Some("JWT"), Alg::ES256));
    // Without `cty` the content is no token; with it, it still has to be one, and a signed one.
    let bare = message.compact(token.as_bytes(), &to).unwrap();
    assert_eq!(open(&bare).unwrap_err().name(), "nested_content_type");
    let jwt = message.clone().header(Protected::new().cty("JWT"));
    assert_eq!(open(&jwt.compact(PAYLOAD.as_bytes(), &to).unwrap()).unwrap_err().name(), "token_parts");
    assert_eq!(open(&jwt.compact(token.as_bytes(), &to).unwrap()).unwrap_err().name(), "token_encrypted");
    let forged = crate::support::forge(r#"{"alg":"ES256"}"#, PAYLOAD, key(Alg::ES384));
    assert_eq!(open(&jwt.compact(forged.as_bytes(), &to).unwrap()).unwrap_err().name(), "signature_length");
}

#[test]
fn reserved_parameters_are_not_the_caller_s() {
    let (to, own) = pair(KeyManagement::A128KW, Enc::A128GCM);
    let header =
        Protected::new().parameter("enc", "A256GCM").parameter("zip", "DEF").parameter("crit", json!(["x"]));
    let token = plain(Enc::A128GCM).header(header).compact(b"x", &to).unwrap();
    assert_eq!(Decryption::new().open(token.as_bytes(), &own).unwrap().content(), b"x");
    let refused = plain(Enc::A128GCM).additional_data("x").compact(b"x", &to);
    assert_eq!(refused.unwrap_err(), EncryptError::AdditionalData);
    let shown = format!("{to:?} {own:?} {:?}", Decryption::new().open(token.as_bytes(), &own).unwrap());
    assert!(!shown.contains("[") || shown.contains("accepts"), "{shown}");
}
