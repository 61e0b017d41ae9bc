//! Answers of the admin API on a terminal: tables for lists, `name: value` lines for one thing. Programs ask for
//! `--output json` and get the API's own JSON.

use crate::cli::Output;
use crate::failure::Done;
use serde_json::Value;
use std::io::{ErrorKind, Write};

/// Writes to stdout. A reader that has gone away (`| head`) is no failure.
pub fn write(text: &str) -> Done {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// One thing.
pub fn show(output: Output, value: &Value) -> Done {
    match output {
        Output::Json => json(value),
        Output::Text => {
            let mut text = String::new();
            lines(&mut text, value, 0);
            write(&text)
        }
    }
}

/// A page of a list: `columns` are headings and JSON pointers into each item.
pub fn list(output: Output, page: &Value, columns: &[(&str, &str)]) -> Done {
    if output == Output::Json {
        return json(page);
    }
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = table(items, columns);
    if let Some(next) = page["next"].as_str() {
        text.push_str(&format!("more: --after {next}\n"));
    }
    write(&text)
}

/// Pretty JSON.
pub fn json(value: &Value) -> Done {
    write(&format!("{value:#}\n"))
}

fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    if items.is_empty() {
        return "nothing\n".to_owned();
    }
    let heading: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = items.iter().map(|item| {
        columns.iter().map(|(_, at)| item.pointer(at).map_or_else(|| "-".to_owned(), cell)).collect()
    });
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// What callers sent (paths, subjects) ends up on an operator's terminal: escape sequences must not.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn lines(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Null => {}
                    Value::Object(inner) if !inner.is_empty() => {
                        text.push_str(&format!("{indent}{name}:\n"));
                        lines(text, member, depth + 1);
                    }
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        text.push_str(&format!("{indent}{name}:\n"));
                        for item in items {
                            let mut inner = String::new();
                            lines(&mut inner, item, depth + 2);
                            // The first line of each entry carries its dash.
                            let dash = format!("{indent}  - ");
                            text.push_str(&inner.replacen(&"  ".repeat(depth + 2), &dash, 1));
                        }
                    }
                    other => text.push_str(&format!("{indent}{name}: {}\n", cell(other))),
                }
            }
        }
        other => text.push_str(&format!("{indent}{}\n", cell(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_align_and_terminals_are_safe() {
        let items = [json!({"id": "1", "name": "a\u{1b}[31m"}), json!({"id": "22", "roles": ["x", "y"]})];
        let text = table(&items, &[("ID", "/id"), ("NAME", "/name"), ("ROLES", "/roles")]);
        assert_eq!(text, "ID  NAME    ROLES\n1   a\u{fffd}[31m  -\n22  -       x,y\n");
    }

    #[test]
    fn one_thing_in_lines() {
        let mut text = String::new();
        lines(
            &mut text,
            &json!({"id": "1", "gone": null, "user": {"name": "ada"}, "identities": [{"issuer": "a", "subject": "b"}]}),
            0,
        );
        assert_eq!(text, "id: 1\nuser:\n  name: ada\nidentities:\n  - issuer: a\n    subject: b\n");
    }
}
