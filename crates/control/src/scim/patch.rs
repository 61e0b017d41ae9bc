//! PATCH (RFC 7644 §3.5.2): a list of operations, applied to a resource one after another, all or none.
//!
//! As clients write it: `op` in whatever case; no path, and paths as keys of the value (Entra's `{"emails[type eq
//! \"work\"].value": …}`); `remove` of a list with the elements to remove as its value; `replace` of an element that is not
//! there, which makes it when the filter says what it is (RFC 7644 would refuse it, and Entra's changes would never arrive).

mod apply;

use super::failure::{Failure, ScimType};
use super::filter::{self, Path};
use super::schema::{Found, ResourceType};
use super::weight::Budget;
use serde_json::{Map, Value};

/// The most operations of one request.
const MOST: usize = 1_000;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds to a list, or sets.
    Add,
    /// Sets.
    Replace,
    /// Removes.
    Remove,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// To what; without one, to what the value names.
    pub path: Option<Path>,
    /// With what.
    pub value: Value,
}

/// Reads the body of a PATCH.
///
/// # Errors
/// Not a PatchOp; an operation or a path that is none.
pub fn read(body: &Map<String, Value>) -> Result<Vec<Operation>, Failure> {
    let member = |map: &Map<String, Value>, name: &str| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let Some(Value::Array(list)) = member(body, "Operations") else {
        return Err(syntax("the body is a PatchOp with a list of `Operations`"));
    };
    if list.is_empty() || list.len() > MOST {
        return Err(syntax(format!("1 to {MOST} operations are taken, not {}", list.len())));
    }
    let mut operations = Vec::with_capacity(list.len());
    for (i, operation) in list.iter().enumerate() {
        let Value::Object(operation) = operation else {
            return Err(syntax(format!("operation {i} is not an object")));
        };
        let word = member(operation, "op").and_then(|op| op.as_str().map(str::to_ascii_lowercase));
        let verb = match word.as_deref() {
            Some("add") => Verb::Add,
            Some("replace") => Verb::Replace,
            Some("remove") => Verb::Remove,
            _ => return Err(syntax(format!("the `op` of operation {i} is `add`, `replace` or `remove`"))),
        };
        let path = match member(operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(parse_path(&text)?),
            Some(_) => return Err(syntax(format!("the `path` of operation {i} is text"))),
        };
        let value = member(operation, "value").unwrap_or(Value::Null);
        operations.push(Operation { verb, path, value });
    }
    Ok(operations)
}

fn parse_path(text: &str) -> Result<Path, Failure> {
    filter::parse_path(text).map_err(|error| Failure::new(ScimType::InvalidPath, format!("`path`: {error}")))
}

/// A resource with the operations applied to it.
///
/// # Errors
/// What RFC 7644 §3.5.2 says: a path that names nothing, a value that is of another type or missing, an attribute that is
/// not the client's to write.
pub fn apply(
    kind: &ResourceType,
    mut document: Map<String, Value>,
    operations: &[Operation],
) -> Result<Map<String, Value>, Failure> {
    let mut change = Change { kind, document: &mut document, budget: Budget::new() };
    for operation in operations {
        match &operation.path {
            Some(path) => change.at(operation.verb, path, &operation.value, true)?,
            None => change.everywhere(operation.verb, &operation.value)?,
        }
    }
    Ok(document)
}

/// A resource while it is changed.
struct Change<'c> {
    kind: &'c ResourceType,
    document: &'c mut Map<String, Value>,
    budget: Budget,
}

impl Change<'_> {
    /// Applies an operation without a path: each member of the value is one with a path.
    fn everywhere(&mut self, verb: Verb, value: &Value) -> Result<(), Failure> {
        if verb == Verb::Remove {
            return Err(Failure::new(ScimType::NoTarget, "`remove` needs a `path`"));
        }
        let Value::Object(members) = value else {
            return Err(Failure::new(
                ScimType::InvalidValue,
                "an operation without a `path` has an object as its `value`",
            ));
        };
        for (key, value) in members {
            // As in the body of a PUT: what is not known, or the server's own, is passed over.
            if let Ok(path) = filter::parse_path(key) {
                self.at(verb, &path, value, false)?;
            }
        }
        Ok(())
    }

    /// Applies an operation at a path. With `strict` a path that names nothing is refused, else passed over.
    fn at(&mut self, verb: Verb, path: &Path, value: &Value, strict: bool) -> Result<(), Failure> {
        match self.kind.find(&path.attribute) {
            None if strict => {
                let detail = format!("there is no such attribute: `{}`", path.attribute);
                Err(Failure::new(ScimType::InvalidPath, detail))
            }
            None => Ok(()),
            Some(Found { extension: Some(schema), attribute: None, .. }) => {
                if path.filter.is_some() {
                    return Err(Failure::new(
                        ScimType::InvalidPath,
                        format!("`{path}` has no elements to choose from"),
                    ));
                }
                match (verb, value) {
                    (Verb::Remove, _) => {
                        self.document.remove(schema.id);
                        Ok(())
                    }
                    (_, Value::Object(members)) => {
                        for (key, value) in members {
                            if let Ok(path) = filter::parse_path(&format!("{}:{key}", schema.id)) {
                                self.at(verb, &path, value, false)?;
                            }
                        }
                        Ok(())
                    }
                    _ => {
                        Err(Failure::new(ScimType::InvalidValue, format!("`{path}`: an object is expected")))
                    }
                }
            }
            Some(found) => apply::at(self.document, &mut self.budget, verb, path, &found, value, strict),
        }
    }
}

fn syntax(detail: impl Into<String>) -> Failure {
    Failure::new(ScimType::InvalidSyntax, detail)
}

#[cfg(test)]
mod tests;
