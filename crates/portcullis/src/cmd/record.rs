//! `portcullis record`: what was called, by whom, and how it ended.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};

/// Look at the records of calls
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis record list --outcome refused --from 2026-11-22T08:00:00Z
  portcullis record list --user ada --tenant acme --model fast
  portcullis record show 0199f0c2-…        the id that the caller saw in `X-Request-Id`")]
pub struct Record {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List records, newest first
    List(Box<List>),
    /// Show one whole
    Show {
        /// The call's id
        id: String,
    },
}

#[derive(Args, Debug)]
struct List {
    /// Only this tenant's: name or id
    #[arg(long)]
    tenant: Option<String>,
    /// Only this user's: id, user name or external id
    #[arg(long)]
    user: Option<String>,
    /// Only this application's: id or name
    #[arg(long)]
    app: Option<String>,
    /// Only calls of this service
    #[arg(long)]
    service: Option<String>,
    /// Only calls for this model
    #[arg(long)]
    model: Option<String>,
    /// Only calls refused or cut with this code
    #[arg(long)]
    code: Option<String>,
    /// Only those that ended so: `completed`, `refused`, `client_closed`, `upstream_cut`, `cut`
    #[arg(long)]
    outcome: Option<String>,
    /// From this time on (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
    #[command(flatten)]
    paging: super::Paging,
}

impl Run for Record {
    const NAME: &'static str = "record";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| match self.verb {
            Verb::Show { id } => output::show(
                globals.output,
                &client.read(&super::below("/admin/v1/records", &id), &[]).await?,
            ),
            Verb::List(list) => {
                let tenant = list.tenant.as_deref();
                let user = match &list.user {
                    // Records stay when their user is gone, with the database that had it.
                    Some(id) if reference::is_id(id) => {
                        Some(reference::user(client, id, tenant).await.unwrap_or_else(|_| id.clone()))
                    }
                    Some(user) => Some(reference::user(client, user, tenant).await?),
                    None => None,
                };
                let application = match &list.app {
                    Some(app) => Some(reference::application(client, app, tenant).await?),
                    None => None,
                };
                let filters = [
                    ("tenant", list.tenant.clone()),
                    ("user", user),
                    ("application", application),
                    ("service", list.service),
                    ("model", list.model),
                    ("code", list.code),
                    ("outcome", list.outcome),
                    ("from", list.from),
                    ("to", list.to),
                ];
                let page = client.read("/admin/v1/records", &list.paging.query(filters)).await?;
                let columns = [
                    ("AT", "/at"),
                    ("ID", "/id"),
                    ("OUTCOME", "/outcome"),
                    ("STATUS", "/status"),
                    ("CODE", "/code"),
                    ("SERVICE", "/service"),
                    ("MODEL", "/model"),
                    ("PATH", "/path"),
                    ("MICROS", "/timing/total"),
                ];
                output::list(globals.output, &page, &columns)
            }
        })
    }
}
