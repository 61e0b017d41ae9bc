//! `portcullis jose key`: making, converting, naming and auditing keys.

mod audit;
mod convert;
mod generate;
mod thumbprint;

pub use audit::of_set;

use super::keys::{Keyring, PasswordOption};
use super::session::Session;
use crate::failure::Done;
use clap::{Args, Subcommand};
use portcullis_control::workbench::KeyFacts;

/// Make, convert, name and audit keys
#[derive(Args, Debug)]
#[command(after_help = "\
Reads JWK, JWK set, PEM, DER, certificates and PKCS#12; which of them a file
is, is read from its bytes. Private keys are written to files of mode 0600,
and nothing is replaced without `--force`.

Examples:
  portcullis jose key generate --alg ES256 --out new.jwk
  portcullis jose key convert a.jwk --public --to jwks --out new-jwks.json
  portcullis jose key audit a.jwk")]
pub struct Key {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Generate(generate::Generate),
    Convert(convert::Convert),
    Thumbprint(thumbprint::Thumbprint),
    Audit(audit::Audit),
}

impl Key {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        match self.verb {
            Verb::Generate(verb) => verb.run(session),
            Verb::Convert(verb) => verb.run(session),
            Verb::Thumbprint(verb) => verb.run(session),
            Verb::Audit(verb) => verb.run(session),
        }
    }
}

/// The keys of the argument's file, or of what a pipe brings.
fn read(argument: Option<&str>, password: &PasswordOption, session: &Session<'_>) -> Done<Keyring> {
    let mut ring = Keyring::default();
    ring.files(&[argument.unwrap_or("-").to_owned()], password, session)?;
    Ok(ring)
}

/// What a key is, in few words: `EC P-256`, `RSA 2048 bits`.
pub fn kind(facts: &KeyFacts) -> String {
    match (&facts.crv, facts.bits, &facts.alg) {
        (Some(crv), ..) => format!("{} {crv}", facts.kty),
        (None, Some(bits), _) => format!("{} {bits} bits", facts.kty),
        (None, None, Some(alg)) => format!("{} {alg}", facts.kty),
        (None, None, None) => facts.kty.clone(),
    }
}
