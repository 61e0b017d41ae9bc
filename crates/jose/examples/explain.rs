//! Says why a token is refused, and what to do about it: `cargo run --example explain`.

use std::error::Error;

use portcullis_jose::explain::{AtHand, explain};
use portcullis_jose::{Alg, Protected, Rules, SigningKey, encode};

const NOW: i64 = 1_800_000_000 * 1_000_000;

/// Prints what it finds; an error is one that nobody expected.
pub fn main() -> Result<(), Box<dyn Error>> {
    let key = SigningKey::generate(Alg::RS256)?;
    let claims = br#"{"iss":"https://idp.example/","sub":"ada","exp":1799999000}"#;
    let token = encode(&Protected::new(), claims, &key)?;
    let public = key.public_jwk().ok_or("a key pair has a public half")?;
    let hand = AtHand::new(NOW).key(public).rules(Rules::new().issuer("https://idp.example"));

    // Pasted with its scheme, expired, and from an issuer that differs by a slash: three findings, each with a next step.
    let explanation = explain(&format!("Bearer {token}"), &hand);
    println!("{explanation}");
    let codes: Vec<_> = explanation.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["scheme_prefix", "signature_valid", "issuer_trailing_slash", "expired"]);

    // The same for programs. What is repaired, and the claims, are as secret as the token.
    println!("{}", serde_json::to_string_pretty(&explanation.findings[0].next)?);
    Ok(())
}
