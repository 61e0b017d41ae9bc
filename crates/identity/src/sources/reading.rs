//! A person out of JSON: the same for every source that speaks it, so that a value of the wrong type is told in the same
//! words, and none is ever guessed at.

use super::foreign::{Failure, FailureKind, Person};
use portcullis_model::Timestamp;
use portcullis_store::entity::LONGEST_IDENTIFIER;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Groups of one person that are read.
const MOST_GROUPS: usize = 1_000;

/// JSON in which no member is there twice: which of the two would be meant is not ours to guess.
pub(super) fn strict(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// A person of what `field` gives for each field; of `attributes`, by their names. `Ok(None)` from `field`: it is not mapped
/// at all.
pub(super) fn person<'v>(
    field: impl Fn(&str) -> Option<&'v Value>,
    mapped: impl Fn(&str) -> bool,
    attributes: impl Iterator<Item = (String, &'v Value)>,
) -> Result<Person, Failure> {
    let text = |name: &str| field(name).map_or(Ok(None), |value| text(name, value));
    let truth = |name: &str| match field(name) {
        None => Ok(false),
        Some(value) => truth(name, value),
    };
    let key =
        text("key")?.ok_or_else(|| unfit("`key` is missing or empty: nothing identifies the person"))?;
    let mut person = Person {
        key,
        external_id: text("external_id")?,
        username: text("username")?,
        email: text("email")?,
        email_verified: truth("email_verified")?,
        display_name: text("display_name")?,
        // Where the source says who is active, whom it says nothing of is not.
        active: if mapped("active") { truth("active")? } else { true },
        groups: match mapped("groups") {
            true => Some(field("groups").map_or(Ok(Vec::new()), groups)?),
            false => None,
        },
        changed: field("changed_at").and_then(Value::as_str).and_then(instant),
        ..Person::default()
    };
    for (name, value) in attributes {
        let label = format!("attributes.{name}");
        if name.is_empty() || name.len() > LONGEST_IDENTIFIER {
            return Err(unfit(&format!("`{label}` has no name that can be stored")));
        }
        let value = match value {
            Value::Bool(value) => Some(value.to_string()),
            other => self::text(&label, other)?,
        };
        if let Some(value) = value {
            person.attributes.insert(name, value);
        }
    }
    Ok(person)
}

/// This person cannot be used; the source is in order.
pub(super) fn unfit(message: &str) -> Failure {
    Failure::new(FailureKind::Person, message)
}

fn text(name: &str, value: &Value) -> Result<Option<String>, Failure> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Value::Number(_) => {
            let message =
                format!("`{name}` is a number that is not whole, or too large to be exact; give it as text");
            return Err(unfit(&message));
        }
        Value::Bool(_) => {
            return Err(unfit(&format!("`{name}` is `true` or `false` where a text should be")));
        }
        Value::Array(_) => return Err(unfit(&format!("`{name}` is a list where a text should be"))),
        Value::Object(_) => return Err(unfit(&format!("`{name}` is an object where a text should be"))),
    };
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST_IDENTIFIER || text.contains('\0') {
        let message =
            format!("`{name}` cannot be stored: at most {LONGEST_IDENTIFIER} bytes and no NUL character");
        return Err(unfit(&message));
    }
    Ok(Some(text))
}

fn truth(name: &str, value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(unfit(&format!("`{name}` is neither `true` nor `false`"))),
    }
}

fn groups(value: &Value) -> Result<Vec<String>, Failure> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.len() > MOST_GROUPS {
        return Err(unfit(&format!("`groups` has more than {MOST_GROUPS} entries")));
    }
    let mut groups = Vec::with_capacity(list.len());
    for value in list {
        groups.extend(text("groups", value)?);
    }
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// A time with or without its offset; without one, UTC.
fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")))
}

/// Reads a value, and refuses members that are there twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(value) = list.next_element_seed(Strict)? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(name) = table.next_key::<String>()? {
            let value = table.next_value_seed(Strict)?;
            if out.contains_key(&name) {
                let shown: String = name.chars().take(80).collect::<String>().escape_debug().collect();
                return Err(de::Error::custom(format!("`{shown}` is there twice")));
            }
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Person, Failure> {
        let table = value.as_object().unwrap();
        let attributes = table.get("attributes").and_then(Value::as_object).into_iter().flatten();
        person(
            |name| table.get(name),
            |name| table.contains_key(name),
            attributes.map(|(name, value)| (name.clone(), value)),
        )
    }

    #[test]
    fn a_person_is_what_the_source_says_and_nothing_is_guessed() {
        let all = read(&json!({
            "key": 42, "external_id": "A-1", "username": "ada", "email": "", "email_verified": 1, "display_name": null,
            "active": "TRUE", "groups": ["b", "a", "b"], "changed_at": "2026-03-01T10:00:00", "attributes": { "floor": 3, "remote": false, "none": null }
        }))
        .unwrap();
        assert_eq!((all.key.as_str(), all.external_id.as_deref(), all.email), ("42", Some("A-1"), None));
        assert!(all.email_verified && all.active && all.changed.is_some());
        assert_eq!((all.groups, all.attributes.len()), (Some(vec!["a".to_owned(), "b".to_owned()]), 2));
        // Active unless the source says who is; and where it does, only who it says is.
        assert!(read(&json!({ "key": "k" })).unwrap().active);
        assert!(!read(&json!({ "key": "k", "active": null })).unwrap().active);
        for wrong in [
            json!({}),
            json!({ "key": "" }),
            json!({ "key": null }),
            json!({ "key": ["k"] }),
            json!({ "key": 1.5 }),
            json!({ "key": 1e30 }),
            json!({ "key": "k\u{0}" }),
            json!({ "key": "x".repeat(1_025) }),
            json!({ "key": "k", "active": "enabled" }),
            json!({ "key": "k", "active": 2 }),
            json!({ "key": "k", "username": {} }),
            json!({ "key": "k", "groups": [["a"]] }),
        ] {
            assert_eq!(read(&wrong).unwrap_err().kind, FailureKind::Person, "{wrong}");
        }
    }

    #[test]
    fn what_is_there_twice_is_refused() {
        assert!(strict(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        assert!(strict(br#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("`a` is there twice"));
        assert!(strict(br#"[{"x":{"b":1,"b":1}}]"#).is_err());
        assert!(strict(b"{} {}").is_err());
    }
}
