//! `portcullis source`: the directories of other systems that users come from.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// See, test and synchronise user sources: LDAP, SQL and HTTP directories
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis source list                     with lag, counts, and what waits for approval
  portcullis source test corp                connect, sign in, ask for somebody whom nobody is
  portcullis source sync corp --full --wait  read everybody now, and show what came of it
  portcullis source approve corp             delete as many users as wait for approval")]
pub struct Source {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List sources
    List,
    /// Show one, with its last run
    Show {
        /// Its name in the configuration
        source: String,
    },
    /// Try one: every server, from the certificate to a person that can be read
    Test {
        /// Its name in the configuration
        source: String,
    },
    /// Have one synchronised by a running `serve`
    Sync {
        /// Its name in the configuration
        source: String,
        /// Read everybody, and find who is gone; otherwise only what has changed
        #[arg(long)]
        full: bool,
        /// Wait until the run has ended, at most this many seconds
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600")]
        wait: Option<u64>,
    },
    /// Let the next run delete as many users as wait for approval
    Approve {
        /// Its name in the configuration
        source: String,
    },
}

const BASE: &str = "/admin/v1/sources";

/// Between two looks at a run that is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// By then a node has begun what was asked for, unless none is there, or all are at other sources.
const BEGUN: Duration = Duration::from_secs(30);

impl Run for Source {
    const NAME: &'static str = "source";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::List => {
                    let page = client.read(BASE, &[]).await?;
                    let columns = [
                        ("NAME", "/name"),
                        ("TENANT", "/tenant"),
                        ("KIND", "/kind"),
                        ("LAG (s)", "/lag_seconds"),
                        ("LAST", "/last/outcome"),
                        ("SEEN", "/last/seen"),
                        ("FAILED", "/last/failed"),
                        ("WAITING", "/waiting/gone"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Show { source } => client.read(&super::below(BASE, &source), &[]).await?,
                Verb::Test { source } => {
                    let path = format!("{}/test", super::below(BASE, &source));
                    let tested = client.post(&path, json!({})).await?;
                    output::show(globals.output, &tested)?;
                    return match tested["problem"].as_str() {
                        None => Ok(()),
                        Some(_) => Err(Failure::new(format!("the source `{source}` cannot be used"))),
                    };
                }
                Verb::Sync { source, full, wait } => {
                    let path = super::below(BASE, &source);
                    let before = client.read(&path, &[]).await?;
                    let asked = client.post(&format!("{path}/sync"), json!({ "full": full })).await?;
                    match wait {
                        None => asked,
                        Some(_) if client.is_alone() => {
                            return Err(Failure::new(
                                "nobody synchronises now, so there is nothing to wait for: no `portcullis serve` is running",
                            )
                            .next("start `portcullis serve`: it begins with what was asked for"));
                        }
                        Some(seconds) => ended(client, &path, &before, Duration::from_secs(seconds)).await?,
                    }
                }
                Verb::Approve { source } => {
                    client.post(&format!("{}/approve", super::below(BASE, &source)), json!({})).await?
                }
            };
            output::show(globals.output, &value)
        })
    }
}

/// Whether no node is at any source: each does a few at a time, and what is asked for may have to wait for its turn.
async fn nobody_runs(client: &Client) -> Done<bool> {
    let sources = client.read(BASE, &[]).await?;
    let mut sources = sources["items"].as_array().into_iter().flatten();
    Ok(sources.all(|source| source["running"] == false))
}

/// The source, once a run has ended that had not before.
async fn ended(client: &Client, path: &str, before: &Value, patience: Duration) -> Done<Value> {
    let began = Instant::now();
    loop {
        let now = client.read(path, &[]).await?;
        let done = now["asked"].is_null() && now["running"] == false;
        if done && now["last"]["run"] != before["last"]["run"] {
            return Ok(now);
        }
        if began.elapsed() >= BEGUN && !now["asked"].is_null() && nobody_runs(client).await? {
            return Err(Failure::new(format!("no node has begun the run within {} s", BEGUN.as_secs()))
                .at(path.rsplit('/').next().unwrap_or(path).to_owned())
                .next("it stays asked for; see whether `portcullis serve` runs, and what its log says of the source"));
        }
        if began.elapsed() >= patience {
            return Err(Failure::new(format!("the run has not ended within {} s", patience.as_secs()))
                .next("see whether `portcullis serve` is running: it does what is asked for"));
        }
        tokio::time::sleep(LOOK).await;
    }
}
