//! `portcullis jose jwks fetch`: the key set that an issuer publishes.

use super::SetOptions;
use crate::cmd::jose::out::Out;
use crate::cmd::jose::session::Session;
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_jose::JwkSet;
use serde_json::Value;

/// Fetch a key set from a URL, or from an issuer by OpenID discovery
#[derive(Args, Debug)]
#[command(after_help = "\
Only https away from this machine; at most 256 KiB, 5 s and 3 redirects. The
host that you name may be private; one that a discovery document or a redirect
names may not. An issuer's metadata must state exactly the issuer that was
asked for. The set goes to stdout as it came, and where it was to stderr.

Exit codes: 0 fetched, 2 called wrongly, not fetched, or no key set.

Examples:
  portcullis jose jwks fetch https://idp.example.com/jwks.json
  portcullis jose jwks fetch --issuer https://idp.example.com \\
      --out new-jwks.json")]
pub struct Fetch {
    /// The key set's URL
    #[arg(value_name = "URL")]
    set: Option<String>,
    #[command(flatten)]
    options: SetOptions,
    #[command(flatten)]
    out: Out,
}

impl Fetch {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        self.out.check()?;
        let found = self.options.fetch(self.set.as_deref(), session)?;
        let url = found.url.to_string();
        let text = super::text(&found.body, &url)?;
        let no_set = |what: &str| {
            Failure::usage(format!("this is no key set: {what}")).at(url.clone()).next("check the address")
        };
        JwkSet::parse(text.as_bytes()).map_err(|error| no_set(&error.to_string()))?;
        let value: Value = serde_json::from_str(text).map_err(|error| no_set(&error.to_string()))?;
        let life = found.cache_control.map(|life| format!(", cache-control: {life}")).unwrap_or_default();
        session.note(&format!("from {url}{life}"));
        self.out.write(format!("{value:#}\n").as_bytes(), false)
    }
}
