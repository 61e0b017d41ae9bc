use super::super::at::tests::at;
use super::*;
use portcullis_jose::jwk::{Curve, KeyKind};

fn one(given: &GivenKey) -> Result<Jwk, Problem> {
    let at = at();
    let keys = read("key", std::slice::from_ref(given), &at, at.now)?;
    assert_eq!(keys.entries.len(), 1);
    keys.entries[0].jwk()
}

#[test]
fn every_form_is_the_same_key() {
    let made = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let private = made.to_private_pem().unwrap();
    let public = made.to_public_pem().unwrap();
    for given in [
        GivenKey::jwk(made.to_private_json().as_str()),
        GivenKey::jwks(format!("{{\"keys\":[{}]}}", *made.to_private_json())),
        GivenKey::published(format!("{{\"keys\":[{}]}}", made.to_public_json().unwrap())),
        GivenKey::pem(private.as_str()),
        GivenKey::pem(format!("{public}# both halves\n{}", *private)),
        GivenKey::der(&made.to_private_der().unwrap()),
        GivenKey::der(&made.to_public_der().unwrap()),
        GivenKey::pem(public.as_str()),
    ] {
        assert_eq!(one(&given).unwrap().thumbprint(), made.thumbprint());
    }
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let chain = certified.cert.pem() + &certified.cert.pem();
    let by_pem = one(&GivenKey::pem(chain)).unwrap().thumbprint();
    assert_eq!(by_pem, one(&GivenKey::der(certified.cert.der())).unwrap().thumbprint());
    let named =
        GivenKey { kid: Some("k".into()), alg: Some("ES256".into()), ..GivenKey::pem(public.as_str()) };
    let named = one(&named).unwrap();
    assert_eq!((named.kid(), named.alg_name()), (Some("k"), Some("ES256")));
}

#[test]
fn what_is_no_key_is_named_and_not_repeated() {
    let made = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let public = made.to_public_pem().unwrap();
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    for (given, name) in [
        (GivenKey::default(), "key_form"),
        (GivenKey { pem: Some(public.as_str().into()), ..GivenKey::secret(b"x") }, "key_form"),
        (GivenKey::pem(secret), "pem_missing"),
        (GivenKey::pem("-----BEGIN PUBLIC KEY-----\nMFkw"), "pem_malformed"),
        (
            GivenKey::pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----"),
            "pem_encrypted",
        ),
        (GivenKey::der(secret.as_bytes()), "der_malformed"),
        (GivenKey { der: Some("hunter2!".into()), ..GivenKey::default() }, "base64_malformed"),
        (GivenKey::jwk(r#"{"kty":"oct","k":"aHVudGVyMg","k":"aHVudGVyMg"}"#), "json_duplicate_member"),
        (GivenKey::jwks("{}"), "key_member_missing"),
        (GivenKey::secret(b""), "secret_too_short"),
        (
            GivenKey {
                encoding: Encoding::Hex,
                ..GivenKey { secret: Some(secret.into()), ..GivenKey::default() }
            },
            "secret_malformed",
        ),
        // A public key as a secret lets anybody forge (CVE-2015-9235 and its children).
        (GivenKey::secret(public.as_bytes()), "secret_is_key"),
        (GivenKey { alg: Some("RS256".into()), ..GivenKey::pem(public.as_str()) }, "key_alg_mismatch"),
        (GivenKey { alg: Some("none".into()), ..GivenKey::pem(public.as_str()) }, "key_alg_unknown"),
        (GivenKey { kid: Some(String::new()), ..GivenKey::pem(public.as_str()) }, "kid_malformed"),
        (GivenKey { roots: Some(secret.into()), ..GivenKey::pem(public.as_str()) }, "roots_malformed"),
    ] {
        let problem = one(&given).unwrap_err();
        assert_eq!(problem.name, name, "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert!(!problem.next.is_empty() && problem.place.starts_with("key"), "{problem}");
    }
}

#[test]
fn a_chain_counts_only_when_it_leads_to_a_root() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let with = |roots: String| GivenKey { roots: Some(roots), ..GivenKey::pem(certified.cert.pem()) };
    assert!(one(&with(certified.cert.pem())).is_ok());
    assert_eq!(one(&with(other.cert.pem())).unwrap_err().name, "chain_no_root");
    let der = GivenKey { roots: Some(other.cert.pem()), ..GivenKey::der(certified.cert.der()) };
    assert_eq!(one(&der).unwrap_err().name, "chain_no_root");
    // A block of nothing, whose two lines share their dashes.
    let nothing = GivenKey {
        roots: Some(certified.cert.pem()),
        ..GivenKey::pem("-----BEGIN CERTIFICATE-----END CERTIFICATE-----")
    };
    assert!(one(&nothing).is_err());
}

#[test]
fn no_more_keys_than_are_read() {
    let at = at();
    let many = vec![GivenKey::secret(b"x"); at.bounds.keys + 1];
    let refused = read("keys", &many, &at, at.now).map(|_| ()).unwrap_err();
    assert_eq!((refused.name, refused.place.as_str()), ("too_many_keys", "keys[64]"));
    let published =
        GivenKey::published(r#"{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#);
    let keys = read("keys", &[published], &at, at.now).unwrap();
    assert!(keys.entries.is_empty());
    assert_eq!(keys.left_out()[0].name, "symmetric_in_public_set");
}
