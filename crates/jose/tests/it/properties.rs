//! What holds for every token, not for examples.

use std::sync::LazyLock;

use portcullis_jose::jws::{self, DEFAULT_LIMIT};
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, Protected, Secret, Unverified, encode};
use proptest::prelude::*;

use crate::support::{PAYLOAD, key, unb64};

fn alg() -> impl Strategy<Value = Alg> {
    prop::sample::select(Alg::ALL.to_vec())
}

static TOKENS: LazyLock<Vec<(Alg, String)>> = LazyLock::new(|| {
    Alg::ALL
        .into_iter()
        .map(|alg| (alg, encode(&Protected::new(), PAYLOAD.as_bytes(), key(alg)).unwrap()))
        .collect()
});

/// Whether a token counts under the key of this algorithm, everything allowed that the key can do.
fn counts(token: &[u8], alg: Alg) -> bool {
    let all = Algs::of(&Alg::ALL);
    Unverified::parse_bytes(token, DEFAULT_LIMIT)
        .is_ok_and(|token| token.verify(&key(alg).verifying_key(), all).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_signed_verifies_and_reads_back(alg in alg(), payload in any::<Vec<u8>>(), typ in "[ -~]{0,20}") {
        prop_assume!(!payload.is_empty());
        let key = key(alg);
        let token = jws::sign_compact(&Protected::new().typ(typ.clone()), &payload, key).unwrap();
        let checked = jws::verify_compact(token.as_bytes(), DEFAULT_LIMIT, &key.verifying_key(), alg.into());
        let (header, read) = checked.unwrap().unwrap();
        prop_assert_eq!(read, payload);
        prop_assert_eq!(header.alg(), Ok(alg));
        prop_assert_eq!(header.typ(), Some(&*typ));
        prop_assert_eq!(header.kid(), key.kid());
    }

    #[test]
    fn no_key_of_another_algorithm_verifies(signed in alg(), tried in alg()) {
        prop_assume!(signed != tried);
        let (_, token) = &TOKENS[signed as usize];
        prop_assert!(!counts(token.as_bytes(), tried));
    }

    #[test]
    fn one_changed_byte_is_enough(which in 0..TOKENS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (alg, token) = &TOKENS[which];
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(!counts(&bytes, *alg), "{alg}: byte {at} as {byte:#04x}");
    }

    #[test]
    fn one_inserted_or_lost_byte_is_enough(
        which in 0..TOKENS.len(), at in any::<prop::sample::Index>(), byte in prop::option::of(any::<u8>())
    ) {
        let (alg, token) = &TOKENS[which];
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        match byte {
            Some(byte) => bytes.insert(at, byte),
            None => { bytes.remove(at); }
        }
        prop_assert!(!counts(&bytes, *alg));
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in any::<Vec<u8>>(), text in ".{0,200}") {
        let _ = Unverified::parse_bytes(&bytes, DEFAULT_LIMIT);
        let _ = Unverified::parse(&text);
        let _ = Jwk::parse(&bytes);
        let _ = JwkSet::parse(&bytes);
        let _ = Jwk::from_pem(&bytes);
        let _ = Secret::new(bytes.clone());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD, &bytes));
        let _ = Jwk::from_pem(pem.as_bytes());
        let _ = Jwk::from_pem(pem.replace("PRIVATE", "PUBLIC").as_bytes());
    }

    #[test]
    fn a_broken_structure_never_becomes_another_key(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        // A public key with one byte changed is either refused or another key, never the same one.
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                   -----END PUBLIC KEY-----\n";
        let own = Jwk::from_pem(pem.as_bytes()).unwrap();
        let body = pem.lines().nth(1).unwrap();
        let mut der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
        let at = at.index(der.len());
        prop_assume!(der[at] != byte);
        der[at] = byte;
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        if let Ok(key) = Jwk::from_pem(pem.as_bytes()) {
            prop_assert_ne!(key.thumbprint(), own.thumbprint());
        }
    }
}

/// Every position of one token per family, a few values each: what chance might miss.
#[test]
fn no_position_is_unprotected() {
    for alg in [Alg::HS256, Alg::EdDSA, Alg::ES256, Alg::RS256] {
        let (_, token) = &TOKENS[alg as usize];
        for at in 0..token.len() {
            let own = token.as_bytes()[at];
            for byte in [own ^ 1, own ^ 0x20, b'A', b'_', b'.', b'=', b' ', 0] {
                if byte != own {
                    let mut bytes = token.clone().into_bytes();
                    bytes[at] = byte;
                    assert!(!counts(&bytes, alg), "{alg}: byte {at} as {byte:#04x}");
                }
            }
        }
    }
}

/// Every other last character of every part: the bits that decoders tend to ignore.
#[test]
fn base64_has_one_spelling() {
    for alg in Alg::ALL {
        let (_, token) = &TOKENS[alg as usize];
        let parts: Vec<_> = token.split('.').collect();
        for (i, part) in parts.iter().enumerate() {
            let bytes = unb64(part);
            for last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
                let other = format!("{}{}", &part[..part.len() - 1], char::from(*last));
                if other != *part {
                    let mut parts = parts.clone();
                    parts[i] = &other;
                    assert!(
                        !counts(parts.join(".").as_bytes(), alg),
                        "{alg} part {i}, {} bytes",
                        bytes.len()
                    );
                }
            }
            for tail in ["=", "==", "\n", " ", "\0", "%3D", "A"] {
                let other = format!("{part}{tail}");
                let mut parts = parts.clone();
                parts[i] = &other;
                assert!(!counts(parts.join(".").as_bytes(), alg), "{alg} part {i} with {tail:?}");
            }
        }
    }
}
