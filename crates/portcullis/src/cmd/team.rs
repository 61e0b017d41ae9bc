//! `portcullis team`: nested groups of users.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

/// Manage teams: nested groups of users
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis team create platform --tenant acme
  portcullis team create dev --tenant acme --parent platform
  portcullis team add dev ada
      Ada is in `dev` and in `platform`; in force within a second
  portcullis team move dev --below research
  portcullis team delete platform --recursive
      with all teams below it; their members lose what those teams let them do")]
pub struct Team {
    #[command(subcommand)]
    verb: Verb,
}

/// Which team.
#[derive(Args, Debug)]
struct Which {
    /// Id or name
    team: String,
    /// The tenant, where the name is there in several
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a team
    Create {
        /// Unique within the tenant, in upper and lower case alike
        name: String,
        /// The tenant that it belongs to: name or id
        #[arg(long)]
        tenant: String,
        /// The team that it is a part of: name or id
        #[arg(long)]
        parent: Option<String>,
        /// Name for people to read
        #[arg(long)]
        display_name: Option<String>,
        /// The id that your own systems know it by
        #[arg(long)]
        external_id: Option<String>,
    },
    /// List teams
    List {
        /// Only this tenant's
        #[arg(long)]
        tenant: Option<String>,
        /// Only those directly below this team: name or id
        #[arg(long)]
        parent: Option<String>,
        #[command(flatten)]
        paging: super::Paging,
    },
    /// Show one, with where it is and how many are in it
    Show(Which),
    /// List who is in a team by themselves
    Members {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: super::Paging,
    },
    /// Make a team a part of another, with everybody in it
    Move {
        #[command(flatten)]
        which: Which,
        /// The team that it will be a part of: name or id
        #[arg(long, value_name = "TEAM", required_unless_present = "top", conflicts_with = "top")]
        below: Option<String>,
        /// Of none
        #[arg(long)]
        top: bool,
    },
    /// Give a team another name; services and policies that name it have to follow
    Rename {
        #[command(flatten)]
        which: Which,
        /// The new name
        #[arg(long, value_name = "NAME")]
        to: String,
    },
    /// Delete a team; one that is not empty only with `--recursive`
    Delete {
        #[command(flatten)]
        which: Which,
        /// Also the teams below it, and take everybody out of them
        #[arg(long)]
        recursive: bool,
    },
    /// Let a user into a team
    Add {
        #[command(flatten)]
        which: Which,
        /// Id, user name or external id
        user: String,
    },
    /// Take a user out of a team
    Remove {
        #[command(flatten)]
        which: Which,
        /// Id, user name or external id
        user: String,
    },
}

const TEAMS: &str = "/admin/v1/teams";

impl Run for Team {
    const NAME: &'static str = "team";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create { name, tenant, parent, display_name, external_id } => {
                    let mut body = Map::new();
                    let given = [
                        ("name", Some(name)),
                        ("tenant", Some(tenant)),
                        ("parent", parent),
                        ("display_name", display_name),
                        ("external_id", external_id),
                    ];
                    for (member, value) in given {
                        if let Some(value) = value {
                            body.insert(member.to_owned(), json!(value));
                        }
                    }
                    client.post(TEAMS, Value::Object(body)).await?
                }
                Verb::List { tenant, parent, paging } => {
                    let parent = match parent {
                        Some(parent) => Some(reference::team(client, &parent, tenant.as_deref()).await?),
                        None => None,
                    };
                    let query = paging.query([("tenant", tenant), ("parent", parent)]);
                    let columns = [
                        ("ID", "/id"),
                        ("NAME", "/name"),
                        ("DISPLAY NAME", "/display_name"),
                        ("PARENT", "/parent"),
                        ("ORIGIN", "/origin"),
                        ("CREATED", "/created_at"),
                    ];
                    return output::list(globals.output, &client.read(TEAMS, &query).await?, &columns);
                }
                Verb::Show(which) => client.read(&which.path(client).await?, &[]).await?,
                Verb::Members { which, paging } => {
                    let path = format!("{}/members", which.path(client).await?);
                    let page = client.read(&path, &paging.query([])).await?;
                    let columns = [
                        ("USER", "/user"),
                        ("USERNAME", "/username"),
                        ("STATUS", "/status"),
                        ("SOURCES", "/sources"),
                        ("SINCE", "/since"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Move { which, below, top: _ } => {
                    which.change(client, json!({ "parent": below })).await?
                }
                Verb::Rename { which, to } => which.change(client, json!({ "name": to })).await?,
                Verb::Delete { which, recursive } => {
                    let recursive = recursive.then(|| "true".to_owned());
                    client.delete(&which.path(client).await?, &[("recursive", recursive)]).await?
                }
                Verb::Add { which, user } => {
                    let user = reference::user(client, &user, which.tenant.as_deref()).await?;
                    let path = format!("{}/members", which.path(client).await?);
                    client.post(&path, json!({ "user": user })).await?
                }
                Verb::Remove { which, user } => {
                    let user = reference::user(client, &user, which.tenant.as_deref()).await?;
                    let members = format!("{}/members", which.path(client).await?);
                    client.delete(&super::below(&members, &user), &[]).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}

impl Which {
    async fn path(&self, client: &Client) -> Done<String> {
        Ok(super::below(TEAMS, &reference::team(client, &self.team, self.tenant.as_deref()).await?))
    }

    async fn change(&self, client: &Client, change: Value) -> Done<Value> {
        client.send(Method::PATCH, &self.path(client).await?, Some(change)).await
    }
}
