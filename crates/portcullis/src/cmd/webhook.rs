//! `portcullis webhook`: who outside is told of events, and what could not be told.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use serde_json::json;

/// Look at webhooks and other sinks of events, and deliver again
#[derive(Args, Debug)]
#[command(after_help = "\
Webhooks are written in the configuration file as `[[webhooks]]`.

Examples:
  portcullis webhook list             how far each was told, and its last error
  portcullis webhook test crm         send it an event of type `test` now
  portcullis webhook retry crm        deliver what was set aside, and do not wait longer
  portcullis webhook resume crm       after a pause, or after it answered with status 410")]
pub struct Webhook {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List webhooks, and how far each was told
    List,
    /// Show one, with the events that could not be delivered
    Show {
        /// Its name in the configuration
        name: String,
    },
    /// Send it an event of type `test`, now and once
    Test {
        /// Its name in the configuration
        name: String,
    },
    /// Try again now: dead letters, and the event that is next
    Retry {
        /// Its name in the configuration
        name: String,
        /// One dead letter; default: all
        #[arg(long, value_name = "ID")]
        dead_letter: Option<String>,
    },
    /// Have it wait
    Pause {
        /// Its name in the configuration
        name: String,
    },
    /// Let it go on where it stopped
    Resume {
        /// Its name in the configuration
        name: String,
    },
}

const WEBHOOKS: &str = "/admin/v1/webhooks";

impl Run for Webhook {
    const NAME: &'static str = "webhook";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let below = |name: &str, verb: &str| format!("{}/{verb}", super::below(WEBHOOKS, name));
            let value = match self.verb {
                Verb::List => {
                    let columns = [
                        ("NAME", "/name"),
                        ("STATE", "/state"),
                        ("WAITING", "/waiting"),
                        ("DEAD", "/dead_letters"),
                        ("DELIVERED", "/delivered_at"),
                        ("FAILING SINCE", "/failing_since"),
                        ("LAST ERROR", "/last_error"),
                    ];
                    return output::list(globals.output, &client.read(WEBHOOKS, &[]).await?, &columns);
                }
                Verb::Show { name } => client.read(&super::below(WEBHOOKS, &name), &[]).await?,
                Verb::Test { name } => {
                    let tested = client.post(&below(&name, "test"), json!({})).await?;
                    if tested["delivered"] != true {
                        let why = tested["error"].as_str().unwrap_or("no reason was given");
                        return Err(Failure::new(format!("the test was not delivered: {why}"))
                            .next(format!("portcullis webhook show {name}")));
                    }
                    tested
                }
                Verb::Retry { name, dead_letter } => {
                    client.post(&below(&name, "retry"), json!({ "dead_letter": dead_letter })).await?
                }
                Verb::Pause { name } => client.post(&below(&name, "pause"), json!({})).await?,
                Verb::Resume { name } => client.post(&below(&name, "resume"), json!({})).await?,
            };
            output::show(globals.output, &value)
        })
    }
}
