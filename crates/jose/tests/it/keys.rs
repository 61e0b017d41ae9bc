//! Keys: made, written, read back, bound to what they may do.

use portcullis_jose::jwk::{KeyType, RsaBits};
use portcullis_jose::{Alg, Algs, Jwk, KeyError, SignatureError, SigningKey};
use serde_json::{Value, json};

use crate::support::{b64, key, unbound};

fn edited(jwk: &Jwk, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Result<Jwk, KeyError> {
    let mut json: Value = serde_json::from_str(&jwk.to_private_json()).unwrap();
    edit(json.as_object_mut().unwrap());
    Jwk::parse(json.to_string().as_bytes())
}

#[test]
fn every_key_survives_its_own_json() {
    for alg in Alg::ALL {
        let key = key(alg);
        let again = Jwk::parse(key.jwk().to_private_json().as_bytes()).unwrap();
        assert_eq!(again.thumbprint(), key.jwk().thumbprint());
        assert_eq!(*again.to_private_json(), *key.jwk().to_private_json());
        let signature = again.signing_key(None).unwrap().sign(b"input").unwrap();
        key.verifying_key().verify(alg, b"input", &signature).unwrap();
        let Some(public) = key.public_jwk() else {
            assert_eq!(again.key_type(), KeyType::Oct);
            assert_eq!(again.to_public_json(), None);
            continue;
        };
        assert!(!public.is_private() && again.is_private());
        let text = public.to_public_json().unwrap();
        for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"priv\"", "\"k\""] {
            assert!(!text.contains(private), "{alg}: {private}");
        }
        let public = Jwk::parse(text.as_bytes()).unwrap();
        assert_eq!(public.thumbprint(), again.thumbprint());
        assert_eq!(public.signing_key(Some(alg)).unwrap_err(), KeyError::NotPrivate);
        public.verifying_key().unwrap().verify(alg, b"input", &signature).unwrap();
    }
}

#[test]
fn a_key_takes_its_own_algorithms_only() {
    for own in Alg::ALL {
        let key = key(own).verifying_key();
        assert_eq!(key.accepts(), own.into());
        for other in Alg::ALL.into_iter().filter(|other| *other != own) {
            // Whatever the bytes are: the binding is asked before the mathematics.
            let refused = key.verify(other, b"input", &[0; 64]).unwrap_err();
            assert!(matches!(refused, SignatureError::KeyMismatch { .. }), "{own} took {other}: {refused}");
        }
    }
}

#[test]
fn an_unbound_rsa_key_leaves_the_choice_to_the_caller() {
    let rsa = unbound(Alg::RS256);
    assert_eq!(rsa.accepts().unwrap().to_string(), "RS256, RS384, RS512, PS256, PS384, PS512");
    assert!(matches!(rsa.signing_key(None), Err(KeyError::AlgAmbiguous(_))));
    assert!(matches!(rsa.signing_key(Some(Alg::ES256)), Err(KeyError::AlgMismatch { .. })));
    let verifying = rsa.verifying_key().unwrap();
    for alg in rsa.accepts().unwrap().iter() {
        let signature = rsa.signing_key(Some(alg)).unwrap().sign(b"input").unwrap();
        verifying.verify(alg, b"input", &signature).unwrap();
        for other in rsa.accepts().unwrap().iter().filter(|other| *other != alg) {
            assert_eq!(verifying.verify(other, b"input", &signature), Err(SignatureError::Mismatch));
        }
    }
}

#[test]
fn curves_and_names_fix_the_algorithm() {
    let unbound_ed = unbound(Alg::EdDSA);
    assert_eq!(unbound_ed.accepts().unwrap(), Algs::of(&[Alg::EdDSA, Alg::Ed25519]));
    assert_eq!(unbound(Alg::ES384).accepts().unwrap(), Alg::ES384.into());
    let wrong = edited(key(Alg::ES384).jwk(), |jwk| drop(jwk.insert("alg".into(), "ES256".into()))).unwrap();
    assert_eq!(wrong.verifying_key().unwrap_err().name(), "key_alg_mismatch");
    let foreign =
        edited(key(Alg::RS256).jwk(), |jwk| drop(jwk.insert("alg".into(), "RSA-OAEP".into()))).unwrap();
    assert_eq!(foreign.verifying_key().unwrap_err().name(), "key_alg_unknown");
}

#[test]
fn use_and_key_ops_are_obeyed() {
    let key = key(Alg::ES256).jwk();
    for (name, value, verifies, signs) in [
        ("use", json!("sig"), true, true),
        ("use", json!("enc"), false, false),
        ("use", json!("else"), false, false),
        ("key_ops", json!(["sign"]), true, true),
        ("key_ops", json!(["verify"]), true, false),
        ("key_ops", json!(["verify", "sign"]), true, true),
        ("key_ops", json!(["deriveKey"]), false, false),
        ("key_ops", json!([]), false, false),
    ] {
        let edited = edited(key, |jwk| drop(jwk.insert(name.into(), value.clone()))).unwrap();
        assert_eq!(edited.verifying_key().is_ok(), verifies, "{name} {value}");
        assert_eq!(edited.signing_key(None).is_ok(), signs, "{name} {value}");
    }
    // The public half of a key that signs is one that verifies.
    let signs = edited(key, |jwk| drop(jwk.insert("key_ops".into(), json!(["sign"])))).unwrap();
    let public: Value = serde_json::from_str(&signs.to_public_json().unwrap()).unwrap();
    assert_eq!(public["key_ops"], json!(["verify"]));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let set = |name: &str, value: String| {
        let name = name.to_owned();
        move |jwk: &mut serde_json::Map<String, Value>| drop(jwk.insert(name, value.into()))
    };
    let other_ec = SigningKey::generate(Alg::ES256).unwrap();
    let d = |key: &SigningKey| {
        serde_json::from_str::<Value>(&key.jwk().to_private_json()).unwrap()["d"].as_str().unwrap().to_owned()
    };
    for (alg, name, value, want) in [
        (Alg::ES256, "d", d(&other_ec), "key_private_mismatch"),
        (Alg::ES256, "d", b64([0; 32]), "key_private_mismatch"),
        (Alg::ES256, "d", b64([0xff; 32]), "key_private_mismatch"),
        (Alg::ES256, "d", b64([1; 31]), "key_length"),
        (Alg::ES512, "x", b64([0xff; 66]), "key_point"),
        (Alg::ES256K, "y", b64([7; 32]), "key_point"),
        (Alg::EdDSA, "d", b64([7; 32]), "key_private_mismatch"),
        (Alg::EdDSA, "x", b64([0; 32]), "key_point"),
        (Alg::MlDsa44, "priv", b64([7; 32]), "key_private_mismatch"),
        (Alg::MlDsa44, "priv", b64([7; 64]), "key_length"),
        (Alg::RS256, "d", b64([7; 256]), "key_private_mismatch"),
        (Alg::RS256, "e", b64([1]), "rsa_exponent"),
        (Alg::RS256, "e", b64([4]), "rsa_exponent"),
        (Alg::RS256, "e", b64([0xff; 64]), "rsa_exponent"),
        (Alg::RS256, "e", b64([3, 0, 0, 0, 1]), "rsa_exponent"),
        (Alg::RS256, "e", b64([0]), "rsa_exponent"),
        (Alg::RS256, "n", b64([0xff; 255]), "rsa_too_small"),
        (Alg::RS256, "n", b64([0xff; 1025]), "rsa_too_large"),
        (Alg::RS256, "n", b64([0xfe; 256]), "rsa_exponent"),
    ] {
        assert_eq!(edited(key(alg).jwk(), set(name, value)).unwrap_err().name(), want, "{alg} {name}");
    }
    let without_factors = edited(key(Alg::RS256).jwk(), |jwk| drop(jwk.remove("p")));
    assert_eq!(without_factors.unwrap_err(), KeyError::RsaFactors);
    let many_primes = edited(key(Alg::RS256).jwk(), |jwk| drop(jwk.insert("oth".into(), json!([]))));
    assert_eq!(many_primes.unwrap_err(), KeyError::RsaFactors);
    let two_thousand = [&[0x7f][..], &[0xff; 255]].concat();
    let small = edited(key(Alg::RS256).jwk(), set("n", b64(two_thousand)));
    assert_eq!(small.unwrap_err(), KeyError::RsaTooSmall(2047));
}

#[test]
fn a_leading_zero_is_the_same_number() {
    let public = key(Alg::RS256).public_jwk().unwrap();
    let json: Value = serde_json::from_str(&public.to_public_json().unwrap()).unwrap();
    let n = [vec![0], crate::support::unb64(json["n"].as_str().unwrap())].concat();
    let padded = json!({"kty": "RSA", "e": json["e"], "n": b64(n)}).to_string();
    assert_eq!(Jwk::parse(padded.as_bytes()).unwrap().thumbprint(), public.thumbprint());
}

#[test]
fn larger_rsa_keys_can_be_made() {
    let key = SigningKey::generate_rsa(Alg::PS384, RsaBits::B3072).unwrap();
    let signature = key.sign(b"input").unwrap();
    assert_eq!(signature.len(), 384);
    key.verifying_key().verify(Alg::PS384, b"input", &signature).unwrap();
    assert_eq!(SigningKey::generate_rsa(Alg::ES256, RsaBits::B2048).unwrap_err().name(), "key_alg_mismatch");
}

fn pem(label: &str, der: impl AsRef<[u8]>) -> String {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn the_library_s_own_containers_are_read() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::{self as lc, KeyPair, PqdsaKeyPair};
    for (alg, library) in [
        (Alg::MlDsa44, &lc::ML_DSA_44_SIGNING),
        (Alg::MlDsa65, &lc::ML_DSA_65_SIGNING),
        (Alg::MlDsa87, &lc::ML_DSA_87_SIGNING),
    ] {
        let pair = PqdsaKeyPair::generate(library).unwrap();
        let private = Jwk::from_pem(pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap()).as_bytes()).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = Jwk::from_pem(pem("PUBLIC KEY", public.as_ref()).as_bytes()).unwrap();
        assert_eq!(private.thumbprint(), public.thumbprint());
        let signature = private.signing_key(None).unwrap().sign(b"input").unwrap();
        public.verifying_key().unwrap().verify(alg, b"input", &signature).unwrap();
    }
}

#[test]
fn a_compressed_point_is_the_same_key() {
    for (alg, oid) in [
        (Alg::ES256, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07][..]),
        (Alg::ES256K, &[0x2b, 0x81, 0x04, 0x00, 0x0a]),
    ] {
        let public = key(alg).public_jwk().unwrap();
        let json: Value = serde_json::from_str(&public.to_public_json().unwrap()).unwrap();
        let part = |name: &str| crate::support::unb64(json[name].as_str().unwrap());
        let sign = 2 + (part("y")[31] & 1);
        let tlv = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let point = |sign: u8| {
            let ec = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
            let identifier = tlv(0x30, &[tlv(6, &ec), tlv(6, oid)].concat());
            let bits = tlv(3, &[vec![0, sign], part("x")].concat());
            pem("PUBLIC KEY", tlv(0x30, &[identifier, bits].concat()))
        };
        assert_eq!(Jwk::from_pem(point(sign).as_bytes()).unwrap().thumbprint(), public.thumbprint());
        assert_ne!(Jwk::from_pem(point(sign ^ 1).as_bytes()).unwrap().thumbprint(), public.thumbprint());
        assert!(Jwk::from_pem(point(4).as_bytes()).is_err());
        assert!(Jwk::from_pem(point(6).as_bytes()).is_err());
    }
}

#[test]
fn nothing_shows_what_must_be_kept() {
    for alg in Alg::ALL {
        let key = key(alg);
        let shown = format!("{key:?} {:?} {:?} {:?}", key.jwk(), key.verifying_key(), key.public_jwk());
        let json: Value = serde_json::from_str(&key.jwk().to_private_json()).unwrap();
        for name in ["d", "k", "p", "q", "priv", "n", "x", "pub"] {
            if let Some(value) = json[name].as_str() {
                assert!(!shown.contains(value), "{alg}: {name}");
            }
        }
    }
}
