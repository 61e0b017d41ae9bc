//! Encrypted messages: their shape, what opens under fixed keys, and what compressed content unpacks to.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwe::{DecryptError, Decryption, Encrypted, Encryption, Header};
use portcullis_jose::jwk::EncryptionKey;
use serde_json::{Value, json};

use super::{LONGEST, keys};

/// Little enough that unpacking shows when it goes too far.
const CONTENT: usize = 64 << 10;

/// Few enough that a derivation costs nothing.
const ITERATIONS: u32 = 2000;

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    shape(data);
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 8 {
        0 => packed(rest),
        1 => there_and_back(rest),
        _ => {}
    }
}

fn reading() -> Decryption {
    Decryption::new().limit(LONGEST).content_limit(CONTENT).iterations(ITERATIONS)
}

type Facts<'h> = (Option<KeyManagement>, Option<Enc>, Option<&'h str>, Option<&'h str>, bool);

fn facts(header: &Header) -> Facts<'_> {
    (header.alg().ok(), header.enc().ok(), header.kid(), header.cty(), header.is_compressed())
}

fn shape(data: &[u8]) {
    let Ok(message) = Encrypted::parse(data, LONGEST) else { return };
    assert!((1..=16).contains(&message.headers().count()));
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        // Numbers in headers are read as whole ones; writing them again must not change them into others.
        if let Ok(again) = Encrypted::parse(value.to_string().as_bytes(), 2 * LONGEST) {
            assert!(message.headers().map(facts).eq(again.headers().map(facts)));
        }
    } else {
        let parts: Vec<&str> = str::from_utf8(data).expect("base64url and dots").split('.').collect();
        let mut members =
            json!({"protected": parts[0], "iv": parts[2], "ciphertext": parts[3], "tag": parts[4]});
        if !parts[1].is_empty() {
            members["encrypted_key"] = parts[1].into();
        }
        for empty in ["iv", "ciphertext", "tag"] {
            if members[empty] == "" {
                members.as_object_mut().expect("an object").remove(empty);
            }
        }
        let flattened = members.to_string();
        if let Ok(again) = Encrypted::parse(flattened.as_bytes(), 2 * LONGEST) {
            assert!(message.headers().map(facts).eq(again.headers().map(facts)));
            same_answers(&message, &again);
        }
    }
    for key in keys::DECRYPTING.iter() {
        let Ok(opened) = reading().decrypt(&message, key) else { continue };
        assert!(key.accepts().contains(&opened.alg()));
        assert_ne!(opened.alg(), KeyManagement::RSA1_5, "nobody asked for it");
        assert!(opened.content().len() <= CONTENT.max(data.len()));
        let only = reading().algorithms(&[opened.alg()]).contents(&[opened.enc()]);
        assert_eq!(only.decrypt(&message, key).expect("allowed").content(), opened.content());
        assert!(reading().algorithms(&[]).decrypt(&message, key).is_err(), "nothing is allowed by itself");
    }
}

fn same_answers(one: &Encrypted, other: &Encrypted) {
    for key in keys::DECRYPTING.iter() {
        match (reading().decrypt(one, key), reading().decrypt(other, key)) {
            (Ok(one), Ok(other)) => assert_eq!(one.content(), other.content()),
            (Err(one), Err(other)) => assert_eq!(one, other),
            (one, other) => panic!("{one:?}, {other:?}"),
        }
    }
}

/// Any bytes as compressed content under a key that everybody has here.
fn packed(data: &[u8]) {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, keys::SHORT).expect("16 bytes"));
    let iv = [7; 12];
    let mut sealed = data.to_vec();
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(header.as_bytes()),
            &mut sealed,
        )
        .expect("sealed");
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let token = format!("{header}..{}.{}.{}", part(&iv), part(&sealed), part(tag.as_ref()));
    match reading().limit(2 * LONGEST).open(token.as_bytes(), &keys::DECRYPTING[1]) {
        Ok(opened) => assert!(opened.content().len() <= CONTENT),
        Err(DecryptError::ContentTooLarge(CONTENT) | DecryptError::Compression) => {}
        Err(DecryptError::Parse(_)) if data.is_empty() => {}
        Err(other) => panic!("it is authentic: {other}"),
    }
}

/// What is encrypted here opens here, and not after a change.
fn there_and_back(data: &[u8]) {
    let Some((choice, content)) = data.split_first() else { return };
    let enc = Enc::ALL[usize::from(choice % 6)];
    let (to, own) = match choice / 6 % 4 {
        0 => (EncryptionKey::password(keys::PASSWORD, KeyManagement::PBES2_HS256_A128KW), 2),
        1 => (keys::RSA.encryption_key(Some(KeyManagement::RSA_OAEP_256)), 3),
        2 => (keys::EC.encryption_key(Some(KeyManagement::ECDH_ES)), 4),
        _ => (keys::X25519.encryption_key(Some(KeyManagement::ECDH_ES_A256KW)), 5),
    };
    let to = to.expect("a key for it");
    let own = &keys::DECRYPTING[own];
    let token = Encryption::new(enc).iterations(1000).compress().compact(content, &to).expect("encrypted");
    let reading = reading().limit(4 * LONGEST);
    assert_eq!(reading.open(token.as_bytes(), own).expect("its own").content(), content);
    assert!(to.alg().mode() != Mode::Direct);
    let mut bytes = token.into_bytes();
    let at = content.iter().fold(usize::from(*choice), |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
    let at = at % bytes.len();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    assert!(reading.open(&bytes, own).is_err(), "byte {at} was changed");
}
