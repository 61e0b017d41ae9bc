//! What holds for every encrypted or signed message, and for every input of the workbench: not for examples.

use std::sync::LazyLock;

use portcullis_jose::audit::{self, Exposure};
use portcullis_jose::explain::{AtHand, explain};
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::{Decryption, Encrypted, Encryption};
use portcullis_jose::jwk::{Curve, DecryptionKey, KeyKind, Pkcs12, Roots};
use portcullis_jose::jws::{Message, Placement, Policy, Reading, sign_flattened};
use portcullis_jose::{Alg, Algs, Jwk, Protected, Unverified, encode};
use proptest::prelude::*;

use crate::support::{PAYLOAD, key};

const NOW: i64 = 1_800_000_000 * 1_000_000;

/// One message in each form, with its key.
static SEALED: LazyLock<Vec<(String, DecryptionKey)>> = LazyLock::new(|| {
    let ec = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let oct = Jwk::generate(KeyKind::Oct(24)).unwrap();
    let agreed = ec.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
    let wrapped = oct.encryption_key(Some(KeyManagement::A192GCMKW)).unwrap();
    let message = Encryption::new(Enc::A192CBC_HS384).compress();
    vec![
        (message.compact(PAYLOAD.as_bytes(), &agreed).unwrap(), ec.decryption_key().unwrap()),
        (message.compact(PAYLOAD.as_bytes(), &wrapped).unwrap(), oct.decryption_key().unwrap()),
        (message.flattened(PAYLOAD.as_bytes(), &wrapped).unwrap(), oct.decryption_key().unwrap()),
        (
            message.clone().additional_data("x").flattened(PAYLOAD.as_bytes(), &agreed).unwrap(),
            ec.decryption_key().unwrap(),
        ),
    ]
});

static SIGNED: LazyLock<String> = LazyLock::new(|| {
    sign_flattened(&Protected::new(), PAYLOAD.as_bytes(), key(Alg::EdDSA), Placement::Attached).unwrap()
});

static TOKEN: LazyLock<String> =
    LazyLock::new(|| encode(&Protected::new(), PAYLOAD.as_bytes(), key(Alg::EdDSA)).unwrap());

fn changed(text: &str, at: prop::sample::Index, byte: u8) -> Option<Vec<u8>> {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    (bytes[at] != byte).then(|| {
        bytes[at] = byte;
        bytes
    })
}

/// White space and the spelling of member names are JSON's own and protected by nothing; the content is.
fn content(message: &[u8], key: &DecryptionKey) -> Option<Vec<u8>> {
    Decryption::new().open(message, key).ok().map(|opened| opened.content().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_encrypted_decrypts(content in any::<Vec<u8>>(), enc in prop::sample::select(Enc::ALL.to_vec()), zip in any::<bool>()) {
        let jwk = Jwk::generate(KeyKind::X25519).unwrap();
        let to = jwk.encryption_key(Some(KeyManagement::ECDH_ES_A192KW)).unwrap();
        let message = if zip { Encryption::new(enc).compress() } else { Encryption::new(enc) };
        let token = message.compact(&content, &to).unwrap();
        let opened = Decryption::new().open(token.as_bytes(), &jwk.decryption_key().unwrap()).unwrap();
        prop_assert_eq!(opened.content(), &content[..]);
    }

    #[test]
    fn a_changed_byte_never_gives_other_content(which in 0..4usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (message, key) = &SEALED[which];
        let Some(changed) = changed(message, at, byte) else { return Ok(()) };
        match content(&changed, key) {
            None => {}
            Some(content) => {
                prop_assert!(which >= 2, "a compact token has no byte that is not protected");
                prop_assert_eq!(content, PAYLOAD.as_bytes());
            }
        }
    }

    #[test]
    fn a_changed_byte_never_gives_another_payload(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let Some(changed) = changed(&SIGNED, at, byte) else { return Ok(()) };
        let Ok(message) = Message::parse(&changed, Reading::new()) else { return Ok(()) };
        if let Ok(signed) = message.verify(&[key(Alg::EdDSA).verifying_key()], Algs::of(&Alg::ALL), Policy::All) {
            prop_assert_eq!(signed.payload(), PAYLOAD.as_bytes());
        }
    }

    #[test]
    fn every_kind_of_key_survives_every_container(kind in prop::sample::select(vec![
        KeyKind::Ec(Curve::P256), KeyKind::Ec(Curve::P384), KeyKind::Ec(Curve::P521), KeyKind::Ec(Curve::Secp256k1),
        KeyKind::Ed25519, KeyKind::Ed448, KeyKind::X25519, KeyKind::X448, KeyKind::MlDsa(Alg::MlDsa44), KeyKind::MlDsa(Alg::MlDsa87),
    ])) {
        let jwk = Jwk::generate(kind).unwrap();
        let again = [
            Jwk::parse(jwk.to_private_json().as_bytes()).unwrap(),
            Jwk::from_pem(jwk.to_private_pem().unwrap().as_bytes()).unwrap(),
            Jwk::from_pkcs8(&jwk.to_private_der().unwrap()).unwrap(),
        ];
        for again in again {
            prop_assert!(again.is_private());
            prop_assert_eq!(again.thumbprint(), jwk.thumbprint());
            prop_assert_eq!(again.to_private_der().unwrap(), jwk.to_private_der().unwrap());
        }
        let public = Jwk::from_spki(&jwk.to_public_der().unwrap()).unwrap();
        prop_assert!(!public.is_private() && public.to_private_der().is_err());
        prop_assert_eq!(public.thumbprint(), jwk.thumbprint());
    }

    #[test]
    fn what_is_explained_as_valid_verifies(at in any::<prop::sample::Index>(), insert in "[ -~]{0,3}", cut in 0..3usize) {
        let mut from = at.index(TOKEN.len() + 1);
        from = from.min(TOKEN.len());
        let text = format!("{}{insert}{}", &TOKEN[..from], &TOKEN[(from + cut).min(TOKEN.len())..]);
        let hand = AtHand::new(NOW).key(key(Alg::EdDSA).public_jwk().unwrap());
        let explanation = explain(&text, &hand);
        let verifies = Unverified::parse(&text)
            .is_ok_and(|token| token.verify(&key(Alg::EdDSA).verifying_key(), Alg::EdDSA.into()).is_ok());
        prop_assert_eq!(explanation.valid, verifies, "{}", explanation);
        prop_assert!(explanation.valid || !explanation.findings.is_empty());
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in any::<Vec<u8>>(), text in ".{0,200}", json in "[\\[\\]{}\":,a-z0-9]{0,80}") {
        let _ = Encrypted::parse(&bytes, 1 << 16);
        let _ = Message::parse(&bytes, Reading::new().also_unencoded());
        let _ = Message::parse_detached(&bytes, &bytes, Reading::new().also_unencoded());
        let _ = Pkcs12::parse(&bytes, &text);
        let _ = Jwk::from_encrypted_pkcs8(&bytes, &bytes);
        let _ = Jwk::from_chain(std::slice::from_ref(&bytes), &Roots::default(), NOW);
        let _ = audit::secret(&bytes, None);
        for text in [&text, &json] {
            let _ = explain(text, &AtHand::new(NOW).secret(bytes.clone()));
            let _ = Encrypted::parse(text.as_bytes(), 1 << 16);
            let _ = Message::parse(text.as_bytes(), Reading::new());
            let _ = audit::key(text.as_bytes(), Exposure::Public, NOW);
            let _ = audit::set(format!(r#"{{"keys":[{text}]}}"#).as_bytes(), Exposure::Public, NOW);
            let _ = audit::pem(text.as_bytes(), Exposure::Private);
        }
    }
}
