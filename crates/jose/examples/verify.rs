//! Verifies a token against the published keys of its issuer: `cargo run --example verify`.

use std::error::Error;
use std::time::Duration;

use portcullis_jose::{
    Alg, Algs, Issuers, JwkSet, Protected, Refused, Rules, SigningKey, SubjectForm, encode,
};

/// The time is an argument everywhere: microseconds since 1970.
const NOW: i64 = 1_800_000_000 * 1_000_000;

/// Prints what it finds; an error is one that nobody expected.
pub fn main() -> Result<(), Box<dyn Error>> {
    // What an issuer publishes, as it comes from its `jwks_uri`. Private and symmetric keys in it are left out, and noted.
    let signer = SigningKey::generate(Alg::ES256)?;
    let published = JwkSet::from_iter(signer.public_jwk()).to_public_json();
    let set = JwkSet::parse_public(published.as_bytes())?;
    let (keys, left_out) = set.verifying_keys();
    assert!(set.notes.is_empty() && left_out.is_empty());

    // Whom we believe, with which algorithms, and what their tokens must say.
    let rules = Rules::new()
        .audiences(["api://orders"])
        .subject(SubjectForm::Text)
        .leeway(Duration::from_secs(30))
        .max_age(Duration::from_secs(3600));
    let issuers =
        Issuers::new().with("https://idp.example", keys, Algs::of(&[Alg::ES256, Alg::RS256]), rules);

    let claims = br#"{"iss":"https://idp.example","aud":"api://orders","sub":"ada","iat":1799999990,"exp":1800000600}"#;
    let token = encode(&Protected::new().typ("JWT"), claims, &signer)?;
    let verified = issuers.verify(&token, NOW)?;
    println!("{} by `{}`", verified.claims().sub().text().unwrap_or_default(), verified.alg());

    // Every violation at once, each with both sides of the comparison.
    let claims = br#"{"iss":"https://idp.example","aud":"api://billing","sub":"","iat":1,"exp":2}"#;
    let Err(Refused::Claims(violations)) = issuers.verify(&encode(&Protected::new(), claims, &signer)?, NOW)
    else {
        return Err("accepted".into());
    };
    for violation in violations {
        println!("{}: {violation}", violation.name());
    }
    Ok(())
}
