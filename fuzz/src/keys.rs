//! Keys that are the same in every run.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::jwk::DecryptionKey;
use portcullis_jose::{Alg, Jwk, Secret, SigningKey, VerifyingKey};

/// Signs what the targets make, and is wrapped and encrypted with.
pub const SECRET: &[u8; 32] = b"8c1e64bb0d7f2a953e41d6c8b07a9f25";

/// A content key and wrapping key of half the length.
pub const SHORT: &[u8; 16] = b"5f0c9a7b3e81d264";

pub const PASSWORD: &str = "fuzzing is patient";

pub static HMAC: LazyLock<SigningKey> = LazyLock::new(|| secret().signing_key(Alg::HS256).expect("32 bytes"));

fn secret() -> Secret {
    Secret::new(SECRET.to_vec()).expect("long enough")
}

fn pem(text: &str) -> Jwk {
    Jwk::from_pem(text.as_bytes()).expect("a key of this folder")
}

pub static RSA: LazyLock<Jwk> = LazyLock::new(|| pem(include_str!("../keys/rsa.pem")));
pub static EC: LazyLock<Jwk> = LazyLock::new(|| pem(include_str!("../keys/ec.pem")));
pub static ED25519: LazyLock<Jwk> = LazyLock::new(|| pem(include_str!("../keys/ed25519.pem")));
pub static X25519: LazyLock<Jwk> = LazyLock::new(|| pem(include_str!("../keys/x25519.pem")));

/// What verifies: one key of each kind that is quick.
pub static VERIFYING: LazyLock<Vec<VerifyingKey>> = LazyLock::new(|| {
    let asymmetric = [&*RSA, &*EC, &*ED25519].map(|key| key.verifying_key().expect("a signing key"));
    let mut all = vec![secret().verifying_key(None).expect("long enough")];
    all.extend(asymmetric);
    all
});

/// What decrypts: one key of each kind.
pub static DECRYPTING: LazyLock<Vec<DecryptionKey>> = LazyLock::new(|| {
    let oct = |bytes: &[u8]| {
        let json = format!(r#"{{"kty":"oct","k":"{}"}}"#, URL_SAFE_NO_PAD.encode(bytes));
        Jwk::parse(json.as_bytes()).expect("a secret").decryption_key().expect("of a length that wraps")
    };
    let mut all = vec![oct(SECRET), oct(SHORT), DecryptionKey::password(PASSWORD).expect("long enough")];
    all.extend([&*RSA, &*EC, &*X25519].map(|key| key.decryption_key().expect("a private key")));
    all
});
