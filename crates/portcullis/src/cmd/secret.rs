//! `portcullis secret`: secrets in our own custody, named as `stored:NAME` in the configuration.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;
use std::io::{IsTerminal, Read};

/// Manage stored secrets: encrypted at rest, named as `stored:NAME` in the configuration
#[derive(Args, Debug)]
#[command(after_help = "\
The value is read from stdin, never from the command line, where other users and the shell's
history would see it. One trailing newline is not part of it.

Examples:
  portcullis secret put openai-key < key.txt
  printf %s \"$KEY\" | portcullis secret put openai-key
      then, in the configuration:  api_key = \"stored:openai-key\"")]
pub struct Secret {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set a secret from stdin
    Put {
        /// Its name
        name: String,
    },
    /// List names; values are shown to nobody
    List(super::Paging),
    /// Remove a secret
    Delete {
        /// Its name
        name: String,
    },
}

const SECRETS: &str = "/admin/v1/secrets";

/// Largest secret that is read from stdin; a private key with its chain fits.
const MOST: u64 = 64 << 10;

impl Run for Secret {
    const NAME: &'static str = "secret";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let value = match self.verb {
                Verb::Put { name } => {
                    let value = from_stdin()?;
                    client
                        .send(
                            Method::PUT,
                            &super::below(SECRETS, &name),
                            Some(json!({ "value": value.expose() })),
                        )
                        .await?
                }
                Verb::List(paging) => {
                    let page = client.read(SECRETS, &paging.query([])).await?;
                    return output::list(
                        globals.output,
                        &page,
                        &[("NAME", "/name"), ("CHANGED", "/updated_at")],
                    );
                }
                Verb::Delete { name } => client.delete(&super::below(SECRETS, &name), &[]).await?,
            };
            output::show(globals.output, &value)
        })
    }
}

fn from_stdin() -> Done<portcullis_fault::Secret<String>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("the value is read from stdin").next("portcullis secret put NAME < file"));
    }
    let mut text = String::new();
    stdin
        .lock()
        .take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(|_| Failure::usage("the value on stdin is not UTF-8 text"))?;
    if text.len() as u64 > MOST {
        return Err(Failure::usage(format!("the value on stdin is larger than {MOST} bytes")));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(portcullis_fault::Secret::new(text))
}
