//! `portcullis operator`: credentials of the control plane.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::output;
use clap::{Args, Subcommand};
use serde_json::json;

/// Manage operators: credentials (`pco_…`) for the admin API
#[derive(Args, Debug)]
#[command(after_help = "\
Roles: `operator` does everything, `tenant_administrator` everything within one tenant,
`auditor` reads everything, `provisioner` feeds one tenant's users and teams over SCIM.

Examples:
  portcullis operator create grafana --role auditor
  portcullis operator create acme-admin --role tenant_administrator --tenant acme
  portcullis operator create entra --role provisioner --tenant acme --source entra
  portcullis operator revoke 0199f0c2-…")]
pub struct Operator {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a credential; it is shown once
    Create {
        /// Unique; the audit log names it
        name: String,
        /// `operator`, `tenant_administrator`, `auditor` or `provisioner`
        #[arg(long)]
        role: String,
        /// The tenant of a tenant administrator or a provisioner: name or id
        #[arg(long)]
        tenant: Option<String>,
        /// What a provisioner feeds the directory from, as `entra`; other sources do not see it
        #[arg(long)]
        source: Option<String>,
    },
    /// List operators
    List(super::Paging),
    /// Refuse a credential from now on
    Revoke {
        /// Its id
        id: String,
    },
}

const OPERATORS: &str = "/admin/v1/operators";

impl Run for Operator {
    const NAME: &'static str = "operator";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create { name, role, tenant, source } => {
                    let mut body = json!({ "name": name, "role": role });
                    if let Some(tenant) = tenant {
                        body["tenant"] = json!(tenant);
                    }
                    if let Some(source) = source {
                        body["source"] = json!(source);
                    }
                    client.post(OPERATORS, body).await?
                }
                Verb::List(paging) => {
                    let page = client.read(OPERATORS, &paging.query([])).await?;
                    let columns = [
                        ("ID", "/id"),
                        ("NAME", "/name"),
                        ("ROLE", "/role"),
                        ("TENANT", "/tenant"),
                        ("SOURCE", "/source"),
                        ("REVOKED", "/revoked_at"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Revoke { id } => {
                    client.post(&format!("{}/revoke", super::below(OPERATORS, &id)), json!({})).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}
