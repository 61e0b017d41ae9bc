//! `portcullis jose key audit`: what is weak about a key.

use crate::cmd::jose::keys::{Keyring, PasswordOption, SecretOptions};
use crate::cmd::jose::paint::Ink;
use crate::cmd::jose::session::Session;
use crate::cmd::jose::{findings, show};
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_control::workbench::keys::audit::{self, Exposure};
use portcullis_control::workbench::{Json, jwks};
use portcullis_jose::{Finding, Severity};
use serde::Serialize;

/// Find out what is weak about a key or a secret
#[derive(Args, Debug)]
#[command(after_help = "\
Short, guessable and published secrets; RSA that is short, close to a square,
of a broken generator or shares a factor; points off the curve; private
members in what is public; certificates that do not match or have expired. A
key without findings is one in which nothing known was found.

Exit codes: 0 no finding is an error; 1 one is; 2 called wrongly, unreadable.

Examples:
  portcullis jose key audit a.jwk
  portcullis jose key audit new.json --public
  portcullis jose key audit --secret-from env:SECRET \\
      --secret-encoding base64 --alg HS256")]
pub struct Audit {
    /// The key's file, or `-`; without it, what a pipe brings
    #[arg(conflicts_with = "secret_from")]
    key: Option<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    /// The algorithm that a secret is used with
    #[arg(long, value_name = "ALG", requires = "secret_from", help_heading = "Keys")]
    alg: Option<String>,
    #[command(flatten)]
    password: PasswordOption,
    /// It is meant to be public: private and shared keys in it are stolen ones
    #[arg(long)]
    public: bool,
}

impl Audit {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let exposure = if self.public { Exposure::Public } else { Exposure::Private };
        let mut ring = Keyring::default();
        if self.secrets.secret_from.is_empty() {
            ring = super::read(self.key.as_deref(), &self.password, session)?;
        } else {
            ring.secrets(&self.secrets, session)?;
            ring.keys.iter_mut().for_each(|key| key.alg.clone_from(&self.alg));
        }
        // A set is audited as a whole: what its members are to each other counts too.
        if let Some(set) = ring.keys.first().and_then(|key| key.jwks.clone()) {
            return of_set(session, set, exposure);
        }
        let request = audit::Request { keys: ring.keys.clone(), exposure, now: None };
        let answer = audit::run(&request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        report(session, &answer, &answer.findings)
    }
}

/// Audits a set.
///
/// # Errors
/// It is none, or something is wrong with it.
pub fn of_set(session: &Session<'_>, jwks: Json, exposure: Exposure) -> Done {
    let request = jwks::audit::Request { jwks, exposure: Some(exposure), now: None };
    let answer =
        jwks::audit::run(&request, &session.at()).map_err(|problem| Keyring::default().problem(&problem))?;
    report(session, &answer, &answer.findings)
}

/// Prints what an audit found; fails if something of it is an error.
fn report(session: &Session<'_>, answer: &impl Serialize, found: &[Finding]) -> Done {
    show::answer(session, answer, || {
        if found.is_empty() {
            return format!("{}\n", session.paint.ink(Ink::Good, "nothing found"));
        }
        findings::list(session, found, None)
    })?;
    match found.iter().filter(|finding| finding.severity == Severity::Error).count() {
        0 => Ok(()),
        1 => Err(Failure::new("the audit found an error")),
        errors => Err(Failure::new(format!("the audit found {errors} errors"))),
    }
}
