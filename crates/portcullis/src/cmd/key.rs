//! `portcullis key`: API keys.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Manage API keys (`pck_…`)
#[derive(Args, Debug)]
#[command(after_help = "\
The secret is shown once, when a key is made or rotated.

Examples:
  portcullis key create --app nightly-report --name ci --expires-in 90d --model fast
  portcullis key rotate 0199f0c2-… --overlap 24h        both keys work for a day
  portcullis key revoke 0199f0c2-…                      refused within a second
  PORTCULLIS_KEY=$(portcullis key create --app ci --output json | jq -r .secret)")]
pub struct Key {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key; its secret is shown once
    Create(Create),
    /// List keys, without secrets
    List {
        /// Only this tenant's
        #[arg(long)]
        tenant: Option<String>,
        /// Only this application's: id or name
        #[arg(long)]
        app: Option<String>,
        #[command(flatten)]
        paging: super::Paging,
    },
    /// Show one, without its secret
    Show {
        /// Its id
        key: String,
    },
    /// Replace a key; the old one works on for the overlap
    Rotate {
        /// Its id
        key: String,
        /// For how long both work, as `24h`
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Refuse a key from now on
    Revoke {
        /// Its id
        key: String,
    },
}

#[derive(Args, Debug)]
struct Create {
    /// The application that owns it: id or name
    #[arg(long)]
    app: String,
    /// The application's tenant, where its name is there in several
    #[arg(long)]
    tenant: Option<String>,
    /// To tell keys apart
    #[arg(long, default_value = "key")]
    name: String,
    /// Pin it to a user: calls are on behalf of this user, and end with it
    #[arg(long)]
    user: Option<String>,
    /// How long it lasts, as `90d`; default: until it is revoked
    #[arg(long)]
    expires_in: Option<String>,
    /// Confine it to a service (repeatable)
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// Confine it to a model (repeatable)
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Confine it to a client address or network, as `192.0.2.0/24` (repeatable)
    #[arg(long = "address", value_name = "NETWORK")]
    addresses: Vec<String>,
    #[command(flatten)]
    ahead: super::Ahead,
}

const KEYS: &str = "/admin/v1/api-keys";

impl Run for Key {
    const NAME: &'static str = "key";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create(create) => {
                    client.post(&create.ahead.at(KEYS), create.body(client).await?).await?
                }
                Verb::List { tenant, app, paging } => {
                    let application = match app {
                        Some(app) => Some(reference::application(client, &app, tenant.as_deref()).await?),
                        None => None,
                    };
                    let page = client
                        .read(KEYS, &paging.query([("tenant", tenant), ("application", application)]))
                        .await?;
                    let columns = [
                        ("ID", "/id"),
                        ("NAME", "/name"),
                        ("APPLICATION", "/application"),
                        ("EXPIRES", "/expires_at"),
                        ("REVOKED", "/revoked_at"),
                        ("LAST USED", "/last_used_at"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Show { key } => {
                    client.read(&super::below(KEYS, &reference::api_key(&key)?), &[]).await?
                }
                Verb::Rotate { key, overlap } => {
                    let path = format!("{}/rotate", super::below(KEYS, &reference::api_key(&key)?));
                    client.post(&path, json!({ "overlap": overlap })).await?
                }
                Verb::Revoke { key } => {
                    client
                        .post(
                            &format!("{}/revoke", super::below(KEYS, &reference::api_key(&key)?)),
                            json!({}),
                        )
                        .await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}

impl Create {
    async fn body(self, client: &Client) -> Done<Value> {
        let mut body = Map::new();
        let tenant = self.tenant.as_deref();
        body.insert(
            "application".to_owned(),
            json!(reference::application(client, &self.app, tenant).await?),
        );
        body.insert("name".to_owned(), json!(self.name));
        if let Some(user) = &self.user {
            body.insert("user".to_owned(), json!(reference::user(client, user, tenant).await?));
        }
        if let Some(expires_in) = self.expires_in {
            body.insert("expires_in".to_owned(), json!(expires_in));
        }
        // A single address is a network of one; the API takes networks.
        let addresses = self.addresses.into_iter().map(|text| match text.parse::<std::net::IpAddr>() {
            Ok(address) => format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }),
            Err(_) => text,
        });
        body.insert("limits".to_owned(), json!({ "services": self.services, "models": self.models, "addresses": addresses.collect::<Vec<_>>() }));
        Ok(Value::Object(body))
    }
}
