//! `portcullis errors`: the pages of the catalogue, on the terminal.

use crate::cli::{Globals, Output, Run};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_fault::codes;
use portcullis_fault::pages::{self, Format, Language};

/// Explain a code, or list all codes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis errors                          every code, with its status and sentence
  portcullis errors subject_unresolved       what it means, what to check, what to do
  portcullis errors subject_unresolved --language zh")]
pub struct Errors {
    /// The code, as in a refusal's `code`
    code: Option<String>,
    /// The page's language
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    language: String,
}

impl Run for Errors {
    const NAME: &'static str = "errors";

    fn run(self, globals: &Globals) -> Done {
        let language = if self.language == "zh" { Language::Chinese } else { Language::English };
        let format = if globals.output == Output::Json { Format::Json } else { Format::Markdown };
        let page = match &self.code {
            Some(name) => {
                let code = codes::Code::find(name).ok_or_else(|| unknown(name))?;
                pages::page(code, format, language)
            }
            None => pages::index(format, language),
        };
        output::write(&format!("{}\n", page.body.trim_end()))
    }
}

fn unknown(name: &str) -> Failure {
    let nearest = portcullis_config::nearest(name, codes::ALL.iter().map(|code| code.name()));
    let failure = Failure::usage(format!("no code is called `{name}`"));
    match nearest {
        Some(nearest) => failure.next(format!("portcullis errors {nearest}")),
        None => failure.next("portcullis errors"),
    }
}
