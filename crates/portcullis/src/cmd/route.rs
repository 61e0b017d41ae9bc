//! `portcullis route`: which deployment of a model a call would get.

mod text;

use crate::cli::{Globals, Output, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use portcullis_model::route::RouteExplanation;
use serde_json::json;
use std::io::Read;

/// Find out which deployment an AI call would get, and why
#[derive(Args, Debug)]
#[command(after_help = "\
Decided by the very code of the request path; nothing is sent and nothing changes. Beside a running
`serve` with its breakers, resting keys, calls under way and latencies; otherwise by the
configuration alone.

Examples:
  portcullis route explain smart
  portcullis route explain smart --tenant acme --user ada --tag batch --tag region=eu
  portcullis route explain smart --body @question.json
  portcullis route explain smart --dialect anthropic --body - --output json < question.json")]
pub struct Route {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say which deployment a call would get, and why the others would not; sends nothing
    Explain(Explain),
}

#[derive(Args, Debug)]
struct Explain {
    /// The model, as callers name it
    model: String,
    /// The caller's tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Who calls: user name (with `--tenant`) or id
    #[arg(long)]
    user: Option<String>,
    /// The application that calls (with `--tenant`); with `--user`, on behalf of that user
    #[arg(long)]
    application: Option<String>,
    /// A tag, as in `x-portcullis-tags`; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A conversation, as in `x-portcullis-conversation`
    #[arg(long, value_name = "TEXT")]
    conversation: Option<String>,
    /// What the caller speaks: `openai`, `anthropic`, `gemini`, …
    #[arg(long)]
    dialect: Option<String>,
    /// What it asks: `chat`, `responses`, `embeddings`, …
    #[arg(long)]
    operation: Option<String>,
    /// The answer is to come as a stream; needed only where the dialect's path says so, not the body
    #[arg(long)]
    stream: bool,
    /// The body in that dialect: itself, `@FILE`, or `-` for stdin. What it needs and how long it is counts
    #[arg(long, value_name = "JSON|@FILE|-")]
    body: Option<String>,
}

impl Run for Route {
    const NAME: &'static str = "route";

    fn run(self, globals: &Globals) -> Done {
        let Verb::Explain(asked) = self.verb;
        let question = json!({
            "model": asked.model,
            "tenant": asked.tenant,
            "user": asked.user,
            "application": asked.application,
            "tags": asked.tags,
            "conversation": asked.conversation,
            "dialect": asked.dialect,
            "operation": asked.operation,
            "stream": asked.stream,
            "body": asked.body.as_deref().map(given).transpose()?,
        });
        super::on_client(globals, async |client: &Client| {
            let answer = client.post("/admin/v1/routes/explain", question).await?;
            match globals.output {
                Output::Json => output::json(&answer),
                Output::Text => {
                    let explanation: RouteExplanation = serde_json::from_value(answer).map_err(|error| {
                        Failure::new(format!("the answer of the control plane is no explanation: {error}"))
                    })?;
                    output::write(&text::render(&explanation))
                }
            }
        })
    }
}

/// Beyond this the control plane takes none.
const MOST: u64 = 200 << 10;

/// What an argument stands for.
fn given(argument: &str) -> Done<String> {
    let (from, place): (Box<dyn Read>, &str) = match argument.strip_prefix('@') {
        _ if argument == "-" => (Box::new(std::io::stdin().lock()), "stdin"),
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| {
                Failure::usage(format!("cannot read the body: {error}")).at(path.to_owned())
            })?;
            (Box::new(file), path)
        }
        None => return Ok(argument.to_owned()),
    };
    let mut text = String::new();
    from.take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the body: {error}")).at(place.to_owned()))?;
    if text.len() as u64 > MOST {
        return Err(Failure::usage(format!("the body has more than {MOST} bytes"))
            .at(place.to_owned())
            .next("leave images and files out: that there are some is enough"));
    }
    Ok(text)
}
