//! `portcullis audit`: who changed what.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::output;
use clap::Args;

/// Look at the audit log: who changed what, and when
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis audit --action user.suspend
  portcullis audit --target 0199f0c2-… --output json      before and after")]
pub struct Audit {
    /// Only this tenant's: name or id
    #[arg(long)]
    tenant: Option<String>,
    /// Only by this actor, as `operator:grafana` or `socket:uid=1000`
    #[arg(long)]
    actor: Option<String>,
    /// Only of this kind, as `user.suspend`
    #[arg(long)]
    action: Option<String>,
    /// Only of this target: an id or a name
    #[arg(long)]
    target: Option<String>,
    /// From this time on (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
    #[command(flatten)]
    paging: super::Paging,
}

impl Run for Audit {
    const NAME: &'static str = "audit";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let filters = [
                ("tenant", self.tenant),
                ("actor", self.actor),
                ("action", self.action),
                ("target", self.target),
                ("from", self.from),
                ("to", self.to),
            ];
            let page = client.read("/admin/v1/audit", &self.paging.query(filters)).await?;
            let columns = [
                ("AT", "/at"),
                ("ACTOR", "/actor"),
                ("FROM", "/source"),
                ("ACTION", "/action"),
                ("TARGET", "/target"),
            ];
            output::list(globals.output, &page, &columns)
        })
    }
}
