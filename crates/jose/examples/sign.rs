//! Makes a key, signs with it, and writes the key in every container: `cargo run --example sign`.

use std::error::Error;

use portcullis_jose::jws::{Message, Placement, Policy, Reading, sign_detached, sign_general};
use portcullis_jose::{Alg, Algs, Jwk, Protected, SigningKey, encode};

/// Prints what it finds; an error is one that nobody expected.
pub fn main() -> Result<(), Box<dyn Error>> {
    let key = SigningKey::generate(Alg::EdDSA)?;
    let token = encode(&Protected::new().typ("at+jwt"), br#"{"sub":"ada","exp":1900000000}"#, &key)?;
    println!("{token}");

    // `alg` comes from the key and so does `kid`, which is the thumbprint of RFC 7638 unless another was given.
    let public = key.public_jwk().ok_or("a key pair has a public half")?;
    println!("{}\n{}", public.thumbprint_uri(), public.to_public_pem().ok_or("a public key")?);
    let again = Jwk::from_pem(key.jwk().to_private_pem()?.as_bytes())?;
    assert_eq!(again.thumbprint(), public.thumbprint());

    // A signature beside a document, and two signatures of which both must count.
    let document = b"I owe you nothing.";
    let detached = sign_detached(&Protected::new(), document, &key, false)?;
    let message = Message::parse_detached(detached.as_bytes(), document, Reading::new())?;
    message.verify(&[key.verifying_key()], Alg::EdDSA.into(), Policy::All)?;

    let second = SigningKey::generate(Alg::ES256)?;
    let plain = Protected::new();
    let both = sign_general(document, &[(&plain, &key), (&plain, &second)], Placement::Attached)?;
    let keys = [key.verifying_key(), second.verifying_key()];
    let signed = Message::parse(both.as_bytes(), Reading::new())?.verify(
        &keys,
        Algs::of(&[Alg::EdDSA, Alg::ES256]),
        Policy::EveryKey,
    )?;
    assert_eq!((signed.payload(), signed.signers().len()), (&document[..], 2));
    Ok(())
}
