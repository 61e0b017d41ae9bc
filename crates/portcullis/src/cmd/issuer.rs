//! `portcullis issuer`: the key sets of those who sign tokens.

use crate::cli::{Globals, Output, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Look at issuers' keys, and distrust one at once
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis issuer list                      keys, their age, the last fetch's error, our own keys
  portcullis issuer distrust corp 2024-11-a   its tokens are refused within a second
  portcullis issuer trust corp 2024-11-a      take that back")]
pub struct Issuer {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List issuers, their keys and their last error
    List,
    /// Refuse a key, whatever the issuer publishes
    Distrust {
        /// The issuer's name in the configuration
        issuer: String,
        /// The key's `kid`
        kid: String,
        /// Why; kept with the entry and in the audit log
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        ahead: super::Ahead,
    },
    /// Trust a distrusted key again
    Trust {
        /// The issuer's name in the configuration
        issuer: String,
        /// The key's `kid`
        kid: String,
    },
}

impl Run for Issuer {
    const NAME: &'static str = "issuer";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| match self.verb {
            Verb::List => {
                let mut page = client.read("/admin/v1/issuers", &[]).await?;
                if globals.output == Output::Text {
                    page["items"].as_array_mut().into_iter().flatten().for_each(shorten);
                }
                let columns = [
                    ("NAME", "/name"),
                    ("KEYS", "/kids"),
                    ("FETCHED", "/fetched_at"),
                    ("FRESH UNTIL", "/fresh_until"),
                    ("LAST ERROR", "/last_error"),
                    ("DECRYPTS WITH", "/decryption_keys"),
                ];
                output::list(globals.output, &page, &columns)
            }
            Verb::Distrust { issuer, kid, reason, ahead } => {
                let body =
                    json!({ "what": { "kind": "key", "issuer": issuer, "kid": kid }, "reason": reason });
                output::show(globals.output, &client.post(&ahead.at("/admin/v1/revocations"), body).await?)
            }
            Verb::Trust { issuer, kid } => {
                let path = super::below("/admin/v1/revocations", &entry(client, &issuer, &kid).await?);
                output::show(globals.output, &client.delete(&path, &[]).await?)
            }
        })
    }
}

/// Our keys as `kid:thumbprint`, so that each fits into a cell.
fn shorten(issuer: &mut Value) {
    for key in issuer["decryption_keys"].as_array_mut().into_iter().flatten() {
        let word = |name: &str| key[name].as_str().unwrap_or("-");
        *key = format!("{}:{}", word("kid"), word("thumbprint")).into();
    }
}

/// The id of the entry that distrusts the key.
async fn entry(client: &Client, issuer: &str, kid: &str) -> Done<String> {
    let mut after = None;
    loop {
        let page = client
            .read("/admin/v1/revocations", &[("limit", Some("500".to_owned())), ("after", after)])
            .await?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = items.iter().find(|item| {
            item["what"]["kind"] == "key" && item["what"]["issuer"] == issuer && item["what"]["kid"] == kid
        });
        if let Some(id) = found.and_then(|item| item["id"].as_str()) {
            return Ok(id.to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => {
                return Err(Failure::new(format!("no key `{kid}` of `{issuer}` is distrusted"))
                    .next("portcullis revocation list"));
            }
        }
    }
}
