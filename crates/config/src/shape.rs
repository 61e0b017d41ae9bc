//! Unknown keys, missing keys and values of the wrong kind: all of them, against the schema, before anything is read
//! into types, which would stop at the first.

use crate::nearest;
use crate::place::{Path, Step};
use crate::schema::{Shapes, branches, words};
use crate::tree::{Findings, Tree};
use serde_json::Value;

/// Finds them, takes out of the tree what is wrong, and masks secrets in what is shown.
pub fn check(shapes: &Shapes, tree: &mut Tree, findings: &mut Findings) {
    let mut walk = Walk { shapes, findings, hidden: Vec::new(), wrong: Vec::new() };
    walk.value(shapes.root(), &tree.value, &Path::default());
    let Walk { hidden, wrong, .. } = walk;
    tree.hide(&hidden);
    for path in wrong {
        tree.remove(&path);
    }
}

struct Walk<'a> {
    shapes: &'a Shapes,
    findings: &'a mut Findings,
    /// Values that may be secrets.
    hidden: Vec<Path>,
    /// Values that cannot be read.
    wrong: Vec<Path>,
}

impl Walk<'_> {
    fn value(&mut self, shape: &Value, value: &Value, path: &Path) {
        let name = self.shapes.type_name(shape).unwrap_or_default().to_owned();
        let shape = self.shapes.resolve(shape);
        if matches!(name.as_str(), "SecretRef" | "Database") && !value.as_str().is_some_and(is_reference) {
            self.hidden.push(path.clone());
        }
        if let Some(kinds) = shape.get("anyOf").and_then(Value::as_array) {
            let fits = kinds.iter().find(|kind| accepts(self.shapes.resolve(kind), value));
            return match fits {
                Some(kind) => self.value(kind, value, path),
                None => self.refuse(shape, &name, value, path),
            };
        }
        if !accepts(shape, value) {
            return self.refuse(shape, &name, value, path);
        }
        match value {
            Value::Object(table) => self.table(shape, table, path),
            Value::Array(list) => {
                for (i, element) in list.iter().enumerate() {
                    self.value(&shape["items"], element, &path.index(i));
                }
            }
            Value::String(text) => self.word(shape, text, path),
            Value::Number(number) => self.range(shape, number, path),
            _ => {}
        }
    }

    fn table(&mut self, shape: &Value, table: &serde_json::Map<String, Value>, path: &Path) {
        let keys = self.shapes.properties(shape);
        if keys.is_empty() {
            for (key, value) in table {
                self.value(&shape["additionalProperties"], value, &path.key(key));
            }
            return;
        }
        for (key, value) in table {
            let here = path.key(key);
            match keys.iter().find(|(name, _)| *name == key) {
                Some((_, shape)) => self.value(shape, value, &here),
                None => {
                    let help = self.instead(
                        key,
                        &keys.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
                        path,
                    );
                    self.findings.key(
                        here.clone(),
                        format!("there is no key `{}` {}", shown(key), within(path)),
                        Some(help),
                    );
                    self.hidden.push(here.clone());
                    self.wrong.push(here);
                }
            }
        }
        for missing in required(shape).filter(|key| !table.contains_key(*key)) {
            self.findings.key(path.clone(), format!("`{missing}` is missing {}", within(path)), None);
        }
        let tests: Vec<&str> = branches(shape).iter().flat_map(required).collect();
        let given = tests.iter().filter(|key| table.contains_key(**key)).count();
        if !tests.is_empty() && given != 1 && !table.keys().any(|key| self.wrong.contains(&path.key(key))) {
            let what = if given == 0 { "one of these is missing" } else { "only one of these can be given" };
            self.findings.key(path.clone(), format!("{what} {}: {}", within(path), list(&tests)), None);
            self.wrong.push(path.clone());
        }
    }

    /// What was probably meant by an unknown key.
    fn instead(&self, key: &str, known: &[&str], path: &Path) -> String {
        if let Some(meant) = nearest(key, known.iter().copied()) {
            return format!("did you mean `{meant}`?");
        }
        let sections = self.shapes.properties(self.shapes.root());
        let home = sections.iter().find(|(section, shape)| {
            Path::of(section) != *path
                && self.shapes.resolve(shape).get("items").is_none()
                && self.shapes.properties(shape).iter().any(|(name, _)| *name == key)
        });
        match home {
            Some((section, _)) => format!("it belongs in `[{section}]`"),
            None => format!("known: {}", list(known)),
        }
    }

    fn word(&mut self, shape: &Value, text: &str, path: &Path) {
        let words = words(shape);
        if words.is_empty() || words.contains(&text) {
            return;
        }
        let variants: Vec<&str> = branches(shape).iter().flat_map(required).collect();
        let help = if variants.contains(&text) {
            format!("`{text}` takes a value: {{ {text} = \"…\" }}")
        } else {
            let all: Vec<&str> = words.iter().chain(&variants).copied().collect();
            nearest(text, all.iter().copied())
                .map_or_else(|| format!("known: {}", list(&all)), |meant| format!("did you mean `{meant}`?"))
        };
        self.findings.value(
            path.clone(),
            format!("{} cannot be `{}`", subject(path), shown(text)),
            Some(&help),
        );
        self.wrong.push(path.clone());
    }

    fn range(&mut self, shape: &Value, number: &serde_json::Number, path: &Path) {
        let (Some(value), whole) =
            (number.as_f64(), shape["type"] == "integer" || shape["type"][0] == "integer")
        else {
            return;
        };
        // The widths of the types that have no maximum in the schema.
        let widest = if whole { f64::from(u32::MAX) } else { f64::MAX };
        let least = shape["minimum"].as_f64().unwrap_or(f64::MIN);
        let most = shape["maximum"].as_f64().unwrap_or(widest);
        if value < least || value > most {
            self.findings.value(
                path.clone(),
                format!("{} must be from {least} to {most}, not {number}", subject(path)),
                None,
            );
            self.wrong.push(path.clone());
        }
    }

    fn refuse(&mut self, shape: &Value, name: &str, value: &Value, path: &Path) {
        let help = match (name, value) {
            ("Duration", Value::Number(_)) => Some("write it with its unit, as `\"30s\"`"),
            ("ByteSize", Value::Number(_)) => Some("write it with its unit, as `\"10MiB\"`"),
            (_, Value::String(_)) if kinds(shape).contains(&"array") => {
                Some("write it in brackets, as `[\"…\"]`")
            }
            (_, Value::String(_)) => Some("write it without quotes"),
            _ => None,
        };
        let message = match (path.0.as_slice(), value) {
            ([Step::Key(key)], Value::Object(_)) => {
                format!("`{key}` can be there more than once: write `[[{key}]]`")
            }
            ([Step::Key(key)], Value::Array(_)) => format!("`{key}` is there once: write `[{key}]`"),
            _ => format!(
                "{} must be {}, not {}",
                subject(path),
                wanted(name).map_or_else(|| expected(shape), str::to_owned),
                kind(value)
            ),
        };
        self.findings.value(path.clone(), message, help);
        self.wrong.push(path.clone());
    }
}

fn is_reference(text: &str) -> bool {
    ["env:", "file:", "stored:"].iter().any(|scheme| text.starts_with(scheme))
}

fn required(shape: &Value) -> impl Iterator<Item = &str> {
    shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The JSON types of a shape and of its variants.
fn kinds(shape: &Value) -> Vec<&str> {
    let own = match &shape["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if own.is_empty() { branches(shape).iter().flat_map(kinds).collect() } else { own }
}

fn accepts(shape: &Value, value: &Value) -> bool {
    let kinds = kinds(shape);
    // A shape without a type is one by reference within alternatives; its own check follows.
    (kinds.is_empty() && !value.is_null())
        || match value {
            Value::Null => false,
            Value::Bool(_) => kinds.contains(&"boolean"),
            Value::Number(number) => {
                kinds.contains(&"number") || (kinds.contains(&"integer") && !number.is_f64())
            }
            Value::String(_) => kinds.contains(&"string"),
            Value::Array(_) => kinds.contains(&"array"),
            Value::Object(_) => kinds.contains(&"object"),
        }
}

/// Types that have a word of their own.
fn wanted(name: &str) -> Option<&'static str> {
    Some(match name {
        "Duration" => "a duration",
        "ByteSize" => "a size",
        "Name" => "a name",
        "SecretRef" => "a reference to a secret",
        _ => return None,
    })
}

fn expected(shape: &Value) -> String {
    let mut words: Vec<&str> = Vec::new();
    for kind in kinds(shape) {
        let word = match kind {
            "boolean" => "`true` or `false`",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text in quotes",
            "array" => "a list",
            "object" => "a table",
            _ => continue,
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.is_empty() { "a text in quotes or a table".to_owned() } else { words.join(" or ") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "a date or a number out of bounds",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// The setting as messages name it: its key, or the list that it is an element of.
pub fn subject(path: &Path) -> String {
    match path.0.as_slice() {
        [.., Step::Key(key)] => format!("`{}`", shown(key)),
        [.., Step::Key(key), Step::Index(_)] => format!("an element of `{}`", shown(key)),
        _ => "the file".to_owned(),
    }
}

/// Where a key is, as messages say it.
fn within(path: &Path) -> String {
    let keys: Vec<&str> = path
        .0
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    match path.0.last() {
        None => "at the top of the file".to_owned(),
        Some(Step::Index(_)) if keys.len() == 1 => format!("in `[[{}]]`", keys[0]),
        Some(_) => {
            format!("in `{}`", if path.0.len() == 1 { format!("[{}]", keys[0]) } else { keys.join(".") })
        }
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Text from the file in a message: bounded, on one line.
pub fn shown(text: &str) -> String {
    let mut out: String =
        text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
