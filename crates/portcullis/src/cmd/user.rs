//! `portcullis user`: the records behind `sub`.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Manage users: the records behind `sub`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis user create --tenant acme --username ada --external-id 42
  portcullis user list --tenant acme --status pending
  portcullis user link ada --issuer corp --subject 6f1c…
      tokens of `corp` with this `sub` are Ada's from now on
  portcullis user suspend ada --reason 'lost laptop'
      refused within a second; running streams are cut
  portcullis user delete ada
      leaves a tombstone: she is never made again by a token")]
pub struct User {
    #[command(subcommand)]
    verb: Verb,
}

/// Which user.
#[derive(Args, Debug)]
struct Who {
    /// Id, user name or external id
    user: String,
    /// The tenant, where a user name is there in several
    #[arg(long)]
    tenant: Option<String>,
}

/// Which user, and why.
#[derive(Args, Debug)]
struct Why {
    #[command(flatten)]
    who: Who,
    /// Why; kept with the user and in the audit log
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a user
    Create(Create),
    /// List users
    List(List),
    /// Show one, with the subjects that resolve to it
    Show(Who),
    /// Bar a user; it can be restored
    Suspend(Why),
    /// Lift a suspension
    Restore(Why),
    /// Let a pending user in
    Approve(Why),
    /// Delete a user; a tombstone stays
    Delete(Why),
    /// Let a subject of an issuer resolve to the user
    Link {
        #[command(flatten)]
        who: Who,
        /// The issuer's name in the configuration
        #[arg(long)]
        issuer: String,
        /// The claim's value, exactly
        #[arg(long)]
        subject: String,
    },
    /// Make one user of two: the first one's subjects resolve to the second
    Merge {
        #[command(flatten)]
        why: Why,
        /// The user that stays: id, user name or external id
        #[arg(long)]
        into: String,
    },
}

#[derive(Args, Debug)]
struct Create {
    /// The tenant that it belongs to: name or id
    #[arg(long)]
    tenant: String,
    /// Log-in name, unique within the tenant
    #[arg(long)]
    username: Option<String>,
    /// The id that your own systems know it by, unique within the tenant
    #[arg(long)]
    external_id: Option<String>,
    /// E-mail address; not an identifier
    #[arg(long)]
    email: Option<String>,
    /// Name for people to read
    #[arg(long)]
    display_name: Option<String>,
    /// A role (repeatable)
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A further attribute (repeatable)
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = reference::pair)]
    attributes: Vec<(String, String)>,
    /// A subject that resolves to it, as `corp=6f1c…` (repeatable)
    #[arg(long = "identity", value_name = "ISSUER=SUBJECT", value_parser = reference::pair)]
    identities: Vec<(String, String)>,
}

#[derive(Args, Debug)]
struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those that are `active`, `pending`, `suspended`, `deleted` or `merged`
    #[arg(long)]
    status: Option<String>,
    /// Only the one with this user name
    #[arg(long)]
    username: Option<String>,
    /// Only the one with this external id
    #[arg(long)]
    external_id: Option<String>,
    /// Only those with this e-mail address
    #[arg(long)]
    email: Option<String>,
    #[command(flatten)]
    paging: super::Paging,
}

const USERS: &str = "/admin/v1/users";

impl Run for User {
    const NAME: &'static str = "user";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create(create) => client.post(USERS, create.body()).await?,
                Verb::List(list) => {
                    let filters = [
                        ("tenant", list.tenant),
                        ("status", list.status),
                        ("username", list.username),
                        ("external_id", list.external_id),
                        ("email", list.email),
                    ];
                    let page = client.read(USERS, &list.paging.query(filters)).await?;
                    let columns = [
                        ("ID", "/id"),
                        ("USERNAME", "/username"),
                        ("EXTERNAL ID", "/external_id"),
                        ("STATUS", "/status"),
                        ("ROLES", "/roles"),
                        ("CREATED", "/created_at"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Show(who) => client.read(&who.path(client).await?, &[]).await?,
                Verb::Suspend(why) => why.change(client, "suspend").await?,
                Verb::Restore(why) => why.change(client, "restore").await?,
                Verb::Approve(why) => why.change(client, "approve").await?,
                Verb::Delete(why) => {
                    client.delete(&why.who.path(client).await?, &[("reason", why.reason.clone())]).await?
                }
                Verb::Link { who, issuer, subject } => {
                    let path = format!("{}/identities", who.path(client).await?);
                    client.post(&path, json!({ "issuer": issuer, "subject": subject })).await?
                }
                Verb::Merge { why, into } => {
                    let into = reference::user(client, &into, why.who.tenant.as_deref()).await?;
                    let path = format!("{}/merge", why.who.path(client).await?);
                    let mut body = why.body();
                    body["into"] = json!(into);
                    client.post(&path, body).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}

impl Who {
    async fn path(&self, client: &Client) -> Done<String> {
        Ok(super::below(USERS, &reference::user(client, &self.user, self.tenant.as_deref()).await?))
    }
}

impl Why {
    fn body(&self) -> Value {
        self.reason.as_ref().map_or_else(|| json!({}), |reason| json!({ "reason": reason }))
    }

    async fn change(&self, client: &Client, verb: &str) -> Done<Value> {
        client.post(&format!("{}/{verb}", self.who.path(client).await?), self.body()).await
    }
}

impl Create {
    fn body(self) -> Value {
        let mut body = Map::new();
        body.insert("tenant".to_owned(), json!(self.tenant));
        for (member, value) in [
            ("username", self.username),
            ("external_id", self.external_id),
            ("email", self.email),
            ("display_name", self.display_name),
        ] {
            if let Some(value) = value {
                body.insert(member.to_owned(), json!(value));
            }
        }
        body.insert("roles".to_owned(), json!(self.roles));
        body.insert(
            "attributes".to_owned(),
            self.attributes
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .map(|(name, value)| (name, json!(value)))
                .collect::<Map<_, _>>()
                .into(),
        );
        let identities: Vec<Value> = self
            .identities
            .into_iter()
            .map(|(issuer, subject)| json!({ "issuer": issuer, "subject": subject }))
            .collect();
        body.insert("identities".to_owned(), json!(identities));
        Value::Object(body)
    }
}
