//! `portcullis doctor instance`: what the process sees of its surroundings.

use crate::cli::{Globals, Output};
use crate::client::Client;
use crate::failure::Done;
use crate::output;
use clap::Args;
use serde_json::Value;

/// Show what the process sees of its surroundings
#[derive(Args, Debug)]
#[command(after_help = "\
Beside a running `serve` this is what that process sees, not this shell: its variables by name, the
secrets that its configuration names by fingerprint, mounts, limits, and whether issuers, services,
providers and the database can be reached from it. Without one it is what this command sees.

The JSON holds the effective configuration too: keep it, and `portcullis doctor compare` shows what
differs from another instance's.

Examples:
  portcullis doctor instance
  portcullis doctor instance --output json > production.json")]
pub struct Instance {}

impl Instance {
    /// Runs it.
    pub fn run(self, globals: &Globals) -> Done {
        crate::cmd::on_client(globals, async |client: &Client| {
            let mut answer = client.read("/admin/v1/doctor/instance", &[]).await?;
            if globals.output == Output::Text
                && let Some(members) = answer.as_object_mut()
            {
                // A configuration is long, and has a command of its own.
                members.shift_remove("configuration");
                if members.get("problems").is_some_and(|problems| problems == &Value::Array(Vec::new())) {
                    members.insert("problems".to_owned(), Value::String("none".to_owned()));
                }
            }
            output::show(globals.output, &answer)
        })
    }
}
