//! `portcullis jose decrypt`: reading encrypted messages, and the signed tokens inside of them.

use super::expectations::Expectations;
use super::keys::{KeyOptions, Keyring, PasswordOption, SecretOptions};
use super::paint::harmless;
use super::session::Session;
use super::{input, show, verify};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_control::workbench::Problem;
use portcullis_control::workbench::decrypt::{self, Answer, Inside, Request};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Decrypt a message, and verify the token inside
#[derive(Args, Debug)]
#[command(after_help = "\
The content goes to stdout as it is. With `--verify-key`, `--jwks` or
`--issuer` it must be a signed token, whose signature and claims are verified
as `verify` does. Whatever fails once the shape is sound is one and the same
answer. `--secret-from` is the password of a PBES2 algorithm, or a shared key.

`--allow-rsa1-5` is for reading what an old system wrote, on your own machine.
Its padding is an oracle: whoever can make you try messages, and see how it
goes, can read and forge others.

Exit codes: 0 decrypted (and verified), 1 not, 2 called wrongly or unreadable.

Examples:
  portcullis jose decrypt @encrypted.txt --key to.jwk
  portcullis jose decrypt @nested.txt --key to.jwk --verify-key issuer.pem \\
      --iss https://idp.example.com
  portcullis jose decrypt @password.jwe --secret-from file:password.txt")]
pub struct Decrypt {
    /// The message, `@FILE`, or `-`; without it, what a pipe brings
    message: Option<String>,
    /// A private key: JWK, PEM, DER or PKCS#12, or `-` for stdin (repeatable)
    #[arg(long = "key", value_name = "FILE", help_heading = "Keys")]
    keys: Vec<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    password: PasswordOption,
    /// A key management algorithm that is allowed (repeatable; all but `RSA1_5`, if none is named)
    #[arg(long = "alg", value_name = "ALG", help_heading = "Keys")]
    algs: Vec<String>,
    /// A content encryption that is allowed (repeatable; all, if none is named)
    #[arg(long = "enc", value_name = "ENC", help_heading = "Keys")]
    encs: Vec<String>,
    /// Read RSA1_5 too. Dangerous: see above
    #[arg(long = "allow-rsa1-5", alias = "allow-rsa1_5", help_heading = "Keys")]
    allow_rsa1_5: bool,
    /// A key that must have signed the token inside: a file as for `verify --key` (repeatable)
    #[arg(long = "verify-key", value_name = "FILE", help_heading = "The token inside")]
    verify_keys: Vec<String>,
    /// A JWK set of the signer: a file, or a URL to fetch it from (repeatable)
    #[arg(long = "jwks", value_name = "FILE|URL", help_heading = "The token inside")]
    sets: Vec<String>,
    /// The signer, whose key set is found by OpenID discovery; the token must have this `iss`
    #[arg(long, value_name = "URL", help_heading = "The token inside")]
    issuer: Option<String>,
    /// Trust these certificates (PEM) when fetching, in place of the public ones
    #[arg(long, value_name = "FILE", help_heading = "The token inside")]
    ca_file: Option<PathBuf>,
    /// A signature algorithm that is allowed (repeatable; every one that the keys take, if none is named)
    #[arg(long = "verify-alg", value_name = "ALG", help_heading = "The token inside")]
    verify_algs: Vec<String>,
    #[command(flatten)]
    expectations: Expectations,
}

impl Decrypt {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let given = input::text(self.message.as_deref(), "the message", &session.stdin)?;
        let (message, note) = input::strict(&given);
        if let Some(note) = note {
            session.note(note);
        }
        if self.algs.iter().any(|alg| alg == "RSA1_5") && !self.allow_rsa1_5 {
            return Err(Failure::usage("`RSA1_5` is dangerous, and read only where that is said")
                .next("--allow-rsa1-5, after `portcullis jose decrypt --help`"));
        }
        let mut ring = Keyring::default();
        ring.files(&self.keys, &self.password, session)?;
        ring.secrets(&self.secrets, session)?;
        if ring.keys.is_empty() {
            return Err(
                Failure::usage("there is no key to decrypt with").next("--key FILE, or --secret-from WHERE")
            );
        }
        let signers = self.signers(session)?;
        let inside = signers.as_ref().map(|signers| Inside {
            keys: signers.keys.clone(),
            algorithms: self.verify_algs.clone(),
            expect: self.expectations.stated(self.issuer.as_deref()),
        });
        let request = Request {
            token: message.to_owned(),
            keys: ring.keys.clone(),
            algorithms: self.algs.clone(),
            encryptions: self.encs.clone(),
            rsa1_5: self.allow_rsa1_5,
            verify: inside,
            now: None,
        };
        let signers = signers.unwrap_or_default();
        let answer = decrypt::run(&request, &session.at()).map_err(|problem| {
            match problem.place.strip_prefix("verify.") {
                Some(place) => signers.problem(&Problem { place: place.to_owned(), ..problem.clone() }),
                None => ring.problem(&problem),
            }
        })?;
        report(session, &answer, &signers)
    }

    /// The keys that must have signed the token inside, if one must be there.
    fn signers(&self, session: &Session<'_>) -> Done<Option<Keyring>> {
        let options = KeyOptions {
            keys: self.verify_keys.clone(),
            sets: self.sets.clone(),
            issuer: self.issuer.clone(),
            password: self.password.clone(),
            ca_file: self.ca_file.clone(),
            ..KeyOptions::default()
        };
        if !options.are_none() {
            return options.read(session).map(Some);
        }
        if self.expectations.are_any() || !self.verify_algs.is_empty() {
            let what = "something is expected of the token inside, and there is no key to verify it with";
            return Err(Failure::usage(what).next("--verify-key FILE, --jwks FILE|URL or --issuer URL"));
        }
        Ok(None)
    }
}

fn report(session: &Session<'_>, answer: &Answer, signers: &Keyring) -> Done {
    if let Some(inside) = &answer.inside {
        verify::left_out(session, &inside.left_out);
        show::answer(session, answer, || verify::text(session, inside, signers))?;
        return if answer.valid == Some(true) { Ok(()) } else { Err(verify::refused(inside)) };
    }
    if answer.decoded.is_some() {
        session.note("the content is a signed token, not verified; `--verify-key FILE` verifies it");
    }
    if session.is_json() {
        show::answer(session, answer, String::new)?;
    }
    match (&answer.refused, &answer.content) {
        (Some(refused), _) => {
            let failure = Failure::new(harmless(&refused.message)).code(refused.name);
            let failure = match refused.at {
                Some(at) => failure.at(format!("byte {at}")),
                None => failure,
            };
            Err(failure.next("compare its `alg` and `kid` with the key: `portcullis jose decode`"))
        }
        (None, Some(content)) if !session.is_json() => raw(&content.to_bytes()),
        _ => Ok(()),
    }
}

/// The content as it is. On a terminal nothing that would steer it, and a line break at the end.
fn raw(content: &[u8]) -> Done {
    let terminal = std::io::stdout().is_terminal();
    match (terminal, std::str::from_utf8(content)) {
        (true, Ok(text)) => {
            output::write(&text.lines().map(|line| harmless(line) + "\n").collect::<String>())
        }
        (true, Err(_)) => Err(Failure::usage("the content is no text, and stdout is a terminal")
            .next("send it into a file: `> FILE`")),
        (false, _) => {
            let mut stdout = std::io::stdout().lock();
            match stdout.write_all(content).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(()),
            }
        }
    }
}
