//! `portcullis token`: a token from the local issuer, for testing.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::{output, reference};
use clap::Args;
use serde_json::{Map, Value, json};

/// Mint a token from the local issuer, for testing
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whom").required(true), after_help = "\
The token is written to stdout and nothing else, so that it can be used in place:

  TOKEN=$(portcullis token --tenant acme --user ada)
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/-/whoami
  portcullis token --tenant acme --sub nobody
      a subject that nobody has: refused with `subject_unresolved`
  portcullis token --tenant acme --user ada --scope orders:read --lifetime 5m --claim level=3

Each minting is in the audit log. Production tokens come from your own issuers.")]
pub struct Token {
    /// The tenant: name or id
    #[arg(long)]
    tenant: String,
    /// A user: id, user name or external id
    #[arg(long, group = "whom")]
    user: Option<String>,
    /// An application, of itself: id or name
    #[arg(long, group = "whom")]
    app: Option<String>,
    /// The `sub` claim as it stands
    #[arg(long, group = "whom")]
    sub: Option<String>,
    /// Scopes, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// How long it lasts, as `10m`
    #[arg(long, default_value = "1h")]
    lifetime: String,
    /// A further claim; the value is JSON when it reads as JSON, text otherwise (repeatable)
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = reference::pair)]
    claims: Vec<(String, String)>,
}

impl Run for Token {
    const NAME: &'static str = "token";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let mut body = Map::new();
            if let Some(user) = &self.user {
                body.insert(
                    "user".to_owned(),
                    json!(reference::user(client, user, Some(&self.tenant)).await?),
                );
            }
            if let Some(app) = &self.app {
                body.insert(
                    "application".to_owned(),
                    json!(reference::application(client, app, Some(&self.tenant)).await?),
                );
            }
            for (member, value) in [("subject", self.sub), ("scope", self.scope)] {
                if let Some(value) = value {
                    body.insert(member.to_owned(), json!(value));
                }
            }
            body.insert("tenant".to_owned(), json!(self.tenant));
            body.insert("lifetime".to_owned(), json!(self.lifetime));
            let claims: Map<String, Value> = self
                .claims
                .into_iter()
                .map(|(name, text)| (name, serde_json::from_str(&text).unwrap_or(Value::String(text))))
                .collect();
            body.insert("claims".to_owned(), Value::Object(claims));
            let answer = client.post("/admin/v1/tokens", Value::Object(body)).await?;
            match (globals.output, answer["token"].as_str()) {
                (crate::cli::Output::Text, Some(token)) => output::write(&format!("{token}\n")),
                (crate::cli::Output::Json, Some(_)) => output::json(&answer),
                (_, None) => Err(Failure::new("the control plane's answer has no token in it")),
            }
        })
    }
}
