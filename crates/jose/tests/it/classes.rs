//! Classes of vulnerabilities that were published for others, beyond those in `attacks.rs`: each once as its attacker.
//! `docs/concepts/jose-vulnerabilities.md` tells where each was seen and links to its test here.

use num_bigint::BigUint;
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::{Decryption, Encrypted, Encryption};
use portcullis_jose::jwk::{Curve, KeyKind, KeySet};
use portcullis_jose::jws::{Message, Policy, Reading};
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, Rules, Secret, SignatureError, Unverified};
use serde_json::{Value, json};

use crate::support::{PAYLOAD, b64, forge, key, unb64, unbound};

const NOW: i64 = 1_800_000_000 * 1_000_000;

fn everything() -> Algs {
    Algs::of(&Alg::ALL)
}

fn rsa_public() -> Value {
    serde_json::from_str(&key(Alg::RS256).public_jwk().unwrap().to_public_json().unwrap()).unwrap()
}

#[test]
fn a_compact_token_inside_of_a_json_one_is_nothing() {
    // One reader took the JSON for verifying and the text before the first dots for reading the claims.
    let own = key(Alg::ES256);
    let honest = forge(r#"{"alg":"ES256"}"#, PAYLOAD, own);
    let parts: Vec<_> = honest.split('.').collect();
    let forged = b64(r#"{"sub":"admin","exp":1900000000}"#);
    let polyglot = format!(
        r#"{{"  {}.{forged}.":"","protected":"{}","payload":"{}","signature":"{}"}}"#,
        parts[0], parts[0], parts[1], parts[2]
    );
    assert!(Unverified::parse(&polyglot).is_err());
    let read = Message::parse(polyglot.as_bytes(), Reading::new()).unwrap();
    assert_eq!(read.claimed_payload(), PAYLOAD.as_bytes());
    // And no JSON serialisation of any kind where a token is expected.
    let flat = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    assert!(Unverified::parse(&flat).is_err());
    assert!(Message::parse(flat.as_bytes(), Reading::new()).is_ok());
    assert!(Message::parse(honest.as_bytes(), Reading::new()).is_err());
}

#[test]
fn a_message_encrypted_to_a_public_key_is_no_signed_token() {
    // Whoever has the issuer's public key can encrypt to it. That says nothing about who wrote the message.
    let issuer = unbound(Alg::RS256);
    let to = issuer.to_public().unwrap().encryption_key(Some(KeyManagement::RSA_OAEP)).unwrap();
    let encryption = Encryption::new(Enc::A128GCM);
    let forged = encryption.compact(PAYLOAD.as_bytes(), &to).unwrap();
    assert_eq!(Unverified::parse(&forged).unwrap_err().name(), "token_encrypted");
    // Nor does it become one by being decrypted: what is inside must be signed by the issuer.
    let (own, from) = (issuer.decryption_key().unwrap(), key(Alg::RS256).verifying_key());
    let said = encryption.header(portcullis_jose::Protected::new().cty("JWT"));
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(PAYLOAD));
    for (content, want) in [(PAYLOAD, "token_parts"), (&*unsigned, "alg_none")] {
        let token = said.compact(content.as_bytes(), &to).unwrap();
        let refused = Decryption::new().open_signed(token.as_bytes(), &own, &from, everything());
        assert_eq!(refused.unwrap_err().name(), want);
    }
    // And the other way about: what is signed is not decrypted.
    let signed = forge(r#"{"alg":"RS256"}"#, PAYLOAD, key(Alg::RS256));
    assert_eq!(Encrypted::parse(signed.as_bytes(), 1 << 16).unwrap_err().name(), "token_signed");
}

#[test]
fn an_algorithm_that_is_not_protected_chooses_nothing() {
    let public = key(Alg::RS256).public_jwk().unwrap();
    let text = public.to_public_pem().unwrap();
    let mac = |secret: &[u8], input: &str| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        b64(aws_lc_rs::hmac::sign(&key, input.as_bytes()))
    };
    let payload = b64(PAYLOAD);
    let message = json!({
        "header": {"alg": "HS256"}, "payload": payload, "signature": mac(text.as_bytes(), &format!(".{payload}")),
    });
    let unnamed = unbound(Alg::RS256).to_public().unwrap();
    for key in [&public, &unnamed] {
        let message = Message::parse(message.to_string().as_bytes(), Reading::new()).unwrap();
        let refused = message.verify(&[key.verifying_key().unwrap()], everything(), Policy::Any).unwrap_err();
        assert_eq!(refused.refused[0].1.name(), "key_mismatch");
    }
    let none = json!({"header": {"alg": "none"}, "payload": payload, "signature": ""}).to_string();
    let refused = Message::parse(none.as_bytes(), Reading::new())
        .unwrap()
        .verify(&[public.verifying_key().unwrap()], everything(), Policy::Any)
        .unwrap_err();
    assert_eq!(refused.refused[0].1.name(), "alg_none");
}

#[test]
fn a_secret_of_no_or_few_bytes_verifies_nothing() {
    for secret in [&b""[..], b" ", b"\0", b"s", b"0123456789abcdef", &[7; 31]] {
        let of_secret = Secret::new(secret.to_vec()).and_then(|secret| secret.verifying_key(None));
        assert!(of_secret.is_err(), "{secret:?}");
        let jwk = json!({"kty": "oct", "k": b64(secret)}).to_string();
        assert!(Jwk::parse(jwk.as_bytes()).and_then(|jwk| jwk.verifying_key()).is_err(), "{secret:?}");
        let named = json!({"kty": "oct", "k": b64(secret), "alg": "HS256"}).to_string();
        assert!(Jwk::parse(named.as_bytes()).and_then(|jwk| jwk.verifying_key()).is_err(), "{secret:?}");
    }
    // As long as the hash, and no shorter, for each hash.
    for (len, accepts) in [(32, "HS256"), (47, "HS256"), (48, "HS256, HS384"), (64, "HS256, HS384, HS512")] {
        let key = Secret::new(vec![7; len]).unwrap().verifying_key(None).unwrap();
        assert_eq!(key.accepts().to_string(), accepts);
    }
}

#[test]
fn a_kid_does_not_lend_its_key_to_another_algorithm() {
    let secret = Jwk::generate(KeyKind::Oct(64)).unwrap().with_kid("shared");
    let both = [key(Alg::RS256).public_jwk().unwrap().with_kid("public"), secret.clone()];
    let set: KeySet = JwkSet::from_iter(both).verifying_keys().0;
    for (kid, alg, want) in [
        ("public", Alg::RS256, 1),
        ("public", Alg::HS256, 0),
        ("public", Alg::PS256, 0),
        ("shared", Alg::HS512, 1),
        ("shared", Alg::RS256, 0),
    ] {
        assert_eq!(set.candidates(Some(kid), alg).count(), want, "{kid} {alg}");
    }
    // What the allow-list is asked about is what the signature is checked with.
    let bound = unbound(Alg::RS256).with_alg(Alg::PS512).unwrap();
    let token = forge(r#"{"alg":"RS256"}"#, PAYLOAD, &bound.signing_key(None).unwrap());
    let refused =
        Unverified::parse(&token).unwrap().verify(&bound.verifying_key().unwrap(), Alg::RS256.into());
    assert_eq!(refused.unwrap_err().name(), "key_mismatch");
}

#[test]
fn a_tag_cut_short_is_no_tag() {
    for (enc, len) in [(Enc::A128GCM, 16), (Enc::A128CBC_HS256, 16), (Enc::A256CBC_HS512, 32)] {
        let jwk = Jwk::generate(KeyKind::Oct(enc.key_len())).unwrap();
        let to = jwk.encryption_key(Some(KeyManagement::Dir)).unwrap();
        let token = Encryption::new(enc).compact(b"x", &to).unwrap();
        let (rest, tag) = token.rsplit_once('.').unwrap();
        for cut in (0..len).chain([len + 1]) {
            let mut tag = unb64(tag);
            tag.resize(cut, 0);
            let cut = format!("{rest}.{}", b64(tag));
            let refused = Decryption::new().open(cut.as_bytes(), &jwk.decryption_key().unwrap()).unwrap_err();
            assert_eq!(refused.name(), "jwe_length", "{enc}");
        }
    }
    // The tag of a wrapped key stands in the header.
    let jwk = Jwk::generate(KeyKind::Oct(16)).unwrap();
    let token = Encryption::new(Enc::A128GCM)
        .compact(b"x", &jwk.encryption_key(Some(KeyManagement::A128GCMKW)).unwrap())
        .unwrap();
    let (header, rest) = token.split_once('.').unwrap();
    for cut in [0, 4, 8, 12, 15, 17] {
        let mut header: Value = serde_json::from_slice(&unb64(header)).unwrap();
        let mut tag = unb64(header["tag"].as_str().unwrap());
        tag.resize(cut, 0);
        header["tag"] = b64(tag).into();
        let token = format!("{}.{rest}", b64(header.to_string()));
        let refused = Decryption::new().open(token.as_bytes(), &jwk.decryption_key().unwrap()).unwrap_err();
        assert_eq!(refused.name(), "header_parameter_malformed", "{cut}");
    }
}

#[test]
fn nothing_is_used_twice_in_encrypting() {
    let ec = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let oct = Jwk::generate(KeyKind::Oct(16)).unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let to = ec.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
        let agreed = Encryption::new(Enc::A128GCM).compact(b"x", &to).unwrap();
        let to = oct.encryption_key(Some(KeyManagement::A128GCMKW)).unwrap();
        let wrapped = Encryption::new(Enc::A128GCM).compact(b"x", &to).unwrap();
        for (token, parameter) in [(&agreed, "epk"), (&wrapped, "iv")] {
            let parts: Vec<_> = token.split('.').collect();
            let header: Value = serde_json::from_slice(&unb64(parts[0])).unwrap();
            assert!(seen.insert(header[parameter].to_string()), "{parameter}");
            assert!(seen.insert(parts[2].to_owned()), "initialisation vector");
        }
    }
}

#[test]
fn the_parties_of_an_agreement_cannot_be_changed() {
    let jwk = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    for alg in [KeyManagement::ECDH_ES, KeyManagement::ECDH_ES_A128KW] {
        let to = jwk.encryption_key(Some(alg)).unwrap();
        let token = Encryption::new(Enc::A128GCM).parties("alice", "bob").compact(b"x", &to).unwrap();
        let (header, rest) = token.split_once('.').unwrap();
        for (name, value) in [("apu", json!(b64("eve"))), ("apv", json!(b64("eve"))), ("apu", Value::Null)] {
            let mut header: Value = serde_json::from_slice(&unb64(header)).unwrap();
            if value.is_null() {
                header.as_object_mut().unwrap().remove(name);
            } else {
                header[name] = value;
            }
            let token = format!("{}.{rest}", b64(header.to_string()));
            let refused = Decryption::new().open(token.as_bytes(), &jwk.decryption_key().unwrap());
            assert_eq!(refused.unwrap_err().name(), "decryption_failed", "{alg} {name}");
        }
    }
}

#[test]
fn an_ed25519_signature_has_one_form() {
    // S + L is the same number to a verifier that does not look (RFC 8032 §5.1.7 wants S < L).
    let order =
        (BigUint::from(1u8) << 252u32) + "27742317777372353535851937790883648493".parse::<BigUint>().unwrap();
    let own = key(Alg::EdDSA);
    let mut second = 0;
    for input in 0..8u8 {
        let signature = own.sign(&[input]).unwrap();
        own.verifying_key().verify(Alg::EdDSA, &[input], &signature).unwrap();
        let s = BigUint::from_bytes_le(&signature[32..]);
        for times in 1u8..16 {
            let mut other = (&s + &order * times).to_bytes_le();
            if other.len() > 32 {
                break;
            }
            other.resize(32, 0);
            let other = [&signature[..32], &other].concat();
            let refused = own.verifying_key().verify(Alg::EdDSA, &[input], &other);
            assert_eq!(refused, Err(SignatureError::Mismatch));
            second += 1;
        }
    }
    assert!(second > 50);
}

#[test]
fn an_ed25519_key_of_small_order_is_no_key() {
    // Under such a key one signature counts for half of all messages, or for all.
    for x in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        let bytes: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&x[2 * at..2 * at + 2], 16).unwrap()).collect();
        for sign in [0, 0x80] {
            let mut bytes = bytes.clone();
            bytes[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(bytes)}).to_string();
            assert_eq!(Jwk::parse(jwk.as_bytes()).unwrap_err().name(), "key_point", "{x}");
        }
    }
}

#[test]
fn another_signature_over_the_same_is_the_same_token() {
    // Of each ECDSA signature there is a second one, (r, n − s). What a token is remembered and revoked by does not cover
    // the signature, so that a second one is no second token.
    let order = BigUint::parse_bytes(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
        .unwrap();
    let token = forge(r#"{"alg":"ES256"}"#, PAYLOAD, key(Alg::ES256));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let s = (order - BigUint::from_bytes_be(&signature[32..])).to_bytes_be();
    let padded = [vec![0; 32 - s.len()], s].concat();
    let second = format!("{input}.{}", b64([&signature[..32], &padded].concat()));
    assert_ne!(token, second);
    let (first, second) = (Unverified::parse(&token).unwrap(), Unverified::parse(&second).unwrap());
    assert_eq!(first.signing_digest(), second.signing_digest());
    assert!(first.verify(&key(Alg::ES256).verifying_key(), everything()).is_ok());
    assert!(second.verify(&key(Alg::ES256).verifying_key(), everything()).is_ok());
}

#[test]
fn numbers_with_leading_zeros_keep_their_length() {
    for (alg, half) in [(Alg::ES256, 32), (Alg::ES512, 66)] {
        let own = key(alg);
        let (signature, input) = (0u32..20_000)
            .map(|number| number.to_be_bytes())
            .map(|input| (own.sign(&input).unwrap(), input))
            .find(|(signature, _)| signature[0] == 0 || signature[half] == 0)
            .unwrap();
        assert_eq!(signature.len(), 2 * half);
        assert_eq!(own.verifying_key().verify(alg, &input, &signature), Ok(()));
        let shorter = signature[1..].to_vec();
        assert!(matches!(
            own.verifying_key().verify(alg, &input, &shorter),
            Err(SignatureError::Length { .. })
        ));
    }
}

#[test]
fn padding_forged_under_a_small_exponent_is_no_signature() {
    // Whoever does not look behind the digest takes a cube root for a signature.
    let modulus = (BigUint::from(1u8) << 2048u32) - BigUint::from(1942u32 * 2 + 1);
    let jwk = json!({"kty": "RSA", "n": b64(modulus.to_bytes_be()), "e": "Aw"}).to_string();
    let key = Jwk::parse(jwk.as_bytes()).unwrap().verifying_key().unwrap();
    let input = format!("{}.{}", b64(r#"{"alg":"RS256"}"#), b64(PAYLOAD));
    let info = [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
    let digest = portcullis_jose::sha256(input.as_bytes());
    for filling in [8, 1, 0] {
        let head = [&[0, 1][..], &vec![0xff; filling], &[0], &info, &digest].concat();
        let low = BigUint::from_bytes_be(&[&head[..], &vec![0; 256 - head.len()]].concat());
        let root = low.cbrt() + 1u8;
        let made = root.pow(3).to_bytes_be();
        let made = [vec![0; 256 - made.len()], made].concat();
        assert!(made.starts_with(&head), "the forgery is what it should be");
        let signature = root.to_bytes_be();
        let signature = [vec![0; 256 - signature.len()], signature].concat();
        let token = format!("{input}.{}", b64(signature));
        let refused = Unverified::parse(&token).unwrap().verify(&key, everything());
        assert_eq!(refused.unwrap_err(), SignatureError::Mismatch);
    }
}

#[test]
fn a_curve_comes_by_name_only() {
    let tlv = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
    let ec = tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
    let point = key(Alg::ES256).public_jwk().unwrap().to_public_der().unwrap()[26..].to_vec();
    assert_eq!(point.len(), 65);
    let spki = |parameters: &[u8]| {
        let identifier = tlv(0x30, &[&ec[..], parameters].concat());
        tlv(0x30, &[identifier, tlv(3, &[&[0], &point[..]].concat())].concat())
    };
    let named = tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    assert!(Jwk::from_spki(&spki(&named)).is_ok());
    // Parameters written out, among them a generator of the attacker's choice.
    let explicit = tlv(0x30, &tlv(2, &[1]));
    assert_eq!(Jwk::from_spki(&spki(&explicit)).unwrap_err().name(), "key_curve_unknown");
    assert!(Jwk::from_spki(&spki(&[5, 0])).is_err());
    assert!(Jwk::from_spki(&spki(&[])).is_err());
}

#[test]
fn claims_are_read_by_their_exact_names() {
    let own = key(Alg::HS256);
    let verified = |payload: &str| {
        let token = forge(r#"{"alg":"HS256"}"#, payload, own);
        Unverified::parse(&token).unwrap().verify(&own.verifying_key(), everything()).unwrap()
    };
    let rules = Rules::new().issuer("i").require("sub");
    let names = |payload: &str| -> Vec<&'static str> {
        let verified = verified(payload);
        let found = rules.check(verified.claims(), verified.header(), NOW).err().unwrap_or_default();
        found.iter().map(portcullis_jose::Violation::name).collect()
    };
    assert_eq!(names(r#"{"iss":"i","sub":"s","exp":1900000000}"#), [""; 0]);
    assert_eq!(
        names(r#"{"ISS":"i","Sub":"s","EXP":1900000000," exp":1900000000,"exp\u0000":1900000000}"#),
        ["issuer_missing", "time_missing", "claim_missing"]
    );
    // Two spellings are two claims, and the second changes nothing.
    assert_eq!(names(r#"{"iss":"i","sub":"s","exp":1,"Exp":1900000000}"#), ["expired"]);
    // The Kelvin sign is no k, and what other languages give every object is not there.
    let claims = verified(r#"{"\u212aid":"x","a":{}}"#);
    assert_eq!(claims.claims().claim(&["kid"]), None);
    for name in ["__proto__", "constructor", "toString", "length"] {
        assert!(!claims.claims().has(name) && claims.claims().claim(&["a", name]).is_none(), "{name}");
    }
    // The header likewise.
    let token = forge(r#"{"ALG":"HS256"}"#, "{}", own);
    assert_eq!(Unverified::parse(&token).unwrap_err().name(), "alg_missing");
}

#[test]
fn texts_are_compared_as_they_are() {
    let own = key(Alg::HS256);
    let rules = Rules::new().issuer("https://idp.example/caf\u{e9}").audiences(["api"]);
    for (iss, aud, want) in [
        ("https://idp.example/caf\u{e9}", "api", ""),
        // The same to the eye: an e and an accent.
        ("https://idp.example/cafe\u{301}", "api", "issuer_mismatch"),
        ("https://idp.example/caf\u{e9}\u{200b}", "api", "issuer_mismatch"),
        // Parts of what is expected, and what contains it.
        ("https://idp.example/caf", "api", "issuer_mismatch"),
        ("https://idp.example", "api", "issuer_mismatch"),
        ("", "api", "issuer_mismatch"),
        ("https://idp.example/caf\u{e9}/../x", "api", "issuer_mismatch"),
        ("https://idp.example/caf\u{e9}", "ap", "audience_mismatch"),
        ("https://idp.example/caf\u{e9}", "", "audience_mismatch"),
        ("https://idp.example/caf\u{e9}", "apis", "audience_mismatch"),
        ("https://idp.example/caf\u{e9}", "\u{ff41}pi", "audience_mismatch"),
        ("https://idp.example/caf\u{e9}", "api,other", "audience_mismatch"),
    ] {
        let payload = json!({"iss": iss, "aud": aud, "exp": 1_900_000_000}).to_string();
        let token = forge(r#"{"alg":"HS256"}"#, &payload, own);
        let verified = Unverified::parse(&token).unwrap().verify(&own.verifying_key(), everything()).unwrap();
        let found = rules.check(verified.claims(), verified.header(), NOW).err().unwrap_or_default();
        assert_eq!(found.first().map_or("", portcullis_jose::Violation::name), want, "{iss} {aud}");
    }
    // An identifier that some parsers end at a zero byte.
    let token = forge(r#"{"alg":"HS256"}"#, r#"{"sub":"admin\u0000x"}"#, own);
    let verified = Unverified::parse(&token).unwrap().verify(&own.verifying_key(), everything()).unwrap();
    assert_eq!(verified.claims().sub().text().as_deref(), Some("admin\0x"));
}

#[test]
fn a_bad_signature_is_said_before_anything_about_the_claims() {
    // Where both were reported together, callers looked at the kinder of the two.
    let expired = forge(r#"{"alg":"ES256"}"#, r#"{"exp":1}"#, key(Alg::ES256));
    let (input, _) = expired.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", b64([1; 64]));
    let parsed = Unverified::parse(&forged).unwrap();
    let refused = parsed.verify(&key(Alg::ES256).verifying_key(), everything()).unwrap_err();
    assert_eq!(refused, SignatureError::Mismatch);
}

#[test]
fn a_refusal_does_not_tell_the_right_signature() {
    let own = key(Alg::HS256);
    let input = format!("{}.{}", b64(r#"{"alg":"HS256"}"#), b64(PAYLOAD));
    let right = own.sign(input.as_bytes()).unwrap();
    let token = format!("{input}.{}", b64([0; 32]));
    let parsed = Unverified::parse(&token).unwrap();
    let refused = parsed.verify(&own.verifying_key(), everything()).unwrap_err();
    let hand = portcullis_jose::explain::AtHand::new(NOW).key(own.jwk().clone());
    let explained = portcullis_jose::explain::explain(&token, &hand);
    let shown = format!("{refused} {refused:?} {parsed:?} {explained} {:?}", explained.findings);
    let hex: String = right.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.contains(&b64(&right)) && !shown.contains(&hex) && !shown.contains(&format!("{right:?}")));
}

#[test]
fn many_dots_and_many_members_cost_a_look() {
    // No part is decoded and no list is made before the number of parts is known.
    let dots = ".".repeat(1 << 20);
    assert_eq!(Unverified::parse_bytes(dots.as_bytes(), 1 << 21).unwrap_err().name(), "token_parts");
    assert_eq!(Encrypted::parse(dots.as_bytes(), 1 << 21).unwrap_err().name(), "token_parts");
    let reading = Reading::new().limit(1 << 21);
    assert_eq!(Message::parse_detached(dots.as_bytes(), b"", reading).unwrap_err().name(), "token_parts");
    assert_eq!(Unverified::parse(&dots).unwrap_err().name(), "token_too_large");
    // More signatures and recipients than anybody needs.
    let one = json!({"protected": b64(r#"{"alg":"ES256"}"#), "signature": "AA"});
    let many = json!({"payload": "AA", "signatures": vec![one; 17]}).to_string();
    assert_eq!(
        Message::parse(many.as_bytes(), Reading::new()).unwrap_err().name(),
        "jws_too_many_signatures"
    );
    let one = json!({"header": {"alg": "A128KW"}, "encrypted_key": b64([0; 24])});
    let many = json!({"protected": b64(r#"{"enc":"A128GCM"}"#), "iv": b64([0; 12]), "ciphertext": "AA",
        "tag": b64([0; 16]), "recipients": vec![one; 17]});
    let refused = Encrypted::parse(many.to_string().as_bytes(), 1 << 16).unwrap_err();
    assert_eq!(refused.name(), "jwe_too_many_recipients");
}

#[test]
fn an_encrypted_key_that_is_empty_is_a_fault_and_no_crash() {
    for alg in KeyManagement::all().filter(|alg| *alg != KeyManagement::RSA1_5) {
        let header =
            json!({"alg": alg.name(), "enc": "A128GCM", "iv": "", "tag": "", "p2s": "", "p2c": 1000});
        let token = format!("{}..{}.AA.{}", b64(header.to_string()), b64([0; 12]), b64([0; 16]));
        let parsed = Encrypted::parse(token.as_bytes(), 1 << 16);
        let without = matches!(alg, KeyManagement::Dir | KeyManagement::ECDH_ES);
        assert_eq!(parsed.is_ok(), without, "{alg}");
        if let Err(error) = parsed {
            assert_eq!(error.name(), "jwe_encrypted_key", "{alg}");
        }
    }
}

#[test]
fn extensions_are_demanded_of_encrypted_messages_too() {
    for (crit, want) in
        [(json!(["x"]), "crit_unknown"), (json!([]), "crit_malformed"), (json!(["b64"]), "crit_unknown")]
    {
        let header = json!({"alg": "dir", "enc": "A128GCM", "crit": crit, "x": 1, "b64": false}).to_string();
        let token = format!("{}..{}.AA.{}", b64(header), b64([0; 12]), b64([0; 16]));
        assert_eq!(Encrypted::parse(token.as_bytes(), 1 << 16).unwrap_err().name(), want);
    }
}

#[test]
fn a_published_set_gives_no_secret_to_verify_with() {
    let oct = json!({"kty": "oct", "k": b64([7; 64]), "kid": "a"});
    let private: Value = serde_json::from_str(&key(Alg::ES256).jwk().to_private_json()).unwrap();
    let set = json!({"keys": [oct, private, rsa_public()]}).to_string();
    let set = JwkSet::parse_public(set.as_bytes()).unwrap();
    assert_eq!(set.keys.iter().map(|key| key.key_type().name()).collect::<Vec<_>>(), ["RSA"]);
    assert_eq!(set.verifying_keys().0.candidates(None, Alg::HS256).count(), 0);
}

#[test]
fn secrets_are_compared_in_constant_time() {
    // Not measured, but read: what compares is the library's, and nothing else compares.
    let source =
        |file: &str| std::fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(source("jwk/verify.rs").contains("hmac::verify("));
    assert!(source("jwe/content.rs").contains("verify_slices_are_equal(&cbc_tag("));
    assert!(source("jwe/wrap.rs").contains("verify_slices_are_equal("));
    for file in ["jwk/verify.rs", "jwe/content.rs", "jwe/wrap.rs", "jwe/key.rs"] {
        let code = source(file);
        let code = code.split("#[cfg(test)]").next().unwrap();
        for comparison in ["== tag", "== signature", "tag ==", "signature ==", ".as_ref() =="] {
            assert!(!code.contains(comparison), "{file}: {comparison}");
        }
    }
}
