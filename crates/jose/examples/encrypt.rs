//! Signs a token, encrypts it, and opens both again by one call: `cargo run --example encrypt`.

use std::error::Error;

use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::{Decryption, Encryption};
use portcullis_jose::jwk::{Jwk, KeyKind};
use portcullis_jose::{Alg, Protected, SigningKey};

/// Prints what it finds; an error is one that nobody expected.
pub fn main() -> Result<(), Box<dyn Error>> {
    let sender = SigningKey::generate(Alg::ES256)?;
    let recipient = Jwk::generate(KeyKind::X25519)?;

    let to = recipient.encryption_key(Some(KeyManagement::ECDH_ES_A256KW))?;
    let claims = br#"{"sub":"ada","diagnosis":"none of your business"}"#;
    let token = Encryption::new(Enc::A256GCM).signed(&Protected::new().typ("JWT"), claims, &sender, &to)?;
    println!("{token}");

    // Encryption says nothing about who sent it; the signature inside does. Bounds are the reader's to set.
    let reading = Decryption::new().algorithms(&[KeyManagement::ECDH_ES_A256KW]).content_limit(16 << 10);
    let own = recipient.decryption_key()?;
    let (outer, verified) =
        reading.open_signed(token.as_bytes(), &own, &sender.verifying_key(), Alg::ES256.into())?;
    assert_eq!(outer.cty(), Some("JWT"));
    println!("{}", verified.claims().json());

    // Something that is no token, for several recipients, in JSON.
    let other = Jwk::generate(KeyKind::Oct(32))?.with_management(KeyManagement::A256KW)?;
    let other_to = other.encryption_key(None)?;
    let message = Encryption::new(Enc::A256GCM).compress().general(b"to both of you", &[&to, &other_to])?;
    for key in [own, other.decryption_key()?] {
        assert_eq!(Decryption::new().open(message.as_bytes(), &key)?.content(), b"to both of you");
    }
    Ok(())
}
