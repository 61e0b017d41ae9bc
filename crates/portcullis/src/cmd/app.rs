//! `portcullis app`: applications, which own credentials.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Manage applications: what calls, and owns API keys and OAuth clients
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis app create nightly-report --tenant acme --role reader
  portcullis app link nightly-report --issuer corp --client 0oa1b2c3
      machine tokens of this client are the application's from now on
  portcullis app disable nightly-report")]
pub struct App {
    #[command(subcommand)]
    verb: Verb,
}

/// Which application.
#[derive(Args, Debug)]
struct Which {
    /// Id or name
    application: String,
    /// The tenant, where the name is there in several
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an application
    Create {
        /// Unique within the tenant
        name: String,
        /// The tenant that it belongs to: name or id
        #[arg(long)]
        tenant: String,
        /// A role (repeatable)
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// An OAuth client that is this application, as `corp=0oa1b2c3` (repeatable)
        #[arg(long = "client", value_name = "ISSUER=CLIENT", value_parser = reference::pair)]
        clients: Vec<(String, String)>,
        #[command(flatten)]
        ahead: super::Ahead,
    },
    /// List applications
    List {
        /// Only this tenant's
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        paging: super::Paging,
    },
    /// Show one
    Show(Which),
    /// Refuse the application's calls
    Disable(Which),
    /// Serve the application's calls again
    Enable(Which),
    /// Let an issuer's machine tokens be this application's
    Link {
        #[command(flatten)]
        which: Which,
        /// The issuer's name in the configuration
        #[arg(long)]
        issuer: String,
        /// The client id as its tokens carry it
        #[arg(long)]
        client: String,
        #[command(flatten)]
        ahead: super::Ahead,
    },
}

const APPLICATIONS: &str = "/admin/v1/applications";

impl Run for App {
    const NAME: &'static str = "app";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create { name, tenant, roles, clients, ahead } => {
                    let clients: Vec<Value> = clients
                        .into_iter()
                        .map(|(issuer, client)| json!({ "issuer": issuer, "client": client }))
                        .collect();
                    client
                        .post(
                            &ahead.at(APPLICATIONS),
                            json!({ "name": name, "tenant": tenant, "roles": roles, "clients": clients }),
                        )
                        .await?
                }
                Verb::List { tenant, paging } => {
                    let page = client.read(APPLICATIONS, &paging.query([("tenant", tenant)])).await?;
                    let columns = [
                        ("ID", "/id"),
                        ("NAME", "/name"),
                        ("ROLES", "/roles"),
                        ("DISABLED", "/disabled"),
                        ("CREATED", "/created_at"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Show(which) => client.read(&which.path(client).await?, &[]).await?,
                Verb::Disable(which) => {
                    client.post(&format!("{}/disable", which.path(client).await?), json!({})).await?
                }
                Verb::Enable(which) => {
                    client.post(&format!("{}/enable", which.path(client).await?), json!({})).await?
                }
                Verb::Link { which, issuer, client: id, ahead } => {
                    let path = format!("{}/clients", which.path(client).await?);
                    client.post(&ahead.at(&path), json!({ "issuer": issuer, "client": id })).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}

impl Which {
    async fn path(&self, client: &Client) -> Done<String> {
        Ok(super::below(
            APPLICATIONS,
            &reference::application(client, &self.application, self.tenant.as_deref()).await?,
        ))
    }
}
