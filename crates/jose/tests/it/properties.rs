//! What holds for every token, not for examples.

use std::sync::LazyLock;

use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwe::{Decryption, Encryption};
use portcullis_jose::jwk::{Curve, DecryptionKey, EncryptionKey, KeyKind};
use portcullis_jose::jws::{self, DEFAULT_LIMIT, Message, Placement, Policy, Reading};
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, Protected, Secret, Unverified, encode};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{PAYLOAD, b64, key, unb64, unbound};

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

/// A key of every kind.
static KEYS: LazyLock<Vec<Jwk>> = LazyLock::new(|| {
    let curves = [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1].map(KeyKind::Ec);
    let others =
        [KeyKind::Ed25519, KeyKind::Ed448, KeyKind::X25519, KeyKind::X448, KeyKind::MlDsa(Alg::MlDsa65)];
    let lengths = [16, 24, 32, 48, 64].map(KeyKind::Oct);
    let kinds = curves.into_iter().chain(others).chain(lengths);
    kinds.map(|kind| Jwk::generate(kind).unwrap()).chain([unbound(Alg::RS256)]).collect()
});

/// Both halves for each key management, on every key that goes with it.
static PAIRS: LazyLock<Vec<(EncryptionKey, DecryptionKey)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for alg in KeyManagement::all() {
        if alg.mode() == Mode::Password {
            let to = EncryptionKey::password("correct horse battery staple", alg).unwrap();
            all.push((to, DecryptionKey::password("correct horse battery staple").unwrap()));
        }
        for key in KEYS.iter() {
            if let (Ok(to), Ok(own)) = (key.encryption_key(Some(alg)), key.decryption_key()) {
                all.push((to, own));
            }
        }
    }
    all
});

fn pair() -> impl Strategy<Value = &'static (EncryptionKey, DecryptionKey)> {
    (0..PAIRS.len()).prop_map(|at| &PAIRS[at])
}

fn enc() -> impl Strategy<Value = Enc> {
    prop::sample::select(Enc::ALL.to_vec())
}

/// With few iterations, to be quick; `dir` fixes the content encryption by the length of its key.
fn seal(enc: Enc, to: &EncryptionKey, content: &[u8], zip: bool) -> Option<String> {
    let plain = Encryption::new(enc).iterations(1000).header(Protected::new().typ("x"));
    let plain = if zip { plain.compress() } else { plain };
    plain.compact(content, to).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_encrypted_opens(
        pair in pair(), enc in enc(), zip in any::<bool>(), content in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        let (to, own) = pair;
        let Some(token) = seal(enc, to, &content, zip) else {
            prop_assert_eq!(to.alg().mode(), Mode::Direct);
            return Ok(());
        };
        let opened = Decryption::new().open(token.as_bytes(), own).unwrap();
        prop_assert_eq!(opened.content(), &content);
        prop_assert_eq!((opened.alg(), opened.enc(), opened.header().is_compressed()), (to.alg(), enc, zip));
    }

    #[test]
    fn one_changed_byte_of_an_encrypted_token_is_enough(
        pair in pair(), enc in enc(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let (to, own) = pair;
        let Some(token) = seal(enc, to, b"content", true) else { return Ok(()) };
        let mut bytes = token.into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(Decryption::new().open(&bytes, own).is_err(), "{} {enc}: byte {at} as {byte:#04x}", to.alg());
    }

    #[test]
    fn one_changed_value_of_a_signed_json_message_is_enough(
        alg in alg(), member in 0..3usize, at in any::<prop::sample::Index>(), bit in 0..8u8, general in any::<bool>()
    ) {
        let own = key(alg);
        let message = match general {
            true => jws::sign_general(b"payload", &[(&Protected::new(), own)], Placement::Attached),
            false => jws::sign_flattened(&Protected::new(), b"payload", own, Placement::Attached),
        };
        let mut json: Value = serde_json::from_str(&message.unwrap()).unwrap();
        let counts = |json: &Value| {
            Message::parse(json.to_string().as_bytes(), Reading::new())
                .is_ok_and(|message| message.verify(&[own.verifying_key()], alg.into(), Policy::All).is_ok())
        };
        prop_assert!(counts(&json));
        let name = ["protected", "payload", "signature"][member];
        let place = match general && name != "payload" {
            true => &mut json["signatures"][0][name],
            false => &mut json[name],
        };
        let mut bytes = unb64(place.as_str().unwrap());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        *place = b64(&bytes).into();
        prop_assert!(!counts(&json), "{alg}: `{name}`, byte {at}");
    }

    #[test]
    fn a_key_is_the_same_in_every_form(which in 0..15usize, path in prop::collection::vec(0..5u8, 1..6)) {
        let original = &KEYS[which % KEYS.len()];
        let mut key = original.clone();
        for form in path {
            key = match form {
                0 => Jwk::parse(key.to_private_json().as_bytes()).unwrap(),
                1 => match key.to_private_pem() {
                    Ok(pem) => Jwk::from_pem(pem.as_bytes()).unwrap(),
                    Err(error) => {
                        prop_assert!(!key.is_private() || key.to_public_der().is_none(), "{}", error);
                        key
                    }
                },
                2 => key.to_private_der().map_or(key.clone(), |der| Jwk::from_pkcs8(&der).unwrap()),
                3 => key.to_public_pem().map_or(key.clone(), |pem| Jwk::from_pem(pem.as_bytes()).unwrap()),
                _ => key.to_public_json().map_or(key.clone(), |json| Jwk::parse(json.as_bytes()).unwrap()),
            };
            prop_assert_eq!(key.thumbprint(), original.thumbprint());
            prop_assert_eq!(key.key_type(), original.key_type());
            prop_assert_eq!(key.curve(), original.curve());
        }
    }

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
