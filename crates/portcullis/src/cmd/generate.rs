//! `portcullis gen`: the files that are derived from the code, written, or checked for staleness.

use crate::cli::{self, Globals, Run};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_fault::codes;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Write the files that are derived from the code
#[derive(Args, Debug)]
#[command(after_help = "\
Writes, below the project's root:
  api/openapi.json  api/config.schema.json  api/errors.json
  docs/reference/configuration.md  docs/reference/cli.md  docs/reference/errors.md
  docs/reference/models.md  docs/reference/providers.md  docs/reference/translation.md

With `--check` nothing is written; it fails when a file is not what the code says.")]
pub struct Generate {
    /// The project's root
    #[arg(long, default_value = ".", value_name = "DIR")]
    root: PathBuf,
    /// Write nothing; fail when a file is stale
    #[arg(long)]
    check: bool,
}

/// A derived file: where it is, and what is in it.
struct Derived {
    path: &'static str,
    text: fn() -> String,
}

const FILES: &[Derived] = &[
    Derived { path: "api/openapi.json", text: openapi },
    Derived { path: "api/config.schema.json", text: || pretty(&portcullis_config::schema()) },
    Derived { path: "api/errors.json", text: || pretty(&catalogue()) },
    Derived { path: "docs/reference/configuration.md", text: portcullis_config::reference_markdown },
    Derived { path: "docs/reference/cli.md", text: command_line },
    Derived { path: "docs/reference/errors.md", text: errors },
    Derived { path: "docs/reference/models.md", text: portcullis_llm::catalog::reference_markdown },
    Derived {
        path: "docs/reference/providers.md",
        text: portcullis_llm::providers::presets::reference_markdown,
    },
    Derived { path: "docs/reference/translation.md", text: portcullis_llm::translate::reference_markdown },
];

impl Run for Generate {
    const NAME: &'static str = "gen";

    fn run(self, _: &Globals) -> Done {
        let mut stale = Vec::new();
        for file in FILES {
            let path = self.root.join(file.path);
            let text = (file.text)();
            if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
                continue;
            }
            stale.push(file.path);
            if self.check {
                continue;
            }
            let written = path
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| {
                Failure::new(format!("cannot write: {error}")).at(path.display().to_string())
            })?;
        }
        if self.check && !stale.is_empty() {
            return Err(Failure::new("derived files are stale").at(stale.join(" ")).next("portcullis gen"));
        }
        if self.check {
            Ok(())
        } else {
            output::write(&stale.iter().map(|path| format!("{path}\n")).collect::<String>())
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn openapi() -> String {
    // Through a `Value`, so that the order of members does not depend on how the document was put together.
    let document = serde_json::to_value(portcullis_control::openapi::document()).unwrap_or_default();
    pretty(&document)
}

fn catalogue() -> Value {
    let codes: Vec<Value> = codes::ALL
        .iter()
        .map(|code| {
            json!({
                "code": code.name(),
                "status": code.status(),
                "blame": code.blame().as_str(),
                "retry": code.retry().as_str(),
                "public": code.public().name(),
                "title": code.title(),
            })
        })
        .collect();
    json!({ "codes": codes })
}

fn errors() -> String {
    let mut text = String::from(
        "# Codes\n\nEvery refusal carries one of these. Where \"shown as\" differs, the caller sees that code and the record has the true one.\n`portcullis errors CODE` and `/-/errors/CODE` have the whole page.\n\n| code | status | shown as | whose turn | again | |\n|---|---|---|---|---|---|\n",
    );
    for code in codes::ALL {
        let (name, shown) = (code.name(), code.public().name());
        let shown = if shown == name { "" } else { shown };
        // Infallible: writing into a String.
        let _ = writeln!(
            text,
            "| [`{name}`](../errors/{name}.en.md) | {} | {} | {} | {} | {} |",
            code.status(),
            if shown.is_empty() { String::new() } else { format!("`{shown}`") },
            code.blame().as_str(),
            code.retry().as_str(),
            code.title()
        );
    }
    text
}

fn command_line() -> String {
    let mut text = String::from("# Command line\n\nExit codes: 0 done, 1 failed, 2 called wrongly.\n");
    let mut root = cli::command().term_width(110);
    root.build();
    section(&mut text, &mut root, "portcullis", &[]);
    text
}

/// `above`: the options of every verb that are described further up.
fn section(text: &mut String, command: &mut clap::Command, path: &str, above: &[clap::Id]) {
    let root = !path.contains(' ');
    // Described once, where they come in; environment values are the machine's, not the reference's.
    *command = command.clone().mut_args(|argument| {
        let told = above.contains(argument.get_id()) || (argument.get_id() == "help" && !root);
        argument.hide_env_values(true).hide(told)
    });
    let global = command.get_arguments().filter(|argument| argument.is_global_set());
    let told: Vec<clap::Id> = global.map(|argument| argument.get_id().clone()).collect();
    let help = command.render_long_help().to_string();
    // Infallible: writing into a String.
    let _ = write!(
        text,
        "\n## {path}\n\n```\n{}\n```\n",
        help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end()
    );
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .filter(|name| name != "help")
        .collect();
    for name in names {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            section(text, sub, &format!("{path} {name}"), &told);
        }
    }
}
