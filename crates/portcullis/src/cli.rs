//! The command line: the options that every verb takes, the list of verbs, and how a failure becomes an exit code.
//!
//! Exit codes: 0 done, 1 failed, 2 called wrongly.

mod spelling;

use crate::cmd;
use crate::failure::{Done, Failure};
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use portcullis_config::Loaded;
use portcullis_model::Problem;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of every verb.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    /// The configuration file (TOML). Without one, defaults and the environment apply.
    #[arg(long, global = true, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    pub config: Option<PathBuf>,
    /// The data directory; goes before the configuration's `[storage] data_dir`.
    #[arg(long, global = true, value_name = "DIR", env = "PORTCULLIS_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// How results and errors are written.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// The process's environment, as `main` found it.
    #[arg(skip)]
    pub environment: Vec<(String, String)>,
}

impl Globals {
    /// Reads the configuration, with the command line's data directory in it.
    pub fn load(&self) -> Done<Loaded> {
        let mut loaded = portcullis_config::load(self.config.as_deref(), self.environment.iter().cloned())
            .map_err(|errors| self.unreadable(&errors))?;
        if let Some(data_dir) = &self.data_dir {
            loaded.config.storage.data_dir = std::path::absolute(data_dir)
                .map_err(|error| Failure::usage(error.to_string()).at(data_dir.display().to_string()))?;
        }
        Ok(loaded)
    }

    fn unreadable(&self, errors: &portcullis_config::Errors) -> Failure {
        let count = errors.problems().len();
        let what = if count == 1 {
            "the configuration has a problem".to_owned()
        } else {
            format!("the configuration has {count} problems")
        };
        let report = match self.output {
            Output::Text => format!("\n{}", errors.report(std::io::stderr().is_terminal()).trim_end()),
            Output::Json => errors.to_string(),
        };
        let problems = errors.problems().iter().map(|problem| {
            let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            Problem::new(problem.place.to_string(), format!("{}{help}", problem.message))
        });
        Failure::new(what).at(report).because(problems.collect())
    }
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: the admin API's own JSON.
    Json,
}

/// A verb of the command line.
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    command: fn() -> Command,
    run: fn(&ArgMatches, &Globals) -> Done,
}

/// What the file of a verb defines: its arguments, whose doc comments are its help, and what it does.
pub trait Run: Args {
    /// The verb.
    const NAME: &'static str;

    /// Does it.
    fn run(self, globals: &Globals) -> Done;
}

impl Verb {
    /// The verb that `T` defines.
    pub const fn of<T: Run>() -> Self {
        Self {
            name: T::NAME,
            command: || T::augment_args(Command::new(T::NAME)),
            run: |matches, globals| {
                let arguments =
                    T::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))?;
                arguments.run(globals)
            },
        }
    }
}

const AFTER_HELP: &str = "\
First steps:
  portcullis serve --demo                      try it: an echo model, three curl lines
  portcullis check --config portcullis.toml    what a configuration does, what is wrong
  portcullis serve --config portcullis.toml    run it

Beside a running `serve` the other commands speak to it over its unix socket; without one
they open the data directory themselves, under its lock. Every error says what is wrong,
where, and what to do next.";

/// The whole command line.
pub fn command() -> Command {
    let root = Command::new("portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110);
    // After the options: their own description would take its place.
    let root = Globals::augment_args(root)
        .about("Knows who calls your AI models and APIs, and says exactly why a call was refused");
    spelling::with_synonyms(cmd::VERBS.iter().fold(root, |root, verb| root.subcommand((verb.command)())))
}

/// What the arguments say; the error knows how people say it otherwise.
fn parse(arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let mut command = command();
    let read = command.try_get_matches_from_mut(arguments);
    read.map_err(|error| spelling::explained(error, &command, arguments))
}

/// Runs the command line and says how it went.
pub fn run(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (String, String)>,
) -> ExitCode {
    let matches = match parse(&arguments.collect::<Vec<_>>()) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to stdout and are no failure; the rest is wrong usage.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let told = if error.use_stderr() && asks_for_json(std::env::args_os()) {
                let failure = misused(&error.render().to_string());
                std::io::stderr().write_all(failure.render(Output::Json).as_bytes())
            } else {
                error.print()
            };
            return if told.is_ok() { ExitCode::from(code) } else { ExitCode::from(1) };
        }
    };
    let mut output = Output::Text;
    match dispatch(&matches, environment.collect(), &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A closed stderr leaves nobody to tell.
            let _ = std::io::stderr().write_all(failure.render(output).as_bytes());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Whether arguments that cannot be read ask for JSON all the same.
fn asks_for_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut after_output = false;
    for argument in arguments {
        if argument == "--output=json" || (after_output && argument == "json") {
            return true;
        }
        after_output = argument == "--output";
    }
    false
}

/// What the parser of the arguments says: first what is wrong, then perhaps a tip, then the usage.
fn misused(said: &str) -> Failure {
    let words = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = said.split("\n\n").map(words);
    let what = paragraphs.next().unwrap_or_default();
    let failure = Failure::usage(what.strip_prefix("error: ").unwrap_or(&what));
    match paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ").map(str::to_owned)) {
        Some(tip) => failure.next(tip),
        None => failure,
    }
}

fn dispatch(matches: &ArgMatches, environment: Vec<(String, String)>, output: &mut Output) -> Done {
    let mut globals =
        Globals::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))?;
    globals.environment = environment;
    *output = globals.output;
    let (name, arguments) = matches.subcommand().ok_or_else(|| Failure::usage("no command was given"))?;
    let verb = cmd::VERBS
        .iter()
        .find(|verb| verb.name == name)
        .ok_or_else(|| Failure::usage(format!("no such command: `{name}`")))?;
    (verb.run)(arguments, &globals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sound() {
        command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_json_where_that_was_asked_for() {
        let json = |line: &str| asks_for_json(line.split(' ').map(OsString::from));
        assert!(json("portcullis user nonsense --output json") && json("portcullis --output=json nonsense"));
        assert!(!json("portcullis --output text json") && !json("portcullis user json --output"));
        let said = |line: &str| {
            let error = command().try_get_matches_from(line.split(' ')).unwrap_err();
            let text = misused(&error.render().to_string()).render(Output::Json);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"].clone()
        };
        assert_eq!(said("portcullis nonsense")["what"], "unrecognized subcommand 'nonsense'");
        let missing = said("portcullis user show");
        assert_eq!(missing["what"], "the following required arguments were not provided: <USER>");
        assert!(said("portcullis user lits")["next"].as_str().unwrap().contains("'list'"));
    }
}
