//! The verbs: one file each, and one line here, in the order of `--help`.

mod app;
mod audit;
mod backup;
pub mod check;
mod completions;
mod doctor;
mod errors;
mod generate;
mod issuer;
mod jose;
mod key;
mod operator;
mod record;
mod restore;
mod revocation;
mod route;
mod schema;
mod secret;
mod serve;
mod source;
mod team;
mod tenant;
mod token;
mod user;
mod webhook;

use crate::cli::{Globals, Verb};
use crate::client::Client;
use crate::failure::{Done, Failure};
use clap::Args;

/// Every verb.
pub const VERBS: &[Verb] = &[
    Verb::of::<serve::Serve>(),
    Verb::of::<check::Check>(),
    Verb::of::<tenant::Tenant>(),
    Verb::of::<user::User>(),
    Verb::of::<team::Team>(),
    Verb::of::<app::App>(),
    Verb::of::<key::Key>(),
    Verb::of::<token::Token>(),
    Verb::of::<jose::Jose>(),
    Verb::of::<issuer::Issuer>(),
    Verb::of::<source::Source>(),
    Verb::of::<route::Route>(),
    Verb::of::<revocation::Revocation>(),
    Verb::of::<record::Record>(),
    Verb::of::<audit::Audit>(),
    Verb::of::<webhook::Webhook>(),
    Verb::of::<operator::Operator>(),
    Verb::of::<secret::Secret>(),
    Verb::of::<backup::Backup>(),
    Verb::of::<restore::Restore>(),
    Verb::of::<doctor::Doctor>(),
    Verb::of::<errors::Errors>(),
    Verb::of::<schema::Schema>(),
    Verb::of::<generate::Generate>(),
    Verb::of::<completions::Completions>(),
];

/// Which part of a list.
#[derive(Args, Debug)]
pub struct Paging {
    /// Entries at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// The last id of the page before
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

impl Paging {
    /// The query of a list with these filters.
    fn query<const N: usize>(
        self,
        filters: [(&'static str, Option<String>); N],
    ) -> Vec<(&'static str, Option<String>)> {
        let mut query = vec![("limit", Some(self.limit.to_string())), ("after", self.after)];
        query.extend(filters);
        query
    }
}

/// Whether names may come before what has them.
#[derive(Args, Clone, Copy, Debug)]
pub struct Ahead {
    /// Take names of issuers, services and models that the configuration does not have: it will, later
    #[arg(long)]
    allow_unknown: bool,
}

impl Ahead {
    /// A path of the admin API, asked to take such names or not.
    fn at(self, path: &str) -> String {
        if self.allow_unknown { format!("{path}?allow_unknown=true") } else { path.to_owned() }
    }
}

/// Runs `work` against the admin API.
pub(in crate::cmd) fn on_client(globals: &Globals, work: impl AsyncFnOnce(&Client) -> Done) -> Done {
    block_on(async {
        let client = Box::pin(Client::open(globals)).await?;
        let done = work(&client).await;
        client.close().await;
        done
    })
}

/// Runs a command's future. One thread: a command does one thing at a time.
fn block_on<T>(work: impl Future<Output = Done<T>>) -> Done<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}

/// The path of one thing: its reference percent-encoded, so that a name with a slash stays one segment.
fn below(base: &str, reference: &str) -> String {
    let mut path = format!("{base}/");
    for byte in reference.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
