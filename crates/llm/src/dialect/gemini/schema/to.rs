//! JSON Schema → `Schema`, where that says the same.

use serde_json::{Map, Value, json};

/// Objects in the result; references to definitions are written out, and could make it as large as they like.
const MAX_OBJECTS: usize = 2_000;

/// `schema` as the API's own; `None`: it says something that the subset has no word for, or repeats itself.
pub(in super::super) fn from_json_schema(schema: &Value) -> Option<Value> {
    let members = schema.as_object()?;
    let definitions = [members.get("$defs"), members.get("definitions")];
    let mut writing = Writing { definitions, open: Vec::new(), objects: 0 };
    writing.schema(schema).map(Value::Object)
}

struct Writing<'s> {
    definitions: [Option<&'s Value>; 2],
    /// References that are being written out.
    open: Vec<&'s str>,
    objects: usize,
}

impl<'s> Writing<'s> {
    fn schema(&mut self, schema: &'s Value) -> Option<Map<String, Value>> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return None;
        }
        let members = schema.as_object()?;
        if let Some(reference) = members.get("$ref") {
            return self.reference(reference.as_str()?, members);
        }
        let mut out = Map::new();
        for (name, value) in members {
            match name.as_str() {
                "type" => self.kind(value, &mut out)?,
                "enum" => choices(value, &mut out)?,
                "const" => {
                    out.insert("enum".to_owned(), json!([value.as_str()?]));
                }
                "properties" => {
                    let properties = self.properties(value.as_object()?)?;
                    out.insert(name.clone(), Value::Object(properties));
                }
                "items" => {
                    let items = self.schema(value)?;
                    out.insert(name.clone(), Value::Object(items));
                }
                "anyOf" => self.any_of(value.as_array()?, &mut out)?,
                "nullable" => {
                    out.insert(name.clone(), Value::Bool(value.as_bool()?));
                }
                "format" => {
                    let known = ["date-time", "enum", "float", "double", "int32", "int64"];
                    let format = value.as_str().filter(|format| known.contains(format))?;
                    out.insert(name.clone(), json!(format));
                }
                "title" | "description" | "pattern" | "required" | "default" | "example" | "minimum"
                | "maximum" | "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                | "maxProperties" => {
                    out.insert(name.clone(), value.clone());
                }
                // They say nothing about values.
                "$schema" | "$id" | "$comment" | "$defs" | "definitions" => {}
                _ => return None,
            }
        }
        // An enumeration is of strings there.
        if out.contains_key("enum") && out.get("type").is_none_or(|kind| kind != "STRING") {
            if out.contains_key("type") {
                return None;
            }
            out.insert("type".to_owned(), json!("STRING"));
        }
        // A schema without a type would take anything; that can only be said by leaving all of it out.
        (out.contains_key("type") || out.contains_key("anyOf")).then_some(out)
    }

    fn reference(
        &mut self,
        reference: &'s str,
        beside: &'s Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let name = reference.strip_prefix("#/$defs/").or_else(|| reference.strip_prefix("#/definitions/"))?;
        // One that is within itself cannot be written out; nor are escaped names worth the trouble.
        if self.open.contains(&name) || name.contains(['/', '~', '%']) {
            return None;
        }
        let target = self.definitions.iter().flatten().find_map(|definitions| definitions.get(name))?;
        self.open.push(name);
        let written = self.schema(target);
        self.open.pop();
        let mut out = written?;
        for (name, value) in beside {
            match name.as_str() {
                "$ref" | "$defs" | "definitions" | "$schema" | "$id" | "$comment" => {}
                "title" | "description" | "default" => {
                    out.insert(name.clone(), value.clone());
                }
                _ => return None,
            }
        }
        Some(out)
    }

    fn kind(&mut self, kind: &Value, out: &mut Map<String, Value>) -> Option<()> {
        match kind {
            Value::String(kind) => {
                out.insert("type".to_owned(), json!(word(kind)?));
            }
            Value::Array(kinds) => {
                let words: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect::<Option<_>>()?;
                let mut others = words.iter().filter(|kind| **kind != "null");
                let kind = others.next()?;
                if others.next().is_some() {
                    return None;
                }
                out.insert("type".to_owned(), json!(word(kind)?));
                if words.len() > 1 {
                    out.insert("nullable".to_owned(), Value::Bool(true));
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn properties(&mut self, properties: &'s Map<String, Value>) -> Option<Map<String, Value>> {
        properties
            .iter()
            .map(|(name, schema)| Some((name.clone(), Value::Object(self.schema(schema)?))))
            .collect()
    }

    fn any_of(&mut self, schemas: &'s [Value], out: &mut Map<String, Value>) -> Option<()> {
        let is_null = |schema: &&Value| {
            schema.as_object().is_some_and(|it| it.len() == 1 && it.get("type") == Some(&json!("null")))
        };
        let nulls = schemas.iter().filter(is_null).count();
        let mut others: Vec<_> = schemas
            .iter()
            .filter(|schema| !is_null(schema))
            .map(|schema| self.schema(schema).map(Value::Object))
            .collect::<Option<_>>()?;
        if nulls > 0 {
            out.insert("nullable".to_owned(), Value::Bool(true));
        }
        match (others.len(), nulls) {
            (0, _) => return None,
            // One thing or nothing: that thing, nullable.
            (1, 1..) => {
                let Some(Value::Object(one)) = others.pop() else { return None };
                for (name, value) in one {
                    out.entry(name).or_insert(value);
                }
            }
            _ => {
                out.insert("anyOf".to_owned(), Value::Array(others));
            }
        }
        Some(())
    }
}

fn choices(value: &Value, out: &mut Map<String, Value>) -> Option<()> {
    let mut choices = value.as_array()?.clone();
    let before = choices.len();
    choices.retain(|choice| !choice.is_null());
    if choices.len() < before {
        out.insert("nullable".to_owned(), Value::Bool(true));
    }
    if choices.is_empty() || !choices.iter().all(Value::is_string) {
        return None;
    }
    out.insert("enum".to_owned(), Value::Array(choices));
    Some(())
}

fn word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "STRING",
        "number" => "NUMBER",
        "integer" => "INTEGER",
        "boolean" => "BOOLEAN",
        "array" => "ARRAY",
        "object" => "OBJECT",
        "null" => "NULL",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_subset_says() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "where", "minLength": 1},
                "unit": {"enum": ["C", "F", null]},
                "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": null},
                "days": {"type": ["integer", "null"], "minimum": 1},
                "places": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
                "kind": {"const": "now", "title": "Kind"},
                "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
            },
            "required": ["city"],
            "$defs": {"Place": {"type": "object", "properties": {"lat": {"type": "number"}}}},
        });
        assert_eq!(
            from_json_schema(&schema).unwrap(),
            json!({
                "type": "OBJECT",
                "properties": {
                    "city": {"type": "STRING", "description": "where", "minLength": 1},
                    "unit": {"nullable": true, "enum": ["C", "F"], "type": "STRING"},
                    "when": {"nullable": true, "type": "STRING", "format": "date-time", "default": null},
                    "days": {"type": "INTEGER", "nullable": true, "minimum": 1},
                    "places": {"type": "ARRAY", "items": {"type": "OBJECT", "properties": {"lat": {"type": "NUMBER"}}}},
                    "kind": {"enum": ["now"], "title": "Kind", "type": "STRING"},
                    "either": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
                },
                "required": ["city"],
            })
        );
    }

    #[test]
    fn what_it_cannot_say() {
        for schema in [
            json!({"type": "object", "additionalProperties": false}),
            json!({"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}}),
            json!({"type": "integer", "enum": [1, 2]}),
            json!({"enum": ["a", 1]}),
            json!({"type": ["string", "number"]}),
            json!({"type": "string", "format": "email"}),
            json!({"type": "array", "items": {}}),
            json!({"type": "array", "items": true}),
            json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}),
            json!({"$ref": "#/$defs/Gone"}),
            json!({"$ref": "https://example.com/a"}),
            json!({"allOf": [{"type": "string"}]}),
            json!({}),
            json!(true),
        ] {
            assert_eq!(from_json_schema(&schema), None, "{schema}");
        }
    }

    #[test]
    fn references_do_not_explode() {
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            definitions
                .insert(format!("l{level}"), json!({"type": "object", "properties": {"a": next, "b": next}}));
        }
        definitions.insert("l40".to_owned(), json!({"type": "string"}));
        let schema = json!({"$ref": "#/$defs/l0", "$defs": definitions});
        assert_eq!(from_json_schema(&schema), None);
    }
}
