//! `portcullis tenant`: isolated organisations.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::output;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

/// Manage tenants: isolated organisations
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis tenant create acme --model fast --model embed
  portcullis tenant models acme '*'          grant every model
  portcullis tenant disable acme             refuse its calls, within a second

Tenants that the configuration file owns are changed there.")]
pub struct Tenant {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a tenant
    Create {
        /// Its name: part of URLs, logs and metrics
        name: String,
        /// A model that it may use; `*` grants all (repeatable)
        #[arg(long = "model", value_name = "NAME")]
        models: Vec<String>,
        #[command(flatten)]
        ahead: super::Ahead,
    },
    /// List tenants
    List(super::Paging),
    /// Show one
    Show {
        /// Its name or id
        tenant: String,
    },
    /// Grant exactly these models
    Models {
        /// Its name or id
        tenant: String,
        /// Model names; `*` grants all, none takes every grant away
        models: Vec<String>,
        #[command(flatten)]
        ahead: super::Ahead,
    },
    /// Refuse the tenant's calls
    Disable {
        /// Its name or id
        tenant: String,
    },
    /// Serve the tenant's calls again
    Enable {
        /// Its name or id
        tenant: String,
    },
}

impl Run for Tenant {
    const NAME: &'static str = "tenant";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let base = "/admin/v1/tenants";
            let value = match self.verb {
                Verb::Create { name, models, ahead } => {
                    client.post(&ahead.at(base), json!({ "name": name, "models": models })).await?
                }
                Verb::List(paging) => {
                    let page = client.read(base, &paging.query([])).await?;
                    let columns = [
                        ("NAME", "/name"),
                        ("ID", "/id"),
                        ("ORIGIN", "/origin"),
                        ("DISABLED", "/disabled"),
                        ("MODELS", "/models"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Show { tenant } => client.read(&super::below(base, &tenant), &[]).await?,
                Verb::Models { tenant, models, ahead } => {
                    let path = ahead.at(&super::below(base, &tenant));
                    client.send(Method::PATCH, &path, Some(json!({ "models": models }))).await?
                }
                Verb::Disable { tenant } => {
                    client.post(&format!("{}/disable", super::below(base, &tenant)), json!({})).await?
                }
                Verb::Enable { tenant } => {
                    client.post(&format!("{}/enable", super::below(base, &tenant)), json!({})).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}
