//! `portcullis jose`: the workbench for tokens and keys on the command line. The operations are the control plane's
//! (`portcullis_control::workbench`), run in this process: what the HTTP API answers is what `--output json` prints.
//!
//! Nothing is sent anywhere unless a URL is named, and no running server is needed.

mod claims;
mod decode;
mod decrypt;
mod encrypt;
mod expectations;
mod explain;
mod findings;
mod input;
mod jwks;
mod key;
mod keyfile;
mod keys;
mod out;
mod paint;
mod prompt;
mod secret;
mod session;
mod show;
mod sign;
mod times;
mod verify;
mod web;

use crate::cli::{Globals, Run};
use crate::failure::Done;
use clap::{Args, Subcommand};
use paint::Color;
use portcullis_model::Timestamp;
use session::Session;

/// Decode, verify, make and explain tokens and keys
#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
A token is given as an argument, as `@FILE`, as `-`, or through a pipe. Keys
are given as files, key sets as files or URLs, secrets by reference: never on
the command line itself. Nothing is sent anywhere unless a URL is named, and
no running server is needed.

Exit codes:
  0  good: valid, decrypted, made, no finding that is an error
  1  not good: not valid, does not decrypt, findings that are errors
  2  called wrongly, or the input cannot be read or fetched

First steps:
  portcullis jose decode @token.txt
  portcullis jose verify @token.txt --key issuer.pem \\
      --iss https://idp.example.com
  portcullis jose explain @token.txt --issuer https://idp.example.com
  portcullis jose key generate --alg ES256 --out new.jwk"
)]
pub struct Jose {
    #[command(subcommand)]
    verb: Verb,
    /// When to colour; `auto` also looks at `NO_COLOR`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        help = "When to colour: `auto` (a terminal without `NO_COLOR`), `always` or `never`"
    )]
    color: Color,
    /// The time by which to judge, in place of the machine's: RFC 3339, or seconds since 1970
    #[arg(long, global = true, value_name = "TIME", value_parser = times::parse)]
    now: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Decode(decode::Decode),
    Verify(verify::Verify),
    Explain(explain::Explain),
    Sign(sign::Sign),
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    Key(key::Key),
    Jwks(jwks::Jwks),
}

impl Run for Jose {
    const NAME: &'static str = "jose";

    fn run(self, globals: &Globals) -> Done {
        let session = Session::new(globals, self.color, self.now);
        match self.verb {
            Verb::Decode(verb) => verb.run(&session),
            Verb::Verify(verb) => verb.run(&session),
            Verb::Explain(verb) => verb.run(&session),
            Verb::Sign(verb) => verb.run(&session),
            Verb::Encrypt(verb) => verb.run(&session),
            Verb::Decrypt(verb) => verb.run(&session),
            Verb::Key(verb) => verb.run(&session),
            Verb::Jwks(verb) => verb.run(&session),
        }
    }
}
