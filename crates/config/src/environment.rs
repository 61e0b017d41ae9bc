//! `PORTCULLIS__SECTION__KEY=value`: one setting of a section each, over what the file says.

use crate::errors::Problem;
use crate::nearest;
use crate::place::{Path, Place, Step};
use crate::schema::Shapes;
use crate::tree::Tree;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the names of all variables that are settings begin with.
const PREFIX: &str = "PORTCULLIS__";

/// Lays the variables over the tree. Others than ours are none of our business.
pub fn apply(
    shapes: &Shapes,
    tree: &mut Tree,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<Path, String> = BTreeMap::new();
    let mut variables: Vec<(String, String)> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (name, text) in variables {
        let path =
            Path(name[PREFIX.len()..].split("__").map(|part| Step::Key(part.to_lowercase())).collect());
        let refused = match value(shapes, &path, &name, &text) {
            Ok(value) => match seen.insert(path.clone(), name.clone()) {
                None => {
                    tree.set(&path, value, &name);
                    continue;
                }
                Some(other) => {
                    (format!("sets `{path}`, and so does `{other}`"), Some("unset one of them".to_owned()))
                }
            },
            Err(refused) => refused,
        };
        problems.push(Problem::new(path.to_string(), Place::Variable(name), refused.0, refused.1, None));
    }
    problems
}

/// The value of the setting at `path`, or what is wrong and what to do.
fn value(shapes: &Shapes, path: &Path, name: &str, text: &str) -> Result<Value, (String, Option<String>)> {
    let in_file = "lists and tables are set in the file".to_owned();
    let Some(shape) = shapes.at(path) else {
        if let Some(Step::Key(section)) = path.0.first()
            && shapes.at(&Path::of(section)).is_some_and(|shape| shape.get("items").is_some())
        {
            return Err((format!("`{section}` cannot be set by environment variables"), Some(in_file)));
        }
        let known = settings(shapes);
        let meant = nearest(&name[PREFIX.len()..], known.iter().map(|known| &known[PREFIX.len()..]));
        let help = meant.map(|meant| format!("did you mean `{PREFIX}{meant}`?"));
        let help = help
            .or(Some("a setting is `PORTCULLIS__SECTION__KEY`, as `PORTCULLIS__GATEWAY__LISTEN`".to_owned()));
        return Err(("names no setting".to_owned(), help));
    };
    if text.is_empty() {
        return Err((format!("sets `{path}` to nothing"), Some("unset it, or give a value".to_owned())));
    }
    let shape = shapes.resolve(shape);
    let kind = shape["type"].as_str().or_else(|| shape["type"][0].as_str());
    let wrong = |what: &str| (format!("`{path}` must be {what}"), None);
    match kind {
        Some("integer") => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        Some("number") => text
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite())
            .map(Value::from)
            .ok_or_else(|| wrong("a number")),
        Some("boolean") => text.parse::<bool>().map(Value::from).map_err(|_| wrong("`true` or `false`")),
        Some("array" | "object") => {
            Err((format!("`{path}` cannot be set by an environment variable"), Some(in_file)))
        }
        // Texts, and texts from a list of words.
        _ => Ok(Value::from(text)),
    }
}

/// The names of all variables that are settings.
fn settings(shapes: &Shapes) -> Vec<String> {
    fn collect(shapes: &Shapes, shape: &Value, prefix: &str, out: &mut Vec<String>) {
        for (key, shape) in shapes.properties(shape) {
            let name = format!("{prefix}{}", key.to_uppercase());
            let resolved = shapes.resolve(shape);
            match resolved["type"].as_str() {
                Some("object") => collect(shapes, resolved, &format!("{name}__"), out),
                Some("array") => {}
                _ => out.push(name),
            }
        }
    }
    let mut out = Vec::new();
    collect(shapes, shapes.root(), PREFIX, &mut out);
    out
}
