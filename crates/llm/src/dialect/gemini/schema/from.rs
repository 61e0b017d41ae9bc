//! `Schema` → JSON Schema. Everything that it says can be said there.

use super::super::wire::camel;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// `schema`, the API's own, as JSON Schema. What it does not know stays as it is; depth is bounded by the document's.
pub(in super::super) fn to_json_schema(schema: Value) -> Value {
    let Value::Object(members) = schema else { return schema };
    let mut out = Map::new();
    let (mut nullable, mut order) = (false, Vec::new());
    for (written, value) in members {
        let name = camel(&written).unwrap_or(written);
        match name.as_str() {
            "type" => match value.as_str().map(str::to_ascii_lowercase) {
                // Unspecified is anything.
                Some(kind) if kind == "type_unspecified" => {}
                Some(kind) => {
                    out.insert(name, json!(kind));
                }
                None => {
                    out.insert(name, value);
                }
            },
            "nullable" => nullable = value == json!(true),
            "properties" | "defs" => {
                let name = if name == "defs" { "$defs".to_owned() } else { name };
                out.insert(name, each(value));
            }
            "items" | "additionalProperties" => {
                out.insert(name, to_json_schema(value));
            }
            "anyOf" | "prefixItems" => {
                let Value::Array(schemas) = value else { continue };
                out.insert(name, schemas.into_iter().map(to_json_schema).collect());
            }
            "ref" => {
                let target = value.as_str().map(|target| target.replacen("#/defs/", "#/$defs/", 1));
                out.insert("$ref".to_owned(), target.map_or(value, Value::String));
            }
            "propertyOrdering" => {
                order = value.as_array().cloned().unwrap_or_default();
            }
            "example" => {
                out.insert("examples".to_owned(), Value::Array(vec![value]));
            }
            // 64-bit numbers may be text.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                let number = value.as_str().and_then(|text| text.parse::<u64>().ok());
                out.insert(name, number.map_or(value, Value::from));
            }
            _ => {
                out.insert(name, value);
            }
        }
    }
    if let Some(Value::Object(properties)) = out.get_mut("properties") {
        let place: HashMap<&str, usize> =
            order.iter().filter_map(Value::as_str).enumerate().map(|(place, name)| (name, place)).collect();
        let mut ordered: Vec<_> = std::mem::take(properties).into_iter().collect();
        ordered.sort_by_key(|(name, _)| place.get(name.as_str()).copied().unwrap_or(usize::MAX));
        *properties = ordered.into_iter().collect();
    }
    if nullable {
        or_null(&mut out);
    }
    Value::Object(out)
}

fn each(schemas: Value) -> Value {
    match schemas {
        Value::Object(schemas) => {
            Value::Object(schemas.into_iter().map(|(name, schema)| (name, to_json_schema(schema))).collect())
        }
        other => other,
    }
}

/// Takes `null` too.
fn or_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(choices)) = schema.get_mut("enum") {
        choices.push(Value::Null);
    }
    if let Some(Value::Array(schemas)) = schema.get_mut("anyOf") {
        schemas.push(json!({"type": "null"}));
    } else if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::from_json_schema;
    use super::*;

    #[test]
    fn says_the_same() {
        let schema = json!({
            "type": "OBJECT",
            "properties": {
                "b": {"type": "STRING", "nullable": true, "enum": ["x"]},
                "a": {"type": "array", "items": {"type": "Integer", "format": "int32"}, "min_items": "1"},
                "c": {"any_of": [{"type": "STRING"}, {"type": "BOOLEAN"}], "nullable": true, "example": 1},
            },
            "property_ordering": ["a", "b"],
            "required": ["a"],
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1},
                "b": {"type": ["string", "null"], "enum": ["x", null]},
                "c": {"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "null"}], "examples": [1]},
            },
            "required": ["a"],
        });
        let read = to_json_schema(schema);
        assert_eq!(read, expected);
        assert_eq!(read.to_string(), expected.to_string(), "in this order");
    }

    #[test]
    fn there_and_back() {
        let schema = json!({
            "type": "OBJECT",
            "description": "d",
            "properties": {
                "s": {"type": "STRING", "enum": ["x", "y"], "nullable": true},
                "n": {"type": "NUMBER", "minimum": 0.5, "nullable": true},
                "l": {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": true}},
            },
            "required": ["s"],
        });
        let back = from_json_schema(&to_json_schema(schema.clone())).unwrap();
        assert_eq!(back, schema);
    }
}
