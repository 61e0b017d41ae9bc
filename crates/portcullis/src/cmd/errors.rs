//! `portcullis errors`: the pages of the catalogue, on the terminal.

use crate::cli::{Globals, Output, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::{Args, Subcommand};
use portcullis_control::figures::Figures;
use portcullis_control::figures::words::section;
use portcullis_fault::codes;
use portcullis_fault::pages::messages::{self, INPUT_MAX};
use portcullis_fault::pages::{self, Format, Language, umbrella};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, stdin};

/// Explain a code, list all codes, or find the page of an error message
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis errors                          every code, with its status and sentence
  portcullis errors subject_unresolved       what it means, what to check, what to do
  portcullis errors figures token_expired    how often here, and how many came through
  portcullis errors match 'jwt audience invalid. expected: orders'
  journalctl -u api | tail -50 | portcullis errors match -
  portcullis errors subject_unresolved --language zh")]
pub struct Errors {
    #[command(subcommand)]
    verb: Option<ErrorsVerb>,
    /// The code, as in a refusal's `code`, or the name of a page that several codes share; or an error message, as with `match`
    code: Option<String>,
    /// The page's language
    #[arg(long, default_value = "en", value_parser = ["en", "zh"], global = true)]
    language: String,
}

#[derive(Subcommand, Debug)]
enum ErrorsVerb {
    /// Find the code that another library's or server's error message stands for
    Match {
        /// The message, or text with messages in it; `-` for standard input
        text: String,
    },
    /// How often a code occurred on this gateway, when, where, and how many callers succeeded afterwards
    Figures {
        /// The code, as in a refusal's `code`
        code: String,
        /// Only this tenant's calls: name or id
        #[arg(long)]
        tenant: Option<String>,
    },
}

impl Run for Errors {
    const NAME: &'static str = "errors";

    fn run(self, globals: &Globals) -> Done {
        let language = if self.language == "zh" { Language::Chinese } else { Language::English };
        let format = if globals.output == Output::Json { Format::Json } else { Format::Markdown };
        let page = match (self.verb, &self.code) {
            (Some(ErrorsVerb::Match { text }), _) => return matches(&text, format, language),
            (Some(ErrorsVerb::Figures { code, tenant }), _) => {
                codes::Code::find(&code).ok_or_else(|| unknown(&code))?;
                return super::on_client(globals, async |client: &Client| {
                    let path = format!("{}/figures", super::below("/admin/v1/errors", &code));
                    let figures = client.read(&path, &[("tenant", tenant)]).await?;
                    match globals.output {
                        Output::Json => output::show(globals.output, &figures),
                        Output::Text => output::write(&in_words(figures, language)?),
                    }
                });
            }
            (None, Some(name)) => {
                let ending = if format == Format::Json { "json" } else { "md" };
                let known = codes::Code::find(name).is_some() || umbrella::find(name).is_some();
                if !known && !messages::explain(name).is_empty() {
                    return matches(name, format, language);
                }
                known
                    .then(|| pages::find(&format!("{name}.{}.{ending}", language.tag()), None, None, None))
                    .flatten()
                    .ok_or_else(|| unknown(name))?
            }
            (None, None) => pages::index(format, language),
        };
        output::write(&format!("{}\n", page.body.trim_end()))
    }
}

/// As on the code's page.
fn in_words(figures: Value, language: Language) -> Result<String, Failure> {
    let figures: Figures = serde_json::from_value(figures)
        .map_err(|error| Failure::new(format!("the server's answer cannot be read: {error}")))?;
    Ok(section(&figures, language).trim_start().to_owned())
}

fn matches(text: &str, format: Format, language: Language) -> Done {
    let mut piped = Vec::new();
    if text == "-" {
        stdin()
            .take(INPUT_MAX as u64)
            .read_to_end(&mut piped)
            .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    }
    let piped = String::from_utf8_lossy(&piped);
    let found = messages::explain(if text == "-" { &piped } else { text });
    if format == Format::Json {
        let found: Vec<Value> = found.iter().map(|found| pages::matched(found, language)).collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({ "messages": found }))
            .map_err(|error| Failure::new(error.to_string()))?;
        return output::write(&format!("{text}\n"));
    }
    if found.is_empty() {
        return Err(Failure::new("no message of a library or server that is known is in this text")
            .next("portcullis errors"));
    }
    let mut out = String::new();
    for found in &found {
        let message = found.message;
        // Writing into memory cannot fail.
        let _ = writeln!(out, "{}: {}", message.library, message.text);
        for code in message.codes {
            let _ = writeln!(out, "  {code}: {}", pages::title(*code, language));
        }
        for (name, value) in &found.values {
            let _ = writeln!(out, "  {name} = {value}");
        }
        if let Some((english, chinese)) = message.note {
            let _ = writeln!(out, "  {}", if language == Language::Chinese { chinese } else { english });
        }
        let _ = writeln!(out, "  portcullis errors {}", message.page());
    }
    output::write(&out)
}

fn unknown(name: &str) -> Failure {
    let names =
        codes::ALL.iter().map(|code| code.name()).chain(umbrella::ALL.iter().map(|umbrella| umbrella.slug));
    let nearest = portcullis_config::nearest(name, names);
    let failure = Failure::usage(format!("no code is called `{name}`"));
    match nearest {
        Some(nearest) => failure.next(format!("portcullis errors {nearest}")),
        None => failure.next("portcullis errors"),
    }
}
