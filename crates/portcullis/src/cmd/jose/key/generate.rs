//! `portcullis jose key generate`: making a key.

use super::convert::Format;
use super::kind;
use crate::cmd::jose::keys::Keyring;
use crate::cmd::jose::out::Out;
use crate::cmd::jose::paint::harmless;
use crate::cmd::jose::session::Session;
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_control::workbench::GivenKey;
use portcullis_control::workbench::keys::generate::{self, Request};
use serde_json::json;
use std::path::PathBuf;

/// Make a private key or a shared secret
#[derive(Args, Debug)]
#[command(after_help = "\
For signing: HS256 HS384 HS512, RS256 … PS512, ES256 ES384 ES512 ES256K, EdDSA
Ed25519 Ed448, ML-DSA-44 ML-DSA-65 ML-DSA-87. For encryption: RSA-OAEP-256 …,
ECDH-ES and ECDH-ES+A128KW …, A128KW …, A128GCMKW …, and for `dir` a content
encryption such as A256GCM. The key says what it is for (`alg`, `use`), and
its `kid` is its thumbprint; that of a shared secret is random, since a digest
of a secret is not to be published.

With `--out` the key is written to a file of mode 0600, and what may be known
of it to stdout.

Exit codes: 0 made, 2 called wrongly, or the file is there.

Examples:
  portcullis jose key generate --alg ES256 --out new.jwk \\
      --public-out new.pub.jwk
  portcullis jose key generate --alg RS256 --bits 3072 --format pem \\
      --out new-rsa.pem
  portcullis jose key generate --alg ECDH-ES+A256KW --curve X25519 \\
      --out new-to.jwk
  portcullis jose key generate --alg HS256 | portcullis jose sign --key - \\
      --claim sub=ada")]
pub struct Generate {
    /// What the key is for: an algorithm for signing, for key management, or for content encryption
    #[arg(long, value_name = "ALG", required_unless_present = "kty")]
    alg: Option<String>,
    /// A key that names no algorithm: `oct`, `RSA`, `EC`, `OKP`
    #[arg(long, value_name = "TYPE", conflicts_with = "alg")]
    kty: Option<String>,
    /// The curve, where the algorithm leaves it open: `P-256` (default), `P-384`, `P-521`, `X25519`, `X448`, …
    #[arg(long, value_name = "CURVE")]
    curve: Option<String>,
    /// Bits of an RSA key: 2048, 3072 (default) or 4096
    #[arg(long, value_name = "BITS")]
    bits: Option<u32>,
    /// Bytes of a shared secret, where more are wanted than the algorithm needs
    #[arg(long, value_name = "BYTES")]
    bytes: Option<usize>,
    /// The key's id, in place of its thumbprint
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// How the key is written: `jwk`, `jwks`, `pem` or `der`
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    format: Format,
    /// Write the public half to this file too
    #[arg(long, value_name = "FILE")]
    public_out: Option<PathBuf>,
    #[command(flatten)]
    out: Out,
}

impl Generate {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let public_out = Out::to(self.public_out.clone(), self.out.is_forced());
        self.out.check()?;
        public_out.check()?;
        let request = Request {
            algorithm: self.alg,
            kty: self.kty,
            curve: self.curve,
            bits: self.bits,
            bytes: self.bytes,
            kid: self.kid,
            ..Request::default()
        };
        let made = generate::run(&request, &session.at()).map_err(|problem| option(&problem))?;
        let own = Keyring::of(GivenKey::jwk(made.jwk.expose()), "the key");
        if public_out.is_file() {
            let Some(public) = &made.public_jwk else {
                return Err(
                    Failure::usage("a shared secret has no public half").next("leave `--public-out` away")
                );
            };
            let public = Keyring::of(GivenKey::jwk(public.expose()), "the key");
            public_out.write(&self.format.write(&public, false, session)?.bytes, false)?;
        }
        let written = self.format.write(&own, false, session)?;
        let facts = format!(
            "{}, kid {}",
            kind(&made.facts),
            made.facts.kid.as_deref().map(harmless).unwrap_or_default()
        );
        match (self.out.is_file(), session.is_json()) {
            (false, true) => output::json(&serde_json::to_value(&made).unwrap_or_default()),
            (false, false) => {
                written.on_screen(&self.out, session)?;
                self.out.write(&written.bytes, true)
            }
            // What may be known of it. The key itself is in the file.
            (true, json) => {
                self.out.write(&written.bytes, true)?;
                match json {
                    true => output::json(&json!({ "public_jwk": made.public_jwk, "facts": made.facts })),
                    false => output::write(&format!("{facts}\n")),
                }
            }
        }
    }
}

/// The problem, about an option.
fn option(problem: &portcullis_control::workbench::Problem) -> Failure {
    let failure = Keyring::default().problem(problem);
    match problem.place.as_str() {
        "" => failure,
        "algorithm" => failure.at("--alg"),
        place => failure.at(format!("--{place}")),
    }
}
