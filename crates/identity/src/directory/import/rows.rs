//! The rows of an import, from CSV (RFC 4180, with a header) or JSON lines.

use super::RowError;
use portcullis_model::{Name, UserStatus};
use portcullis_store::entity::LONGEST_IDENTIFIER;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How an import is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values; the first row names the columns.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

/// What a row says of a user. What it does not name stays; an inner `None` removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The line it begins on, from 1.
    pub line: usize,
    pub external_id: Option<Option<String>>,
    pub username: Option<Option<String>>,
    pub email: Option<Option<String>>,
    pub email_verified: Option<bool>,
    pub display_name: Option<Option<String>>,
    pub roles: Option<Vec<String>>,
    /// Each by itself: others stay.
    pub attributes: BTreeMap<String, Option<String>>,
    /// To be linked; others stay.
    pub identities: Vec<(Name, String)>,
    pub status: Option<UserStatus>,
    pub reason: Option<String>,
}

const KNOWN: &str = "`external_id`, `username`, `email`, `email_verified`, `display_name`, `roles`, `status`, `reason`, `attributes.<name>` and `identity.<issuer>`";

/// The rows, and what is wrong with others.
pub(super) fn read(format: Format, text: &str) -> (Vec<Row>, Vec<RowError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let objects = match format {
        Format::Csv => csv(text),
        Format::JsonLines => json_lines(text),
    };
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (line, object) in objects {
        match object.and_then(|object| row(line, object)) {
            Ok(row) => rows.push(row),
            Err(reason) => errors.push(RowError { line, reason }),
        }
    }
    (rows, errors)
}

type Object = (usize, Result<Map<String, Value>, String>);

fn json_lines(text: &str) -> Vec<Object> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| {
            let object = serde_json::from_str::<Map<String, Value>>(line)
                .map_err(|error| format!("it is not a JSON object: {error}"));
            (n + 1, object)
        })
        .collect()
}

fn csv(text: &str) -> Vec<Object> {
    let mut records = records(text).into_iter();
    let header = match records.next() {
        Some((_, Ok(header))) => header,
        Some((line, Err(reason))) => return vec![(line, Err(reason))],
        // A file without changes has its header still: this one was cut, or is another.
        None => return vec![(1, Err("the header is missing: the first line names the columns".to_owned()))],
    };
    let header: Vec<String> = header.into_iter().map(|name| name.trim().to_owned()).collect();
    if let [only] = &header[..]
        && let Some(other) = only.chars().find(|c| matches!(c, ';' | '\t'))
    {
        // As spreadsheets write it where the comma is the decimal point.
        let reason =
            format!("columns are separated by commas, and this header has `{}`", other.escape_debug());
        return vec![(1, Err(reason))];
    }
    let twice = header.iter().enumerate().find(|(n, name)| header[..*n].contains(name));
    if let Some((_, name)) = twice {
        return vec![(1, Err(format!("the column `{}` is there twice", name.escape_debug())))];
    }
    records
        .map(|(line, cells)| {
            let object = cells.and_then(|cells| {
                if cells.len() != header.len() {
                    return Err(format!("it has {} cells, and the header {}", cells.len(), header.len()));
                }
                let value = |cell: String| if cell.is_empty() { Value::Null } else { Value::String(cell) };
                Ok(header.iter().cloned().zip(cells.into_iter().map(value)).collect())
            });
            (line, object)
        })
        .collect()
}

/// Records of RFC 4180, each with the line that it begins on. Empty lines are none.
fn records(text: &str) -> Vec<(usize, Result<Vec<String>, String>)> {
    let mut records = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let begun = line;
        let mut cells = Vec::new();
        let mut wrong = None;
        loop {
            let (cell, end) = match rest.strip_prefix('"') {
                Some(quoted) => match unquoted(quoted) {
                    Some((cell, after)) => (cell, after),
                    None => {
                        wrong = Some("a quotation mark is opened and not closed".to_owned());
                        (String::new(), "")
                    }
                },
                None => {
                    let end = rest.find([',', '\n']).unwrap_or(rest.len());
                    let cell = &rest[..end];
                    let ends_line = !rest[end..].starts_with(',');
                    let cell = if ends_line { cell.strip_suffix('\r').unwrap_or(cell) } else { cell };
                    if cell.contains('"') {
                        wrong = Some(
                            "a quotation mark stands inside a cell that does not begin with one".to_owned(),
                        );
                    }
                    (cell.to_owned(), &rest[end..])
                }
            };
            line += cell.matches('\n').count();
            cells.push(cell);
            let end =
                end.strip_prefix('\r').filter(|end| end.is_empty() || end.starts_with('\n')).unwrap_or(end);
            if let Some(after) = end.strip_prefix(',') {
                rest = after;
                // A comma at the very end begins one more cell, an empty one.
                continue;
            }
            if !end.is_empty() && !end.starts_with('\n') {
                wrong = Some("something stands behind a closing quotation mark".to_owned());
            }
            let end_of_line = end.find('\n').map_or(end.len(), |at| at + 1);
            rest = &end[end_of_line..];
            line += 1;
            break;
        }
        if wrong.is_none() && cells.iter().all(String::is_empty) && cells.len() == 1 {
            continue;
        }
        records.push((begun, wrong.map_or(Ok(cells), Err)));
    }
    records
}

/// What stands before the closing quotation mark, and what behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return Some((cell, rest)),
        }
    }
}

fn row(line: usize, object: Map<String, Value>) -> Result<Row, String> {
    let mut row = Row { line, ..Row::default() };
    for (column, value) in object {
        match column.as_str() {
            "external_id" => row.external_id = Some(text(&column, value)?),
            "username" => row.username = Some(text(&column, value)?),
            "email" => row.email = Some(text(&column, value)?),
            "display_name" => row.display_name = Some(text(&column, value)?),
            "reason" => row.reason = text(&column, value)?,
            "email_verified" => row.email_verified = truth(&value)?,
            "roles" => row.roles = Some(roles(value)?),
            "status" => row.status = status(text(&column, value)?)?,
            "attributes" => {
                let Value::Object(attributes) = value else {
                    return Err("`attributes` is an object of texts".to_owned());
                };
                for (name, value) in attributes {
                    let value = text(&format!("attributes.{name}"), value)?;
                    row.attributes.insert(name, value);
                }
            }
            "identities" => row.identities.extend(identities(value)?),
            other => {
                if let Some(name) = other.strip_prefix("attributes.").filter(|name| !name.is_empty()) {
                    row.attributes.insert(name.to_owned(), text(other, value)?);
                } else if let Some(issuer) = other.strip_prefix("identity.") {
                    let issuer = Name::new(issuer)
                        .map_err(|_| format!("`{}`: that is no issuer's name", other.escape_debug()))?;
                    row.identities.extend(text(other, value)?.map(|subject| (issuer, subject)));
                } else {
                    return Err(format!("there is no column `{}`; there are {KNOWN}", other.escape_debug()));
                }
            }
        }
    }
    let named = |value: &Option<Option<String>>| matches!(value, Some(Some(_)));
    if !named(&row.external_id) && !named(&row.username) {
        return Err("it names nobody: `external_id` or `username` is needed".to_owned());
    }
    Ok(row)
}

/// A text, or nothing.
fn text(column: &str, value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => {
            Err(format!("`{column}` is empty; leave it out, or `null`"))
        }
        Value::String(text) if text.len() > LONGEST_IDENTIFIER => {
            Err(format!("`{column}` is longer than {LONGEST_IDENTIFIER} bytes"))
        }
        Value::String(text) if text.chars().any(char::is_control) => {
            Err(format!("`{column}` has control characters, as a line break"))
        }
        Value::String(text) => Ok(Some(text)),
        _ => Err(format!("`{column}` is a text")),
    }
}

fn truth(value: &Value) -> Result<Option<bool>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::String(text) if text == "true" => Ok(Some(true)),
        Value::String(text) if text == "false" => Ok(Some(false)),
        _ => Err("`email_verified` is `true` or `false`".to_owned()),
    }
}

fn roles(value: Value) -> Result<Vec<String>, String> {
    let mut roles = Vec::new();
    let items = match value {
        Value::Null => Vec::new(),
        // In CSV: one cell for all.
        Value::String(text) => text
            .split(';')
            .map(str::trim)
            .filter(|role| !role.is_empty())
            .map(|role| Value::String(role.to_owned()))
            .collect(),
        Value::Array(items) => items,
        _ => return Err("`roles` is a list of texts; in CSV they are separated by `;`".to_owned()),
    };
    for item in items {
        let role = text("roles", item)?.ok_or("`roles` has an empty entry")?;
        if roles.contains(&role) {
            return Err(format!("`roles` has `{}` twice", role.escape_debug()));
        }
        roles.push(role);
    }
    if roles.len() > 100 { Err("`roles` has at most 100 entries".to_owned()) } else { Ok(roles) }
}

fn status(text: Option<String>) -> Result<Option<UserStatus>, String> {
    match text.map(|text| text.parse::<UserStatus>()).transpose()? {
        Some(UserStatus::Merged) => Err("`status`: users are merged by `portcullis user merge`".to_owned()),
        status => Ok(status),
    }
}

fn identities(value: Value) -> Result<Vec<(Name, String)>, String> {
    let wrong = || {
        "`identities` is a list of objects with `issuer` and `subject`; in CSV, the subjects of an issuer are the column `identity.<issuer>`".to_owned()
    };
    let Value::Array(items) = value else { return Err(wrong()) };
    let mut identities = Vec::new();
    for item in items {
        let Value::Object(mut item) = item else { return Err(wrong()) };
        let (issuer, subject) = (item.remove("issuer"), item.remove("subject"));
        let (Some(Value::String(issuer)), Some(subject), true) = (issuer, subject, item.is_empty()) else {
            return Err(wrong());
        };
        let issuer =
            Name::new(&issuer).map_err(|_| format!("`{}` is no issuer's name", issuer.escape_debug()))?;
        identities.push((issuer, text("subject", subject)?.ok_or_else(wrong)?));
    }
    Ok(identities)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: Format, text: &str) -> Vec<Row> {
        let (rows, errors) = read(format, text);
        assert_eq!(errors, [], "{text}");
        rows
    }

    #[test]
    fn both_formats_say_the_same() {
        let csv = "\u{feff}external_id,username,email_verified,roles,attributes.dept,identity.corp,email\r\n\
                   7,ada,true,a; b,\"R&D, \"\"Kew\"\"\",s-7,\r\n\r\n8,bob,,,,,b@x";
        let json = r#"{"external_id":"7","username":"ada","email_verified":true,"roles":["a","b"],"attributes":{"dept":"R&D, \"Kew\""},"identities":[{"issuer":"corp","subject":"s-7"}],"email":null}

{"external_id":"8","username":"bob","email_verified":null,"roles":[],"attributes":{"dept":null},"email":"b@x"}"#;
        let (mut one, mut other) = (rows(Format::Csv, csv), rows(Format::JsonLines, json));
        assert_eq!((one[0].line, one[1].line, other[0].line, other[1].line), (2, 4, 1, 3));
        one.iter_mut().chain(&mut other).for_each(|row| row.line = 0);
        assert_eq!(one, other);
        assert_eq!(one[0].attributes["dept"].as_deref(), Some("R&D, \"Kew\""));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (format, text, line, reason) in [
            (Format::Csv, "username,mail\nada,x\n", 2, "no column `mail`"),
            (Format::Csv, "username,username\nada,x\n", 1, "twice"),
            (Format::Csv, "", 1, "the header is missing"),
            (Format::Csv, "\n\n", 1, "the header is missing"),
            (Format::Csv, "username;email\nada;x\n", 1, "separated by commas"),
            (Format::Csv, "username\temail\n", 1, "separated by commas"),
            (Format::Csv, "username,email\nada\n", 2, "1 cells"),
            (Format::Csv, "username\n\"ada\n", 2, "not closed"),
            (Format::Csv, "username\na\"da\n", 2, "inside"),
            (Format::Csv, "username\n\"ada\"x\n", 2, "behind"),
            (Format::Csv, "username,email\n,x\n", 2, "names nobody"),
            (Format::Csv, "username,status\nada,merged\n", 2, "user merge"),
            (Format::Csv, "username,status\nada,gone\n", 2, "not `gone`"),
            (Format::JsonLines, "\n[]\n", 2, "not a JSON object"),
            (Format::JsonLines, r#"{"username":7}"#, 1, "`username` is a text"),
            (Format::JsonLines, r#"{"username":""}"#, 1, "empty"),
            (Format::JsonLines, r#"{"username":"a\nb"}"#, 1, "control"),
            (Format::JsonLines, r#"{"username":"a","roles":["x","x"]}"#, 1, "twice"),
            (
                Format::JsonLines,
                r#"{"username":"a","identities":[{"issuer":"corp"}]}"#,
                1,
                "`issuer` and `subject`",
            ),
        ] {
            let (rows, errors) = read(format, text);
            assert_eq!(rows, [], "{text}");
            assert_eq!(errors[0].line, line, "{text}");
            assert!(errors[0].reason.contains(reason), "{text}: {}", errors[0].reason);
        }
        // A cell with a line break counts its lines.
        let (_, errors) = read(Format::Csv, "username,display_name\nada,\"a\nb\"\n,x\n");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(read(Format::Csv, "username,email\n"), (vec![], vec![]));
        assert_eq!(read(Format::JsonLines, ""), (vec![], vec![]));
    }
}
