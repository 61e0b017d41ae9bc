//! `portcullis doctor`: why a caller was refused, with evidence and what to do about it.

mod compare;
mod given;
mod instance;
mod message;

use crate::cli::{Globals, Output, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use portcullis_doctor::{Diagnosis, text};
use serde_json::{Map, Value, json};
use std::io::IsTerminal;

/// Find out why a caller was refused
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Give what the caller sent behind `Bearer`, or the request id that the caller saw in `X-Request-Id`.
Runs the checks of the request path themselves, without effects. Beside a running `serve` it asks
that process, and so sees its caches, key sets and breakers; otherwise it opens the data directory.
It changes nothing, and shows no whole token or secret. A token as an argument is seen by whoever
can list this machine's processes: a file or a pipe is safer.

Exit codes: 0 examined (whatever was found), 1 it could not be, 2 called wrongly.

Examples:
  portcullis doctor @token.txt
  pbpaste | portcullis doctor - --service orders
  portcullis doctor --request 0199f0c2-7f00-7000-8000-00000000dead
  portcullis doctor @bad.txt --good @good.txt
  portcullis doctor --message 'JWTExpired: \"exp\" claim timestamp check failed'
  portcullis doctor instance
  portcullis doctor compare staging.toml production.toml"
)]
pub struct Doctor {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The credential: itself, `@FILE`, or `-` for stdin
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
    /// The id of a call that was recorded
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The service that is called, by name: whether the caller may call it is checked as well
    #[arg(long)]
    service: Option<String>,
    /// A credential that works, to compare with: itself, `@FILE`, or `-`
    #[arg(long, value_name = "TOKEN")]
    good: Option<String>,
    /// The error text of another library or server
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the process sees of its surroundings: variables, secrets, mounts, limits, reachability
    Instance(instance::Instance),
    /// Show what differs between the configurations of two instances
    Compare(compare::Compare),
}

impl Run for Doctor {
    const NAME: &'static str = "doctor";

    fn run(self, globals: &Globals) -> Done {
        match self.verb {
            Some(Verb::Instance(instance)) => return instance.run(globals),
            Some(Verb::Compare(compare)) => return compare.run(globals),
            None => {}
        }
        if self.token.is_none() && self.request.is_none() && self.message.is_none() {
            return Err(Failure::usage("there is nothing to examine").next("portcullis doctor --help"));
        }
        let matches = self.message.as_deref().map(message::explain);
        if self.token.is_none() && self.request.is_none() {
            let matches = matches.unwrap_or_default();
            return match globals.output {
                Output::Json => output::json(&json!({ "messages": matches })),
                Output::Text => output::write(&message::text(&matches)),
            };
        }
        let mut asked = Map::new();
        if let Some(token) = &self.token {
            asked.insert("token".to_owned(), Value::String(given::credential(token)?));
        }
        if let Some(good) = &self.good {
            if good == "-" && self.token.as_deref() == Some("-") {
                return Err(Failure::usage("stdin cannot be both the token and the good one")
                    .next("give one of them as `@FILE`"));
            }
            asked.insert("good".to_owned(), Value::String(given::credential(good)?));
        }
        for (member, value) in [("request", self.request), ("service", self.service)] {
            if let Some(value) = value {
                asked.insert(member.to_owned(), Value::String(value));
            }
        }
        super::on_client(globals, async |client: &Client| {
            let answer = client.post("/admin/v1/doctor", Value::Object(asked)).await?;
            match (globals.output, matches) {
                (Output::Json, None) => output::json(&answer),
                (Output::Json, Some(matches)) => {
                    output::json(&json!({ "messages": matches, "diagnosis": answer }))
                }
                (Output::Text, matches) => {
                    let diagnosis: Diagnosis = serde_json::from_value(answer).map_err(|error| {
                        Failure::new(format!("the answer of the control plane is no diagnosis: {error}"))
                    })?;
                    let before = matches.map(|matches| message::text(&matches)).unwrap_or_default();
                    output::write(&format!("{before}{}", text::render(&diagnosis, in_colour(globals))))
                }
            }
        })
    }
}

/// Whether the reader wants colours: a terminal that has some, and no `NO_COLOR` (<https://no-color.org>).
fn in_colour(globals: &Globals) -> bool {
    let variable = |name: &str| {
        globals
            .environment
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    };
    std::io::stdout().is_terminal() && variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}
