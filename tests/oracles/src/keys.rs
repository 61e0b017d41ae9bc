//! Keys made once per process, of the kind that an algorithm wants.

use std::collections::HashMap;
use std::sync::LazyLock;

use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};
use portcullis_jose::{Alg, Family, Jwk, SigningKey};

static RSA: LazyLock<Jwk> = LazyLock::new(|| Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).expect("a key"));

static KEYS: LazyLock<HashMap<Alg, SigningKey>> = LazyLock::new(|| {
    let make = |alg: Alg| match alg.family() {
        // Making one takes long: one serves all six.
        Family::RsaPkcs1 | Family::RsaPss => {
            RSA.clone().with_alg(alg).and_then(|key| key.signing_key(None)).expect("a key")
        }
        _ => SigningKey::generate(alg).expect("a key"),
    };
    Alg::ALL.into_iter().map(|alg| (alg, make(alg))).collect()
});

/// The key that signs with this algorithm.
pub fn key(alg: Alg) -> &'static SigningKey {
    &KEYS[&alg]
}

/// Keys that can be encrypted to with this algorithm: one, or one per curve.
pub fn for_encryption(alg: KeyManagement, enc: Enc) -> Vec<Jwk> {
    let make = |kind| Jwk::generate(kind).expect("a key");
    let keys = match alg.mode() {
        Mode::Rsa => vec![RSA.clone()],
        Mode::Wrap | Mode::GcmWrap => {
            let bits: usize = alg.name()[1..4].parse().expect("`A128…`");
            vec![make(KeyKind::Oct(bits / 8))]
        }
        Mode::Direct => vec![make(KeyKind::Oct(enc.key_len()))],
        Mode::Agreement | Mode::AgreementWrap => vec![
            make(KeyKind::Ec(Curve::P256)),
            make(KeyKind::Ec(Curve::P384)),
            make(KeyKind::Ec(Curve::P521)),
            make(KeyKind::X25519),
            make(KeyKind::X448),
        ],
        // A password, as the bytes of a key that says what it is for.
        Mode::Password => vec![make(KeyKind::Oct(24))],
    };
    // RSA1_5 is read and never written, so nothing can be bound to it.
    keys.into_iter().map(|key| key.clone().with_management(alg).unwrap_or(key)).collect()
}
