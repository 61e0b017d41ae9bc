//! The audit, on keys that should worry their owners.

use portcullis_jose::audit::{self, Exposure};
use portcullis_jose::jwk::{Curve, KeyKind};
use portcullis_jose::{Alg, Finding, Jwk, Severity};
use serde_json::{Value, json};

use crate::support::{b64, key};

const NOW: i64 = 1_760_000_000 * 1_000_000;

fn public(alg: Alg) -> Value {
    serde_json::from_str(&key(alg).public_jwk().unwrap().to_public_json().unwrap()).unwrap()
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn set(keys: Vec<Value>) -> Vec<Finding> {
    audit::set(json!({ "keys": keys }).to_string().as_bytes(), Exposure::Public, NOW)
}

#[test]
fn a_sound_set_has_nothing_worse_than_advice() {
    let keys: Vec<_> = [Alg::ES256, Alg::EdDSA, Alg::MlDsa65, Alg::RS256]
        .into_iter()
        .map(|alg| with(public(alg), "use", json!("sig")))
        .collect();
    let found = set(keys);
    assert!(found.iter().all(|finding| finding.severity == Severity::Info), "{found:?}");
}

#[test]
fn every_weakness_has_its_code() {
    let ec = public(Alg::ES256);
    let private: Value = serde_json::from_str(&key(Alg::ES256).jwk().to_private_json()).unwrap();
    let oct = json!({"kty": "oct", "k": b64("secret"), "kid": "o"});
    let small = json!({"kty": "RSA", "e": "AQAB", "n": b64([0xc1; 128]), "kid": "s"});
    for (jwk, want) in [
        (private, "private_in_public_set"),
        (oct.clone(), "symmetric_in_public_set"),
        (oct.clone(), "secret_known"),
        (oct, "secret_too_short"),
        (small, "rsa_too_small"),
        (with(public(Alg::RS256), "e", json!("Aw")), "rsa_small_exponent"),
        (with(public(Alg::RS256), "e", json!("AQ")), "rsa_exponent"),
        (with(ec.clone(), "y", ec["x"].clone()), "key_point"),
        (with(ec.clone(), "alg", json!("ES384")), "key_alg_mismatch"),
        (with(ec.clone(), "x5c", json!("x")), "x5c_malformed"),
        (with(ec.clone(), "x5c", json!(["AAAA"])), "x5c_malformed"),
        (json!({"kty": "RSA"}), "key_member_missing"),
        (json!({"kty": "EC", "crv": "P-224"}), "key_curve_unknown"),
        (json!({"kty": "FOO"}), "key_type_unknown"),
        (json!(7), "key_shape"),
    ] {
        let found = set(vec![jwk.clone()]);
        assert!(codes(&found).contains(&want), "{want}: {:?} for {jwk}", codes(&found));
    }
    let mut bare = public(Alg::RS256);
    bare.as_object_mut().unwrap().remove("alg");
    let found = set(vec![bare.clone(), with(bare, "kid", json!(null))]);
    for want in ["use_unstated", "alg_unstated", "rsa_below_3072"] {
        assert!(codes(&found).contains(&want), "{want}: {found:?}");
    }
    assert!(codes(&set(vec![])).contains(&"set_empty"));
}

#[test]
fn key_pairs_that_everybody_has_are_known() {
    // The elliptic key of jwt.io, and the RSA key of RFC 7515 A.2.
    let ec = json!({
        "kty": "EC", "crv": "P-256",
        "x": "EVs_o5-uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf84", "y": "kGe5DgSIycKp8w9aJmoHhB1sB3QTugfnRWm5nU_TzsY",
    });
    assert!(codes(&set(vec![ec.clone()])).contains(&"key_known"));
    assert!(codes(&set(vec![with(ec, "kid", json!("my-own"))])).contains(&"key_known"));
    assert!(!codes(&set(vec![public(Alg::ES256)])).contains(&"key_known"));
    let Some(folder) = crate::vectors::folder() else { return };
    let rfcs = crate::vectors::json(&folder.join("rfc/rfc_vectors.json"));
    let mut printed = 0;
    for case in rfcs["vectors"].as_array().unwrap() {
        if case["jwk"]["d"].is_string() {
            let found = audit::key(case["jwk"].to_string().as_bytes(), Exposure::Private, NOW);
            assert!(codes(&found).contains(&"key_known"), "{}", case["id"]);
            printed += 1;
        }
    }
    assert!(printed > 8, "{printed}");
}

#[test]
fn keys_of_a_set_are_compared() {
    let (one, other) = (public(Alg::ES256), public(Alg::ES384));
    let same_id = with(other.clone(), "kid", one["kid"].clone());
    assert!(codes(&set(vec![one.clone(), same_id])).contains(&"kid_duplicate"));
    let again = with(one.clone(), "kid", json!("another"));
    assert!(codes(&set(vec![one.clone(), again])).contains(&"key_twice"));
    let mut nameless = other;
    nameless.as_object_mut().unwrap().remove("kid");
    assert!(codes(&set(vec![one, nameless])).contains(&"kid_missing"));
}

#[test]
fn a_shared_prime_is_found() {
    // Two moduli from three primes, as a bad random source makes them: q is in both.
    let primes: Vec<_> = [KeyKind::Rsa(portcullis_jose::jwk::RsaBits::B2048); 2]
        .into_iter()
        .map(|kind| {
            let jwk: Value = serde_json::from_str(&Jwk::generate(kind).unwrap().to_private_json()).unwrap();
            ["p", "q"].map(|name| {
                num_bigint::BigUint::from_bytes_be(&crate::support::unb64(jwk[name].as_str().unwrap()))
            })
        })
        .collect();
    let [[p, q], [r, _]] = [&primes[0], &primes[1]];
    let jwk = |n: num_bigint::BigUint, kid: &str| json!({"kty": "RSA", "e": "AQAB", "n": b64(n.to_bytes_be()), "kid": kid});
    let found = set(vec![jwk(p * q, "a"), public(Alg::ES256), jwk(q * r, "b")]);
    let shared: Vec<_> = found.iter().filter(|finding| finding.code == "rsa_shared_factor").collect();
    assert_eq!(shared.len(), 1, "{found:?}");
    assert!(shared[0].evidence.contains("key 0"), "{}", shared[0]);
}

#[test]
fn a_certificate_is_the_key_s_own_and_in_force() {
    let made = rcgen::KeyPair::generate().unwrap();
    let certificate = |from: i32, to: i32| {
        let mut params = rcgen::CertificateParams::new(vec!["key.example".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            params.self_signed(&made).unwrap().der(),
        )
    };
    let own = Jwk::from_pem(made.public_key_pem().as_bytes()).unwrap();
    let own: Value = serde_json::from_str(&own.to_public_json().unwrap()).unwrap();
    let found = |jwk: &Value, x5c: Value| codes(&set(vec![with(jwk.clone(), "x5c", x5c)]));
    let sound = found(&own, json!([certificate(2020, 2040)]));
    assert!(!sound.iter().any(|code| code.starts_with("certificate") || code.starts_with("x5")), "{sound:?}");
    assert!(found(&own, json!([certificate(2010, 2020)])).contains(&"certificate_expired"));
    assert!(found(&own, json!([certificate(2039, 2040)])).contains(&"certificate_not_yet_valid"));
    assert!(
        found(&public(Alg::ES256), json!([certificate(2020, 2040)])).contains(&"certificate_of_another_key")
    );
    let print = with(with(own, "x5c", json!([certificate(2020, 2040)])), "x5t#S256", json!("AAAA"));
    assert!(codes(&set(vec![print])).contains(&"x5t_mismatch"));
}

#[test]
fn single_keys_secrets_and_pem_are_audited_too() {
    let jwk = key(Alg::ES256).jwk().to_private_json();
    assert!(codes(&audit::key(jwk.as_bytes(), Exposure::Public, NOW)).contains(&"private_in_public_set"));
    assert!(!codes(&audit::key(jwk.as_bytes(), Exposure::Private, NOW)).contains(&"private_in_public_set"));
    assert!(codes(&audit::key(b"{", Exposure::Private, NOW)).contains(&"json_end"));
    assert!(codes(&audit::secret(b"changeme", Some(Alg::HS512))).contains(&"secret_known"));
    let random = Jwk::generate(KeyKind::Oct(32)).unwrap().to_private_json();
    let random: Value = serde_json::from_str(&random).unwrap();
    let random = crate::support::unb64(random["k"].as_str().unwrap());
    assert_eq!(codes(&audit::secret(&random, Some(Alg::HS512))), ["secret_too_short"]);
    let pem = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().to_private_pem().unwrap();
    assert!(codes(&audit::pem(pem.as_bytes(), Exposure::Private)).is_empty());
    assert_eq!(codes(&audit::pem(b"no pem", Exposure::Private)), ["pem_missing"]);
}

#[test]
fn findings_show_no_secret() {
    let oct = json!({"kty": "oct", "k": b64("sup3r-unusual-but-short"), "kid": "o"});
    for finding in audit::set(json!({ "keys": [oct] }).to_string().as_bytes(), Exposure::Private, NOW) {
        let shown = format!("{finding} {finding:?} {}", serde_json::to_string(&finding).unwrap());
        assert!(!shown.contains("sup3r") && !shown.contains(&b64("sup3r-unusual")), "{shown}");
    }
}
