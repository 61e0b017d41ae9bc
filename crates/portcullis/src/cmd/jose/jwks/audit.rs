//! `portcullis jose jwks audit`: what is weak or wrong about a key set that is meant to be public.

use super::SetOptions;
use crate::cmd::jose::key;
use crate::cmd::jose::session::Session;
use crate::failure::Done;
use clap::Args;
use portcullis_control::workbench::keys::audit::Exposure;

/// Find out what is weak or wrong about a public key set
#[derive(Args, Debug)]
#[command(after_help = "\
Each key by itself as `key audit` does, and what they are to each other: ids
given twice, keys published twice, factors that RSA keys share. Private and
shared keys in it are stolen ones.

Exit codes: 0 no finding is an error; 1 one is; 2 called wrongly, unreadable.

Examples:
  portcullis jose jwks audit new.json
  portcullis jose jwks audit --issuer https://idp.example.com
  portcullis jose jwks audit https://idp.example.com/jwks.json --output json \\
      | jq '.findings[].code'")]
pub struct Audit {
    /// The key set: a file, a URL, or `-`; without it, what a pipe brings
    #[arg(value_name = "FILE|URL")]
    set: Option<String>,
    #[command(flatten)]
    options: SetOptions,
}

impl Audit {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let (text, _) = self.options.read(self.set.as_deref(), session)?;
        key::of_set(session, text.into(), Exposure::Public)
    }
}
