//! Looks for weak keys in a set before it is published: `cargo run --example audit`.

use std::error::Error;

use portcullis_jose::audit::{self, Exposure};
use portcullis_jose::{Alg, Severity, SigningKey};

const NOW: i64 = 1_800_000_000 * 1_000_000;

/// Prints what it finds; an error is one that nobody expected.
pub fn main() -> Result<(), Box<dyn Error>> {
    let sound = SigningKey::generate(Alg::ES256)?;
    let public = sound.public_jwk().and_then(|key| key.to_public_json()).ok_or("a public half")?;
    let private = sound.jwk().to_private_json();
    let set = format!(r#"{{"keys":[{public},{},{{"kty":"oct","k":"c2VjcmV0"}}]}}"#, *private);

    let findings = audit::set(set.as_bytes(), Exposure::Public, NOW);
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Error) {
        println!("{finding}");
    }
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    for code in ["private_in_public_set", "symmetric_in_public_set", "secret_known", "kid_duplicate"] {
        assert!(codes.contains(&code), "{code}");
    }
    assert!(!audit::secret(b"your-256-bit-secret", Some(Alg::HS256)).is_empty());
    Ok(())
}
