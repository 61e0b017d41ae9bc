//! What a client sent, as the schema has it: names in the schema's spelling, lists as lists, values of their types. Attributes
//! that are not known, or not the client's to write, are left out, as RFC 7644 §3.3 allows: clients send more than is asked.
//!
//! Some write `"True"` for `true`, a number for text, one element for a list of one, and text for an element with that
//! `value`; all of these are understood.

use super::failure::{Failure, ScimType};
use super::filter;
use super::schema::{Attribute, Found, Kind, Mutability, ResourceType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_model::Timestamp;
use serde_json::{Map, Value};

/// The longest text of one attribute, in bytes.
const LONGEST: usize = 16_384;
/// The most elements of one attribute.
const MOST: usize = 100;
/// The most members that are written at once.
const MOST_MEMBERS: usize = 10_000;
/// The most that is kept of a resource, in bytes of JSON.
const LARGEST: usize = 65_536;

/// A resource as a client sent it.
///
/// # Errors
/// A value of another type; more than is kept.
pub fn document(kind: &ResourceType, body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut document = Map::new();
    for (key, value) in body {
        match kind.find(key) {
            Some(Found { extension: Some(schema), attribute: None, .. }) => {
                let Value::Object(members) = value else { continue };
                for (key, value) in members {
                    if let Some(found) = kind.find(&format!("{}:{key}", schema.id)) {
                        put(&mut document, &found, key, value)?;
                    }
                }
            }
            Some(found) => put(&mut document, &found, key, value)?,
            None => {}
        }
    }
    Ok(document)
}

fn put(document: &mut Map<String, Value>, found: &Found, key: &str, value: &Value) -> Result<(), Failure> {
    let Some(attribute) = found.attribute else { return Ok(()) };
    if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" {
        return Ok(());
    }
    let within = match found.extension {
        Some(schema) => {
            let place = document.entry(schema.id).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(within) = place else { return Ok(()) };
            within
        }
        None => document,
    };
    match found.sub {
        Some(sub) if !attribute.multi => {
            if let Some(value) = self::value(sub, key, value)? {
                let place = within.entry(attribute.name).or_insert_with(|| Value::Object(Map::new()));
                place[sub.name] = value;
            }
        }
        Some(_) => {}
        None => {
            if let Some(value) = self::value(attribute, key, value)? {
                within.insert(attribute.name.to_owned(), value);
            }
        }
    }
    if let Some(schema) = found.extension
        && document.get(schema.id).and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        document.remove(schema.id);
    }
    Ok(())
}

/// Refuses what is more than is kept.
///
/// # Errors
/// Too large; an attribute that is required and not there; two elements that are each the primary one.
pub fn check(kind: &ResourceType, document: &Map<String, Value>) -> Result<(), Failure> {
    for attribute in kind.schema.attributes {
        let value = document.get(attribute.name);
        if attribute.required && value.is_none() {
            return Err(invalid(format!("`{}` is required", attribute.name)));
        }
        let Some(Value::Array(elements)) = value else { continue };
        if attribute.name != "members" && elements.len() > MOST {
            return Err(invalid(format!("`{}` has more than {MOST} values", attribute.name)));
        }
        let primary = elements.iter().filter(|element| element.get("primary") == Some(&Value::Bool(true)));
        if primary.count() > 1 {
            return Err(invalid(format!("`{}` has more than one `primary` value", attribute.name)));
        }
    }
    let kept = document.iter().filter(|(name, _)| *name != "members");
    let size: usize = kept.map(|(name, value)| name.len() + value.to_string().len()).sum();
    if size > LARGEST {
        return Err(invalid(format!("the resource has {size} bytes, and at most {LARGEST} are kept")));
    }
    Ok(())
}

/// A value as the schema has it; nothing when it stands for none (`null`, `""`, `[]`, `{}`).
///
/// # Errors
/// A value of another type.
pub fn value(attribute: &Attribute, path: &str, value: &Value) -> Result<Option<Value>, Failure> {
    if !attribute.multi {
        return element(attribute, path, value);
    }
    let elements = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    let most = if attribute.name == "members" { MOST_MEMBERS } else { MOST };
    if elements.len() > most {
        return Err(invalid(format!("`{path}` has more than {most} values at once")));
    }
    let mut list = Vec::with_capacity(elements.len());
    for element in elements {
        list.extend(self::element(attribute, path, element)?);
    }
    Ok(if list.is_empty() { None } else { Some(Value::Array(list)) })
}

/// One element of a list, or the value of an attribute that is none.
///
/// # Errors
/// As [`value`].
pub fn element(attribute: &Attribute, path: &str, value: &Value) -> Result<Option<Value>, Failure> {
    if value.is_null() {
        return Ok(None);
    }
    match attribute.kind {
        Kind::Complex => complex(attribute, path, value),
        Kind::Boolean => match filter::truth(value) {
            Some(truth) => Ok(Some(Value::Bool(truth))),
            None => Err(invalid(format!("`{path}` is `true` or `false`"))),
        },
        Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime => {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) if attribute.kind == Kind::String => number.to_string(),
                _ => return Err(invalid(format!("`{path}` is text"))),
            };
            if text.len() > LONGEST || text.contains('\0') {
                return Err(invalid(format!("`{path}` has at most {LONGEST} bytes, and no NUL character")));
            }
            if attribute.kind == Kind::DateTime && Timestamp::parse_rfc3339(&text).is_none() {
                return Err(invalid(format!("`{path}` is a time like `2026-11-22T08:00:00Z`")));
            }
            if attribute.kind == Kind::Binary && STANDARD.decode(&text).is_err() {
                return Err(invalid(format!("`{path}` is base64")));
            }
            Ok(if text.is_empty() { None } else { Some(Value::String(text)) })
        }
    }
}

fn complex(attribute: &Attribute, path: &str, value: &Value) -> Result<Option<Value>, Failure> {
    let mut element = Map::new();
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let Some(sub) = attribute.sub(key) else { continue };
                if sub.mutability == Mutability::ReadOnly {
                    continue;
                }
                if let Some(value) = self::value(sub, &format!("{path}.{key}"), value)? {
                    element.insert(sub.name.to_owned(), value);
                }
            }
        }
        Value::String(_) | Value::Number(_) if attribute.sub("value").is_some() => {
            let sub = attribute.sub("value").filter(|sub| sub.kind != Kind::Complex);
            if let Some(sub) = sub
                && let Some(value) = self::value(sub, path, value)?
            {
                element.insert(sub.name.to_owned(), value);
            }
        }
        _ => return Err(invalid(format!("`{path}` has sub-attributes: an object is expected"))),
    }
    Ok(if element.is_empty() { None } else { Some(Value::Object(element)) })
}

fn invalid(detail: String) -> Failure {
    Failure::new(ScimType::InvalidValue, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::USER;
    use serde_json::json;

    fn read(body: &Value) -> Result<Value, String> {
        let read = document(&USER, body.as_object().unwrap()).map(Value::Object);
        read.map_err(|failure| failure.fault.public_detail().to_owned())
    }

    #[test]
    fn what_clients_write_becomes_what_the_schema_has() {
        let sent = json!({
            "schemas": ["x"], "id": "mine", "meta": {}, "groups": [{ "value": "g" }], "password": "secret",
            "USERNAME": "ada", "Active": "False", "title": "", "nickName": null, "unknown": { "a": 1 },
            "emails": { "value": "ada@example.com", "TYPE": "work", "Primary": "True", "x": 1 },
            "phoneNumbers": ["+49 1"], "ims": [],
            "name": { "givenname": "Ada", "x": 1 },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user": { "employeeNumber": 7, "manager": "m1" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Engines",
            "urn:example:custom": { "a": 1 },
        });
        let wanted = json!({
            "userName": "ada", "active": false,
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "phoneNumbers": [{ "value": "+49 1" }],
            "name": { "givenName": "Ada" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                { "employeeNumber": "7", "manager": { "value": "m1" }, "department": "Engines" },
        });
        assert_eq!(read(&sent).unwrap(), wanted);
    }

    #[test]
    fn values_of_other_types_are_refused() {
        for (body, said) in [
            (json!({ "userName": true }), "`userName` is text"),
            (json!({ "active": "maybe" }), "`active` is `true` or `false`"),
            (json!({ "name": "Ada" }), "`name` has sub-attributes"),
            (json!({ "emails": [[1]] }), "`emails` has sub-attributes"),
            (json!({ "title": "a\0" }), "NUL"),
            (json!({ "x509Certificates": [{ "value": "?" }] }), "base64"),
            (json!({ "emails": vec!["a"; 101] }), "more than 100"),
        ] {
            let error = read(&body).unwrap_err();
            assert!(error.contains(said), "{body}: {error}");
        }
        let two = json!({ "userName": "a", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] });
        let two = document(&USER, two.as_object().unwrap()).unwrap();
        assert!(check(&USER, &two).unwrap_err().fault.public_detail().contains("more than one `primary`"));
        assert!(
            check(&USER, &Map::new()).unwrap_err().fault.public_detail().contains("`userName` is required")
        );
        let large = json!({ "userName": "a", "title": "x".repeat(16_000), "nickName": "x".repeat(16_000), "userType": "x".repeat(16_000),
            "locale": "x".repeat(16_000), "timezone": "x".repeat(16_000) });
        let large = document(&USER, large.as_object().unwrap()).unwrap();
        assert!(check(&USER, &large).unwrap_err().fault.public_detail().contains("bytes"));
    }
}
