//! Which attributes are in an answer (RFC 7644 §3.9).

use super::failure::{Failure, ScimType};
use super::schema::{ResourceType, Returned};
use serde_json::{Map, Value};

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl Projection {
    /// By the parameters of a query or a search: `attributes` and `excludedattributes`, lists or text with commas.
    ///
    /// # Errors
    /// Both at once.
    pub fn of(parameters: &Map<String, Value>) -> Result<Self, Failure> {
        let list = |name: &str| -> Option<Vec<String>> {
            let texts: Vec<&str> = match parameters.get(name)? {
                Value::String(text) => text.split(',').collect(),
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                _ => return None,
            };
            let named = texts.into_iter().map(|text| text.trim().to_ascii_lowercase());
            Some(named.filter(|text| !text.is_empty()).collect())
        };
        let only = list("attributes").filter(|names| !names.is_empty());
        let without = list("excludedattributes").unwrap_or_default();
        if only.is_some() && !without.is_empty() {
            let detail = "`attributes` and `excludedAttributes` exclude each other";
            return Err(Failure::new(ScimType::InvalidValue, detail));
        }
        Ok(Self { only, without })
    }

    /// Whether an attribute of the resource's own will be in the answer, in part at least.
    pub fn wants(&self, kind: &ResourceType, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let named = |path: &String| {
            let path = own(kind, path);
            path == name || path.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('.'))
        };
        match &self.only {
            Some(only) => only.iter().any(named),
            None => !self.without.iter().any(|path| own(kind, path) == name),
        }
    }

    /// Leaves out what was not asked for.
    pub fn apply(&self, kind: &ResourceType, resource: &mut Map<String, Value>) {
        let always =
            |name: &str| kind.own(name).is_some_and(|attribute| attribute.returned == Returned::Always);
        if let Some(only) = &self.only {
            let paths: Vec<&str> = only.iter().map(|path| own(kind, path)).collect();
            resource.retain(|name, value| {
                let name = name.to_ascii_lowercase();
                always(&name) || paths.contains(&&*name) || keep(value, &name, &paths)
            });
        }
        for path in &self.without {
            let path = own(kind, path);
            if !always(path) {
                remove(resource, path);
            }
        }
    }
}

/// A path without the URN of the resource's own schema.
fn own<'p>(kind: &ResourceType, path: &'p str) -> &'p str {
    match path.get(..kind.schema.id.len()) {
        Some(start) if start.eq_ignore_ascii_case(kind.schema.id) => {
            path[start.len()..].strip_prefix(':').unwrap_or(path)
        }
        _ => path,
    }
}

/// Keeps the parts of an attribute or an extension that are named; whether any are.
fn keep(value: &mut Value, name: &str, paths: &[&str]) -> bool {
    let parts: Vec<&str> =
        paths.iter().filter_map(|path| path.strip_prefix(name)?.strip_prefix(['.', ':'])).collect();
    if parts.is_empty() {
        return false;
    }
    let elements: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        one => vec![one],
    };
    for element in elements.into_iter().filter_map(Value::as_object_mut) {
        element.retain(|name, value| {
            let name = name.to_ascii_lowercase();
            parts.contains(&&*name) || keep(value, &name, &parts)
        });
    }
    true
}

fn remove(within: &mut Map<String, Value>, path: &str) {
    let names: Vec<String> = within.keys().cloned().collect();
    for name in names {
        let folded = name.to_ascii_lowercase();
        if folded == path {
            within.remove(&name);
        } else if let Some(part) = path.strip_prefix(&*folded).and_then(|rest| rest.strip_prefix(['.', ':']))
        {
            let elements: Vec<&mut Value> = match within.get_mut(&name) {
                Some(Value::Array(list)) => list.iter_mut().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            elements.into_iter().filter_map(Value::as_object_mut).for_each(|element| remove(element, part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::USER;
    use serde_json::json;

    #[test]
    fn what_was_asked_for_is_left() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let full = json!({
            "schemas": ["s"], "id": "1", "userName": "ada", "title": "T", "name": { "givenName": "A", "familyName": "L" },
            "emails": [{ "value": "a", "type": "work" }], urn: { "department": "D", "manager": { "value": "m", "$ref": "r" } },
        });
        let shown = |parameter: &str, text: &str| {
            let parameters = [(parameter.to_owned(), json!(text))].into_iter().collect();
            let mut resource = full.as_object().unwrap().clone();
            Projection::of(&parameters).unwrap().apply(&USER, &mut resource);
            Value::Object(resource)
        };
        assert_eq!(
            shown("attributes", "USERNAME"),
            json!({ "schemas": ["s"], "id": "1", "userName": "ada" })
        );
        assert_eq!(
            shown("attributes", "name.givenName, emails.value"),
            json!({ "schemas": ["s"], "id": "1", "name": { "givenName": "A" }, "emails": [{ "value": "a" }] })
        );
        assert_eq!(
            shown(
                "attributes",
                &format!("{urn}:manager.value,urn:ietf:params:scim:schemas:core:2.0:User:title")
            ),
            json!({ "schemas": ["s"], "id": "1", "title": "T", urn: { "manager": { "value": "m" } } })
        );
        let without = shown("excludedattributes", &format!("id,title,name.givenName,emails,{urn}"));
        assert_eq!(
            without,
            json!({ "schemas": ["s"], "id": "1", "userName": "ada", "name": { "familyName": "L" } })
        );
        let both = json!({ "attributes": "a", "excludedattributes": "b" });
        assert!(Projection::of(both.as_object().unwrap()).is_err());
    }
}
