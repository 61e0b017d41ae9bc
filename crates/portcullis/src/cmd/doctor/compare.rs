//! `portcullis doctor compare`: what differs between the configurations of two instances.

use crate::cli::{Globals, Output};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_doctor::{compare, instance};
use portcullis_fault::Secret;
use portcullis_identity::secrets::{Custody, SecretReader};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Show what differs between the configurations of two instances
#[derive(Args, Debug)]
#[command(after_help = "\
Each of the two is a configuration file (TOML), or what `portcullis doctor instance --output json`
said on an instance (JSON). What two of the latter were asked of users with `--user` is set side by
side too: whether each user exists in both, and how it stands there. Secrets are compared by fingerprint; those of a TOML file are read as this
shell sees them. Things with a name are compared by name, so that their order is no difference.

Exit codes: 0 compared (whatever differs), 1 it could not be, 2 called wrongly.

Examples:
  portcullis doctor compare staging.toml production.toml
  portcullis doctor compare staging.json production.json --output json")]
pub struct Compare {
    /// The one
    a: PathBuf,
    /// The other
    b: PathBuf,
}

impl Compare {
    /// Runs it.
    pub fn run(self, globals: &Globals) -> Done {
        let (a, b) = (read(&self.a, globals)?, read(&self.b, globals)?);
        let found = compare::configurations(&a.configuration, &b.configuration);
        let users = compare::users(&a.users, &b.users);
        if globals.output == Output::Json {
            return output::json(&json!({ "differences": found, "users": users }));
        }
        let mut text = String::new();
        for setting in &found {
            let _ = writeln!(text, "{}", setting.at);
            for (path, value) in [(&self.a, &setting.a), (&self.b, &setting.b)] {
                let value: String =
                    value.as_deref().unwrap_or("(nothing)").chars().filter(|c| !c.is_control()).collect();
                let _ = writeln!(text, "  {}: {value}", path.display());
            }
        }
        if found.is_empty() {
            text.push_str("no difference\n");
        }
        for user in &users {
            let name: String = user.text.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "user {name}{}", if user.differs { "" } else { " (the same)" });
            for (path, stands) in [(&self.a, &user.a), (&self.b, &user.b)] {
                let stands = stands.as_deref().unwrap_or("(was not looked for: give `--user` there)");
                let _ = writeln!(text, "  {}: {stands}", path.display());
            }
        }
        output::write(&text)
    }
}

/// What is known of one side.
struct Side {
    configuration: Value,
    users: Value,
}

fn read(path: &Path, globals: &Globals) -> Done<Side> {
    let at = path.display().to_string();
    if path.extension().is_some_and(|extension| extension == "json") {
        let bytes = std::fs::read(path).map_err(|error| Failure::usage(error.to_string()).at(at.clone()))?;
        let mut value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::usage(format!("this is no JSON: {error}")).at(at.clone()))?;
        return match value.get_mut("configuration").map(Value::take) {
            Some(configuration) if configuration.is_object() => {
                Ok(Side { configuration, users: value["users"].take() })
            }
            _ => Err(Failure::usage("there is no `configuration` in it")
                .at(at)
                .next("portcullis doctor instance --output json")),
        };
    }
    let loaded = portcullis_config::load(Some(path), [])
        .map_err(|errors| Failure::new(errors.to_string()).at(at).next("portcullis check --config FILE"))?;
    let reader =
        SecretReader::new(globals.environment.iter().cloned(), Custody::new(&Secret::new([0; 32]), &[]));
    Ok(Side { configuration: instance::effective(&loaded.config, &reader), users: Value::Null })
}
