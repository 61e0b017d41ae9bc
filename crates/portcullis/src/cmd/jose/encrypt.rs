//! `portcullis jose encrypt`: making encrypted messages, and signed tokens inside of encrypted ones.

use super::claims::{ClaimOptions, object, values};
use super::keys::{Keyring, PasswordOption, SecretOptions};
use super::session::Session;
use super::sign::Serialization;
use super::{input, show};
use crate::failure::{Done, Failure};
use crate::reference;
use clap::Args;
use portcullis_control::workbench::{Content, encrypt, sign};

/// Encrypt a message, or sign claims and encrypt the token
#[derive(Args, Debug)]
#[command(after_help = "\
The content is the argument, `@FILE`, `-` or what a pipe brings; with
`--sign-key` it is a claims set that is signed first, so that the signature is
hidden too. With several keys everybody of them can read it, in the general
JSON serialisation. `--secret-from` is the password of a PBES2 algorithm.
`RSA1_5` is not written.

Exit codes: 0 encrypted; 2 called wrongly, unreadable, or the key refuses.

Examples:
  portcullis jose encrypt @message.txt --key to.jwk --alg ECDH-ES+A128KW \\
      --enc A256GCM
  portcullis jose encrypt --sign-key a.jwk --claim sub=ada --expires-in 1h \\
      --key to.jwk
  echo hello | portcullis jose encrypt --key to.jwk --key rsa.pem \\
      --alg ECDH-ES+A128KW --alg RSA-OAEP-256
  portcullis jose encrypt @message.txt --secret-from file:password.txt \\
      --alg PBES2-HS256+A128KW --iterations 100000 --zip")]
pub struct Encrypt {
    /// The content, `@FILE`, or `-`; without it, what a pipe brings
    #[arg(conflicts_with_all = ["claims", "more"])]
    content: Option<String>,
    #[command(flatten)]
    claims: ClaimOptions,
    /// A recipient's key: JWK, PEM, DER or certificate, or `-` for stdin (repeatable)
    #[arg(long = "key", value_name = "FILE", help_heading = "Keys")]
    keys: Vec<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    password: PasswordOption,
    /// Sign the content first, with this private key
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    sign_key: Option<String>,
    /// The algorithm to sign with, where the key names none
    #[arg(long, value_name = "ALG", requires = "sign_key", help_heading = "Keys")]
    sign_alg: Option<String>,
    /// Key management, where the key names none: one for all keys, or one for each in their order
    #[arg(long = "alg", value_name = "ALG", help_heading = "Form")]
    algs: Vec<String>,
    /// Content encryption
    #[arg(long, value_name = "ENC", default_value = "A256GCM", help_heading = "Form")]
    enc: String,
    /// Compress first; its length then tells something about the content
    #[arg(long, help_heading = "Form")]
    zip: bool,
    /// Rounds of a password's algorithm; other libraries read only so many unless told otherwise
    #[arg(long, value_name = "ROUNDS", help_heading = "Form")]
    iterations: Option<u32>,
    /// A header parameter (repeatable)
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = reference::pair, help_heading = "Form")]
    header: Vec<(String, String)>,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Form")]
    serialization: Option<Serialization>,
}

impl Encrypt {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let mut ring = Keyring::default();
        ring.files(&self.keys, &self.password, session)?;
        ring.secrets(&self.secrets, session)?;
        if ring.keys.is_empty() {
            return Err(Failure::usage("there is nobody to encrypt to")
                .next("--key FILE, or a password: --secret-from WHERE --alg PBES2-HS256+A128KW"));
        }
        let mut signers = Keyring::default();
        if let Some(place) = &self.sign_key {
            signers.files(std::slice::from_ref(place), &self.password, session)?;
        }
        let sign = match self.sign_key {
            Some(_) => Some(self.signed(session, &signers)?),
            None => None,
        };
        let content = match sign {
            Some(_) => None,
            None if !self.claims.are_none() => {
                let what =
                    "claims are signed before they are encrypted: otherwise anybody could have written them";
                return Err(Failure::usage(what).next("--sign-key FILE; or give the content as the argument"));
            }
            None => Some(input::bytes(self.content.as_deref(), "the content", &session.stdin)?),
        };
        let request = encrypt::Request {
            content: content.as_deref().map(Content::of),
            sign,
            algorithm: ring.algorithm(&self.algs)?,
            keys: ring.keys.clone(),
            encryption: Some(self.enc),
            header: values(&self.header),
            serialization: self.serialization.map(Into::into),
            compress: self.zip,
            iterations: self.iterations,
            ..encrypt::Request::default()
        };
        let answer = encrypt::run(&request, &session.at()).map_err(|problem| {
            match problem.place.strip_prefix("sign.") {
                Some(place) => {
                    let failure = signers.problem(&portcullis_control::workbench::Problem {
                        place: place.to_owned(),
                        ..problem.clone()
                    });
                    if problem.name == "key_alg_ambiguous" {
                        failure.next("name one: `--sign-alg ALG`")
                    } else {
                        failure
                    }
                }
                None => ring.problem(&problem),
            }
        })?;
        show::answer(session, &answer, || show::token(session, &answer.token) + "\n")
    }

    fn signed(&self, session: &Session<'_>, signers: &Keyring) -> Done<sign::Request> {
        let claims = if self.claims.claims.is_some() || !self.claims.more.is_empty() {
            self.claims.read(session)?
        } else {
            object(&input::text(self.content.as_deref(), "the claims", &session.stdin)?)?
        };
        Ok(sign::Request {
            claims: Some(claims),
            keys: signers.keys.clone(),
            algorithm: self.sign_alg.clone(),
            expires_in: self.claims.expires_in,
            ..sign::Request::default()
        })
    }
}
