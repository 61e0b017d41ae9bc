//! `portcullis jose sign`: making tokens and signed messages, for testing and for scripts.

use super::claims::{ClaimOptions, values};
use super::keys::{Keyring, PasswordOption, SecretOptions};
use super::session::Session;
use super::{input, show};
use crate::failure::{Done, Failure};
use crate::reference;
use clap::{Args, ValueEnum};
use portcullis_control::workbench::{self, Content, sign};

/// Make a signed token or message
#[derive(Args, Debug)]
#[command(after_help = "\
Claims come from `--claims` (JSON, `@FILE` or `-`), one by one from `--claim`
(JSON where it reads as JSON, text otherwise), or a payload of any bytes from
`--payload`. `--expires-in` writes `iat` and `exp`. With several keys every
one signs, into the general JSON serialisation.

Exit codes: 0 signed; 2 called wrongly, unreadable, or the key refuses.

Examples:
  portcullis jose sign --key a.jwk --claim sub=ada --claim level=3 \\
      --expires-in 1h
  portcullis jose sign --key a.jwk --claims @claims.json --header typ=at+jwt
  portcullis jose sign --secret-from env:SECRET --secret-encoding base64 \\
      --alg HS256 --claim sub=ada
  portcullis jose sign --key a.jwk --payload body.json --detached \\
      --b64 false
  portcullis jose sign --key a.jwk --key b.jwk --claims @claims.json \\
      --serialization general
  portcullis jose sign --key a.jwk --claim sub=ada --expires-in 5m \\
      | portcullis jose verify --key a.jwk")]
pub struct Sign {
    #[command(flatten)]
    claims: ClaimOptions,
    /// A payload that is no claims set: a file, or `-`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["claims", "more", "expires_in"], help_heading = "Content")]
    payload: Option<String>,
    /// A header parameter (repeatable)
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = reference::pair, help_heading = "Content")]
    header: Vec<(String, String)>,
    /// A private key: JWK, PEM, DER or PKCS#12, or `-` for stdin (repeatable)
    #[arg(long = "key", value_name = "FILE", help_heading = "Keys")]
    keys: Vec<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    password: PasswordOption,
    /// The algorithm, where the key names none: one for all keys, or one for each in their order
    #[arg(long = "alg", value_name = "ALG", help_heading = "Keys")]
    algs: Vec<String>,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Form")]
    serialization: Option<Serialization>,
    /// Leave the payload out: the reader has it by other means
    #[arg(long, help_heading = "Form")]
    detached: bool,
    /// `false`: sign the payload as it is, not as base64url (RFC 7797); needs `--detached`
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, help_heading = "Form")]
    b64: Option<bool>,
}

/// How a message is written (RFC 7515 §7, RFC 7516 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Serialization {
    /// Parts with dots between
    Compact,
    /// JSON, one signature or recipient
    Flattened,
    /// JSON, any number of them
    General,
}

impl From<Serialization> for workbench::Serialization {
    fn from(form: Serialization) -> Self {
        match form {
            Serialization::Compact => Self::Compact,
            Serialization::Flattened => Self::Flattened,
            Serialization::General => Self::General,
        }
    }
}

impl Sign {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let mut ring = Keyring::default();
        ring.files(&self.keys, &self.password, session)?;
        ring.secrets(&self.secrets, session)?;
        if ring.keys.is_empty() {
            return Err(Failure::usage("there is no key to sign with")
                .next("--key FILE, or --secret-from WHERE --alg HS256"));
        }
        if self.payload.is_none() && self.claims.are_none() {
            return Err(Failure::usage("there is nothing to sign")
                .next("--claims JSON, --claim NAME=VALUE, or --payload FILE"));
        }
        let payload = input::payload(self.payload.as_deref(), session)?;
        let request = sign::Request {
            claims: if payload.is_none() { Some(self.claims.read(session)?) } else { None },
            payload: payload.as_deref().map(Content::of),
            header: values(&self.header),
            algorithm: ring.algorithm(&self.algs)?,
            keys: ring.keys.clone(),
            serialization: self.serialization.map(Into::into),
            detached: self.detached,
            unencoded: self.b64 == Some(false),
            expires_in: self.claims.expires_in,
            ..sign::Request::default()
        };
        let answer = sign::run(&request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        show::answer(session, &answer, || show::token(session, &answer.token) + "\n")
    }
}
