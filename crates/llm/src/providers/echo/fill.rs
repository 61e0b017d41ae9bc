//! A value that fits a JSON schema, for tool arguments and structured output: the first alternative, every property,
//! the user's text for strings.

use serde_json::{Map, Value, json};

/// Values made for one schema: a schema that refers to itself has no end.
const MAX_VALUES: usize = 500;
const MAX_DEPTH: usize = 16;
/// Characters of the user's text in a string.
const MAX_TEXT: usize = 200;

/// A value for `schema`.
pub(super) fn fill(schema: &Value, text: &str) -> Value {
    let text = text.chars().take(MAX_TEXT).collect();
    Filler { root: schema, text, left: MAX_VALUES }.value(schema, 0)
}

struct Filler<'a> {
    root: &'a Value,
    text: String,
    left: usize,
}

impl<'a> Filler<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        if self.left == 0 || depth > MAX_DEPTH {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if let Some(target) = schema["$ref"].as_str() {
            return match target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => self.value(target, depth + 1),
                None => Value::Null,
            };
        }
        if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema[*word].get(0)) {
            return self.value(first, depth + 1);
        }
        let kinds = &schema["type"];
        let kind = kinds
            .as_str()
            .or_else(|| kinds.as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null"));
        match kind {
            Some("string") => Value::String(self.text.clone()),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
            Some("boolean") => Value::Bool(true),
            Some("array") => {
                let items = schema.get("items").map(|items| self.value(items, depth + 1));
                Value::Array(items.into_iter().collect())
            }
            Some("object") => self.object(schema, depth),
            None if schema.get("properties").is_some() => self.object(schema, depth),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let mut object = Map::new();
        for (name, property) in properties {
            let value = self.value(property, depth + 1);
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_the_schema() {
        let schema = json!({ "type": "object", "properties": {
            "city": { "type": "string" }, "unit": { "enum": ["celsius", "kelvin"] }, "days": { "type": ["null", "integer"] }, "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" } },
            "exact": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] }, "what": {} }, "$defs": { "tag": { "const": 7 } } });
        assert_eq!(
            fill(&schema, "Ulm"),
            json!({ "city": "Ulm", "unit": "celsius", "days": 1, "tags": [7], "exact": true, "what": null })
        );
        assert_eq!(fill(&json!({}), "x"), Value::Null);
    }

    #[test]
    fn ends_on_a_schema_that_does_not() {
        let schema = json!({ "type": "object", "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" }, "c": { "$ref": "#" } } });
        assert!(fill(&schema, "x").to_string().len() < 20_000);
    }
}
