//! `portcullis jose key thumbprint`: what makes two keys the same key.

use crate::cmd::jose::keys::PasswordOption;
use crate::cmd::jose::paint::harmless;
use crate::cmd::jose::session::Session;
use crate::cmd::jose::show;
use crate::failure::Done;
use clap::Args;
use portcullis_control::workbench::keys::thumbprint::{self, Request};

/// Print a key's thumbprint (RFC 7638)
#[derive(Args, Debug)]
#[command(after_help = "\
SHA-256 over the members that make the key what it is, base64url: the same for
the private and the public half, in every form of the key. Of a shared secret
it is a digest that helps to guess it: do not publish it.

Exit codes: 0 printed, 2 called wrongly or unreadable.

Examples:
  portcullis jose key thumbprint a.jwk
  portcullis jose key thumbprint issuer.pem --uri
  portcullis jose key convert a.jwk \\
      --kid \"$(portcullis jose key thumbprint a.jwk)\"")]
pub struct Thumbprint {
    /// The key's file, or `-`; without it, what a pipe brings
    key: Option<String>,
    /// As a URI (RFC 9278)
    #[arg(long)]
    uri: bool,
    #[command(flatten)]
    password: PasswordOption,
}

impl Thumbprint {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let ring = super::read(self.key.as_deref(), &self.password, session)?;
        let request = Request { keys: ring.keys.clone() };
        let answer = thumbprint::run(&request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        if answer.thumbprints.iter().any(|one| one.secret) {
            session.note("the digest of a shared secret helps to guess it: do not publish it");
        }
        show::answer(session, &answer, || {
            let text = |one: &thumbprint::Thumbprint| {
                if self.uri { one.uri.clone() } else { one.thumbprint.clone() }
            };
            match &answer.thumbprints[..] {
                // Nothing else, so that it can be used in place.
                [only] => text(only) + "\n",
                several => several
                    .iter()
                    .map(|one| {
                        let kid = one.kid.as_deref().map(harmless).unwrap_or_default();
                        format!("{}  {kid}", text(one)).trim_end().to_owned() + "\n"
                    })
                    .collect(),
            }
        })
    }
}
