//! `portcullis doctor instance`: what the process sees of its surroundings.

use crate::cli::{Globals, Output};
use crate::client::Client;
use crate::failure::Done;
use crate::output;
use clap::Args;
use serde_json::{Value, json};

/// Show what the process sees of its surroundings
#[derive(Args, Debug)]
#[command(after_help = "\
Beside a running `serve` this is what that process sees, not this shell: its variables by name, the
secrets that its configuration names by fingerprint, mounts, limits, whether issuers, services,
providers and the database can be reached from it, and whether user sources let it read people. Without one it is what this command sees.

The JSON holds the effective configuration too: keep it, and `portcullis doctor compare` shows what
differs from another instance's. With `--user` it says whether that user is there, so that the
comparison says whether the user exists in each.

Examples:
  portcullis doctor instance
  portcullis doctor instance --output json > production.json
  portcullis doctor instance --user ada --output json > staging.json")]
pub struct Instance {
    /// A user to look for: id, user name, external id, e-mail address, attribute or subject, exactly (repeatable)
    #[arg(long = "user", value_name = "TEXT")]
    users: Vec<String>,
}

impl Instance {
    /// Runs it.
    pub fn run(self, globals: &Globals) -> Done {
        crate::cmd::on_client(globals, async |client: &Client| {
            let mut answer = client.read("/admin/v1/doctor/instance", &[]).await?;
            let mut users = Vec::new();
            for text in self.users {
                let query = [("text", Some(text.clone()))];
                let near = client.read("/admin/v1/users/near", &query).await?;
                users.push(json!({ "text": text, "found": exact(&near) }));
            }
            if !users.is_empty() {
                answer["users"] = Value::Array(users);
            }
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

/// Of the near misses those that are none: who has, or had, this very text as an identifier.
fn exact(near: &Value) -> Vec<Value> {
    let same =
        |item: &&Value| item["distance"] == 0 && item["differences"].as_array().is_some_and(Vec::is_empty);
    let items = near["items"].as_array().into_iter().flatten().filter(same);
    let shown = items.map(|item| {
        let identifier = &item["identifier"];
        let mut by = identifier["field"].as_str().unwrap_or_default().to_owned();
        if let Some(issuer) = identifier["issuer"].as_str() {
            by = format!("{by} of {issuer}");
        }
        if !identifier["until"].is_null() {
            by = format!("former {by}");
        }
        json!({ "status": item["user"]["status"], "by": by, "id": item["user"]["id"] })
    });
    shown.collect()
}
