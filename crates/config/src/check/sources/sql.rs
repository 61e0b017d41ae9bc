//! SQL sources: one `SELECT` each, with the parameters that belong to it.

use super::field;
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::source::SqlSource;
use portcullis_model::source::query::{Query, QueryError};

/// What each of the texts may and must refer to.
const QUERY: (&[&str], &[&str]) = (&["subject", "issuer", "tenant"], &["subject"]);
const BY_KEY: (&[&str], &[&str]) = (&["key", "issuer", "tenant"], &["key"]);
const NEAR: (&[&str], &[&str]) = (&["forms", "tenant"], &["forms"]);
const CHANGES: (&[&str], &[&str]) = (&["since", "after", "limit", "tenant"], &["since", "after", "limit"]);

pub fn check(sql: &SqlSource, at: &Path, findings: &mut Findings) {
    text(&sql.query, QUERY, at.key("query"), findings);
    if let Some(by_key) = &sql.by_key {
        text(by_key, BY_KEY, at.key("by_key"), findings);
    }
    if let Some(near) = &sql.near {
        text(near, NEAR, at.key("near"), findings);
    }
    if let Some(changes) = &sql.changes {
        text(changes, CHANGES, at.key("changes"), findings);
    }
    for (name, column) in &sql.columns {
        field(name, at.key("columns").key(name), findings);
        if column.is_empty() {
            findings.value(
                at.key("columns").key(name),
                format!("the column of `{}` is empty", shown(name)),
                None,
            );
        }
    }
}

fn text(text: &str, (known, needed): (&[&str], &[&str]), at: Path, findings: &mut Findings) {
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => {
            let help = match error {
                QueryError::NotASelect => "only what reads is asked: begin with `SELECT` or `WITH`",
                QueryError::Several => "take the `;` and what follows out",
                QueryError::Numbered => "name the parameter, as `:subject`",
                QueryError::Unclosed(_) => "close it",
            };
            findings.value(at, error.to_string(), Some(help));
            return;
        }
    };
    let key = crate::shape::subject(&at);
    for name in query.names() {
        if !known.contains(&name) {
            let all = known.iter().map(|name| format!("`:{name}`")).collect::<Vec<_>>().join(", ");
            let help = nearest(name, known.iter().copied())
                .map_or_else(|| format!("there are {all}"), |meant| format!("did you mean `:{meant}`?"));
            findings.value(at.clone(), format!("{key} has no parameter `:{}`", shown(name)), Some(&help));
        }
    }
    for name in needed {
        if !query.names().any(|there| there == *name) {
            let message = match *name {
                "subject" | "key" => {
                    format!("{key} does not ask for `:{name}`: everybody would be found")
                }
                name => format!("{key} does not use `:{name}`"),
            };
            findings.value(
                at.clone(),
                message,
                match *name {
                    "subject" => Some("write it as `WHERE login = :subject`"),
                    "key" => Some("write it as `WHERE id = :key::uuid`"),
                    _ => None,
                },
            );
        }
    }
}
