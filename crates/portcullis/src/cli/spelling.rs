//! What people type in place of what a command is called here. Other names for the same are taken; where something is
//! said in another way, the error says how.
//!
//! Not here: slips of the finger, which clap finds by itself.

use clap::error::{ContextKind, ContextValue, Error};
use clap::{Arg, Command};
use std::ffi::OsString;

/// Other names for the same, wherever there is a command of the first name. They are taken, and shown nowhere.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("serve", &["server", "start", "run", "up"]),
    ("check", &["validate", "lint", "verify-config"]),
    ("tenant", &["tenants", "org", "orgs"]),
    ("user", &["users"]),
    ("team", &["teams", "group", "groups"]),
    ("app", &["apps", "application", "applications"]),
    ("key", &["keys", "api-key", "api-keys", "apikey"]),
    ("token", &["tokens"]),
    ("jose", &["jwt", "jws", "jwe"]),
    ("issuer", &["issuers"]),
    ("source", &["sources"]),
    ("route", &["routes", "routing"]),
    ("revocation", &["revocations"]),
    ("record", &["records", "calls"]),
    ("webhook", &["webhooks", "sink", "sinks"]),
    ("operator", &["operators"]),
    ("secret", &["secrets"]),
    ("doctor", &["diagnose", "why"]),
    ("errors", &["error", "code", "codes"]),
    ("completions", &["completion"]),
    ("create", &["add", "new", "make"]),
    ("generate", &["gen", "create", "new"]),
    ("list", &["ls"]),
    ("show", &["get", "view", "describe", "info"]),
    ("delete", &["remove", "rm"]),
    ("revoke", &["delete", "remove", "rm"]),
    ("put", &["set", "add", "create"]),
    ("suspend", &["disable", "block"]),
    ("disable", &["suspend"]),
    ("sync", &["synchronise", "synchronize"]),
];

/// Said in another way: within which command, what was typed, and how it is said. `…` stands for anything that is no option.
const OTHERWISE: &[(&str, &[&str], &str)] = &[
    ("", &["config", "configuration"], "`portcullis check --config FILE` says what a configuration does"),
    ("", &["reload"], "save the file: a running `serve` takes it over by itself, as it does on SIGHUP"),
    ("", &["version"], "`portcullis --version`"),
    ("", &["log", "logs"], "`portcullis record list` lists calls, `portcullis audit` changes"),
    (
        "",
        &["init", "setup", "install"],
        "`portcullis serve` makes what it needs; `portcullis serve --demo` to try it",
    ),
    (
        "",
        &["status", "health", "ping"],
        "ask the control listener for `/health/ready`; or `portcullis doctor instance`",
    ),
    ("", &["revoke"], "`portcullis revocation --help` for tokens, `portcullis key revoke ID` for an API key"),
    ("", &["model", "models", "provider", "providers", "service", "services"], IN_THE_FILE),
    ("issuer", &["create", "add", "new", "make"], IN_THE_FILE),
    ("source", &["create", "add", "new", "make"], IN_THE_FILE),
    ("webhook", &["create", "add", "new", "make"], IN_THE_FILE),
    ("doctor", &["--token", "--jwt", "--key", "--credential", "--file"], BY_ITSELF),
    ("doctor", &["--id", "--record", "--call"], "`--request ID` examines a call that was recorded"),
    (
        "doctor",
        &["--user", "--sub", "--tenant"],
        "a caller is examined by the token it sent, or by `--request ID`",
    ),
    ("jose decode", &["--token", "--jwt", "--file", "--input"], BY_ITSELF),
    ("jose verify", &["--token", "--jwt", "--file", "--input"], BY_ITSELF),
    ("jose explain", &["--token", "--jwt", "--file", "--input"], BY_ITSELF),
    ("jose decrypt", &["--token", "--jwe", "--file", "--input"], BY_ITSELF),
    ("token", &["…"], "there is no verb: `portcullis token --tenant TENANT --user USER` mints one"),
    ("user", &["enable", "unsuspend", "unblock"], "`portcullis user restore USER` lifts a suspension"),
    ("user create", &["…", "--name"], "`--username NAME`; `--display-name` is for people to read"),
    ("key create", &["…"], "`--app APP` says whose key it is, `--name NAME` what it is called"),
    ("record", &["…"], "`portcullis record show ID` shows one, `portcullis record list` lists them"),
    (
        "revocation",
        &["create", "add", "new"],
        "`portcullis revocation token ISSUER JTI`, and `--help` for the others",
    ),
];

const IN_THE_FILE: &str =
    "it is written in the configuration file; `portcullis check --config FILE` shows what it does";
const BY_ITSELF: &str = "the token stands by itself, without an option: `@FILE`, or `-` for stdin";

/// With other names for the same, at every depth.
pub fn with_synonyms(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let is_free =
        |other: &&str| !names.iter().any(|name| name == other) && !is_pointed_from(command.get_name(), other);
    let others: Vec<Vec<&'static str>> = names
        .iter()
        .map(|name| {
            let rows = SYNONYMS.iter().filter(|(of, _)| of == name);
            rows.flat_map(|(_, others)| others.iter().copied()).filter(is_free).collect()
        })
        .collect();
    names.iter().zip(others).fold(command, |command, (name, others)| {
        command.mut_subcommand(name, |verb| with_synonyms(verb.aliases(others)))
    })
}

/// Whether there is something better to say than to take it.
fn is_pointed_from(within: &str, word: &str) -> bool {
    OTHERWISE.iter().any(|(of, words, _)| *of == within && words.contains(&word))
}

/// The error, with how it is said here where that is known.
pub fn explained(mut error: Error, command: &Command, arguments: &[OsString]) -> Error {
    let typed = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().find_map(|kind| {
        match error.get(kind) {
            Some(ContextValue::String(typed)) => Some(typed.clone()),
            _ => None,
        }
    });
    let Some(typed) = typed else { return error };
    let within = within(command, arguments);
    let word = typed.split('=').next().unwrap_or_default();
    let said = OTHERWISE.iter().filter(|(of, ..)| *of == within);
    let exactly = said.clone().find(|(_, words, _)| words.contains(&word));
    let anything = said.clone().find(|(_, words, _)| words.contains(&"…") && !typed.starts_with('-'));
    let Some((_, _, instead)) = exactly.or(anything) else { return error };
    for guess in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
        error.remove(guess);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*instead).into()]));
    error
}

/// The command that the arguments lead to, as `user create`.
fn within(root: &Command, arguments: &[OsString]) -> String {
    let (mut here, mut names) = (root, Vec::new());
    let mut rest = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    while let Some(word) = rest.next() {
        if takes_value(here, word) || takes_value(root, word) {
            rest.next();
        } else if let Some(next) = here.find_subcommand(word) {
            names.push(next.get_name());
            here = next;
        } else if !word.starts_with('-') {
            break;
        }
    }
    names.join(" ")
}

/// Whether the word is an option whose value is the next word.
fn takes_value(command: &Command, word: &str) -> bool {
    let name = word.strip_prefix("--").filter(|name| !name.contains('='));
    let is_it = |argument: &&Arg| argument.get_long() == name && argument.get_action().takes_values();
    name.is_some() && command.get_arguments().any(|argument| is_it(&argument))
}

#[cfg(test)]
mod tests {
    use crate::cli::{command, parse};
    use std::ffi::OsString;

    fn said(line: &str) -> String {
        let arguments =
            ["portcullis"].into_iter().chain(line.split(' ')).map(OsString::from).collect::<Vec<_>>();
        parse(&arguments).unwrap_err().to_string()
    }

    #[test]
    fn other_names_for_the_same_are_taken() {
        for (line, meant) in [
            ("users list", "user list"),
            ("user add --tenant acme", "user create --tenant acme"),
            ("user get ada", "user show ada"),
            ("user rm ada", "user delete ada"),
            ("user disable ada", "user suspend ada"),
            ("apps ls", "app list"),
            ("app suspend bot", "app disable bot"),
            ("api-key delete 1", "key revoke 1"),
            ("group list", "team list"),
            ("records get 1", "record show 1"),
            ("error token_expired", "errors token_expired"),
            ("secret set x", "secret put x"),
            ("jwt decode a.b.c", "jose decode a.b.c"),
            ("validate", "check"),
            ("start --demo", "serve --demo"),
        ] {
            let read = |line: &str| {
                let words = ["portcullis"].into_iter().chain(line.split(' ')).map(OsString::from);
                let matches =
                    parse(&words.collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{line}: {error}"));
                format!("{matches:?}")
            };
            assert_eq!(read(line), read(meant), "{line}");
        }
        // And are shown nowhere.
        let help = command().render_long_help().to_string();
        assert!(!help.contains("api-key") && !help.contains("diagnose"), "{help}");
    }

    #[test]
    fn what_is_said_in_another_way_is_pointed_to() {
        for (line, instead) in [
            ("doctor --token a.b.c", "@FILE"),
            ("doctor --token=a.b.c", "@FILE"),
            ("doctor --config p.toml --id 7", "--request ID"),
            ("jose decode --token a.b.c", "stands by itself"),
            ("token create --tenant acme", "portcullis token --tenant TENANT --user USER"),
            ("user create ada --tenant acme", "--username NAME"),
            ("users add ada --tenant acme", "--username NAME"),
            ("user create --tenant acme --name ada", "--display-name"),
            ("key create bot", "--app APP"),
            ("record 0199f0c2-7f00-7000-8000-00000000dead", "record show ID"),
            ("issuer add corp", "configuration file"),
            ("models list", "configuration file"),
            ("version", "portcullis --version"),
            ("status", "/health/ready"),
        ] {
            let said = said(line);
            assert!(said.contains("tip: ") && said.contains(instead), "{line}: {said}");
        }
        // A slip of the finger is found as before, and what nobody knows is not guessed at.
        assert!(said("usr list").contains("'user'"), "{}", said("usr list"));
        assert!(!said("frobnicate").contains("tip: "), "{}", said("frobnicate"));
    }
}
