//! `portcullis user`: the records behind `sub`.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::{output, reference};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

/// Manage users: the records behind `sub`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis user create --tenant acme --username ada --external-id 42
  portcullis user list --tenant acme --status pending
  portcullis user link ada --issuer corp --subject 6f1c…
      tokens of `corp` with this `sub` are Ada's from now on
  portcullis user change ada --role reader --role buyer
      the roles that Ada has from now on, all of them
  portcullis user near 'CORP\\Ada.Lovelaec'
      whom the `sub` of a refused token may have meant
  portcullis user import users.csv --tenant acme --dry-run
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
    /// Show one, with the subjects that resolve to it and its teams
    Show(Who),
    /// Change what a user is called and has
    Change(Box<Change>),
    /// Bar a user; it can be restored
    Suspend(Why),
    /// Lift a suspension, or take a merge back
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
        #[command(flatten)]
        ahead: super::Ahead,
    },
    /// Take a subject from the user, who keeps it as a past one
    Unlink {
        #[command(flatten)]
        who: Who,
        /// The issuer's name in the configuration
        #[arg(long)]
        issuer: String,
        /// The claim's value, exactly
        #[arg(long)]
        subject: String,
    },
    /// Show what the user is and was known by, and its merges
    History(Who),
    /// Find whom a text may have been meant for: another form of an identifier, a past one, a typing error
    Near {
        /// The text, as the `sub` of a refused token
        text: String,
        /// Only this tenant's users
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make and change users from a file; say first what that would do with `--dry-run`
    Import(Import),
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
    #[command(flatten)]
    ahead: super::Ahead,
}

#[derive(Args, Debug)]
#[command(after_help = "\
What is not named stays. Roles and attributes that are given replace all of before.

Examples:
  portcullis user change ada --role reader --role buyer
  portcullis user change ada --email ada@acme.example --email-verified true
  portcullis user change ada --clear display_name --clear roles")]
struct Change {
    #[command(flatten)]
    who: Who,
    /// Log-in name, unique within the tenant
    #[arg(long)]
    username: Option<String>,
    /// The id that your own systems know it by, unique within the tenant
    #[arg(long)]
    external_id: Option<String>,
    /// E-mail address; not an identifier. A new one is unverified unless `--email-verified` says otherwise
    #[arg(long)]
    email: Option<String>,
    /// Whether somebody verified the address
    #[arg(long, value_name = "true|false")]
    email_verified: Option<bool>,
    /// Name for people to read
    #[arg(long)]
    display_name: Option<String>,
    /// A role (repeatable): these are all that it has then
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// An attribute (repeatable): these are all that it has then
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = reference::pair)]
    attributes: Vec<(String, String)>,
    /// What is taken away altogether (repeatable)
    #[arg(long, value_name = "WHAT", value_parser = ["username", "external_id", "email", "display_name", "roles", "attributes"])]
    clear: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Columns of CSV, or members of JSON: external_id, username, email, email_verified, display_name, roles (in CSV separated by
`;`), status (active, pending, suspended, deleted), reason, attributes.<name>, identity.<issuer>.

A row means the user with its external_id, or else with its username. What a row does not name stays; an empty cell or
`null` removes. Users that the file does not name stay. The same file twice changes nothing. When a row is wrong, nothing
is written.

Examples:
  portcullis user import users.csv --tenant acme --dry-run
  portcullis user import - --format jsonl --tenant acme < users.jsonl")]
struct Import {
    /// The file; `-` reads standard input
    file: String,
    /// The tenant that the users belong to: name or id
    #[arg(long)]
    tenant: String,
    /// `csv` or `jsonl`; by default what the file's name ends with
    #[arg(long, value_parser = ["csv", "jsonl"])]
    format: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Stop when more than this share of the tenant's users, in per cent, would be suspended or deleted
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    most_barred: u8,
    #[command(flatten)]
    ahead: super::Ahead,
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

/// Largest file of users, in bytes: as JSON it has to fit into what the admin API takes (64 MiB).
const MOST_READ: u64 = 60 << 20;

impl Run for User {
    const NAME: &'static str = "user";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Create(create) => client.post(&create.ahead.at(USERS), create.body()).await?,
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
                Verb::Change(change) => {
                    let body = change.body()?;
                    client.send(Method::PATCH, &change.who.path(client).await?, Some(body)).await?
                }
                Verb::Suspend(why) => why.change(client, "suspend").await?,
                Verb::Restore(why) => why.change(client, "restore").await?,
                Verb::Approve(why) => why.change(client, "approve").await?,
                Verb::Delete(why) => {
                    client.delete(&why.who.path(client).await?, &[("reason", why.reason.clone())]).await?
                }
                Verb::Link { who, issuer, subject, ahead } => {
                    let path = format!("{}/identities", who.path(client).await?);
                    client.post(&ahead.at(&path), json!({ "issuer": issuer, "subject": subject })).await?
                }
                Verb::Unlink { who, issuer, subject } => {
                    let path = format!("{}/identities", who.path(client).await?);
                    client.delete(&path, &[("issuer", Some(issuer)), ("subject", Some(subject))]).await?
                }
                Verb::History(who) => {
                    client.read(&format!("{}/history", who.path(client).await?), &[]).await?
                }
                Verb::Near { text, tenant } => {
                    let query = [("text", Some(text)), ("tenant", tenant)];
                    let page = client.read(&format!("{USERS}/near"), &query).await?;
                    let columns = [
                        ("USER", "/user/id"),
                        ("USERNAME", "/user/username"),
                        ("STATUS", "/user/status"),
                        ("BY", "/identifier/field"),
                        ("VALUE", "/identifier/value"),
                        ("UNTIL", "/identifier/until"),
                        ("DIFFERENCES", "/differences"),
                        ("DISTANCE", "/distance"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Import(import) => {
                    let path = import.ahead.at(&format!("{USERS}/import"));
                    let done = client.post(&path, import.body()?).await?;
                    output::show(globals.output, &done)?;
                    return match done["stopped"].as_str() {
                        Some(why) => Err(Failure::new(format!("the import was stopped: {why}"))),
                        None => Ok(()),
                    };
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

impl Change {
    fn body(&self) -> Done<Value> {
        let mut body = Map::new();
        let texts = [
            ("username", &self.username),
            ("external_id", &self.external_id),
            ("email", &self.email),
            ("display_name", &self.display_name),
        ];
        for (name, text) in texts {
            body.extend(text.clone().map(|text| (name.to_owned(), Value::from(text))));
        }
        body.extend(self.email_verified.map(|verified| ("email_verified".to_owned(), verified.into())));
        if !self.roles.is_empty() {
            body.insert("roles".to_owned(), self.roles.clone().into());
        }
        if !self.attributes.is_empty() {
            let attributes =
                self.attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
            body.insert("attributes".to_owned(), attributes.collect::<Map<_, _>>().into());
        }
        for name in &self.clear {
            let nothing = match name.as_str() {
                "roles" => json!([]),
                "attributes" => json!({}),
                _ => Value::Null,
            };
            if body.get(name).is_some_and(|given| *given != nothing) {
                return Err(Failure::usage("it is given, and to be taken away as well")
                    .at(format!("--clear {name}"))
                    .next("leave one of the two out"));
            }
            body.insert(name.clone(), nothing);
        }
        if body.is_empty() {
            return Err(Failure::usage("nothing is to be changed").next("portcullis user change --help"));
        }
        Ok(body.into())
    }
}

impl Import {
    fn body(self) -> Done<Value> {
        let ending = Path::new(&self.file).extension().and_then(|ending| ending.to_str());
        let format = match (self.format, ending) {
            (Some(format), _) => format,
            (None, Some("csv")) => "csv".to_owned(),
            (None, Some("jsonl" | "ndjson")) => "jsonl".to_owned(),
            (None, _) => {
                return Err(Failure::usage("how the file is written cannot be seen from its name")
                    .at(self.file)
                    .next("add `--format csv` or `--format jsonl`"));
            }
        };
        Ok(json!({
            "tenant": self.tenant,
            "format": format,
            "content": content(&self.file)?,
            "dry_run": self.dry_run,
            "most_barred": self.most_barred,
        }))
    }
}

/// The text of a file, or of standard input.
fn content(file: &str) -> Done<String> {
    let unreadable = |error: std::io::Error| Failure::new(format!("cannot be read: {error}")).at(file);
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().lock().take(MOST_READ + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(MOST_READ + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > MOST_READ {
        return Err(Failure::new(format!("the file is larger than {} MiB", MOST_READ >> 20))
            .at(file)
            .next("take it in parts: each is an import of its own"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|&&c| c == b'\n').count();
        Failure::new(format!("the file is not UTF-8 text, from line {line} on"))
            .at(file)
            .next("save it as UTF-8: spreadsheets offer `CSV UTF-8`, and `iconv` changes what is there")
    })
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
