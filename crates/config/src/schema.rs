//! The JSON schema of the file, from the types, and how to find one's way in it.

use crate::Config;
use crate::place::{Path, Step};
use serde_json::Value;

/// The JSON schema (draft 2020-12) of the configuration file, for editors.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), Value::from("Portcullis configuration"));
    }
    schema
}

/// The schema, with its references followed.
pub struct Shapes(Value);

impl Shapes {
    pub fn new() -> Self {
        Self(schema())
    }

    pub fn root(&self) -> &Value {
        &self.0
    }

    /// What `shape` stands for: its reference followed, and the one alternative of it that is not null.
    pub fn resolve<'a>(&'a self, mut shape: &'a Value) -> &'a Value {
        // The types nest a few levels deep; the bound is against a loop.
        for _ in 0..16 {
            if let Some(name) = reference(shape) {
                shape = &self.0["$defs"][name];
            } else if let Some([one]) = alternatives(shape).as_deref() {
                shape = one;
            } else {
                break;
            }
        }
        shape
    }

    /// The name of the type behind `shape`: `Duration`, `SecretRef`, ….
    pub fn type_name<'a>(&'a self, shape: &'a Value) -> Option<&'a str> {
        match reference(shape) {
            Some(name) => Some(name),
            None => match alternatives(shape)?.as_slice() {
                [one] => self.type_name(one),
                _ => None,
            },
        }
    }

    /// The shape of the setting at `path`.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(&self.0, |shape, step| {
            let shape = self.resolve(shape);
            match step {
                Step::Index(_) => shape.get("items"),
                Step::Key(key) => self
                    .properties(shape)
                    .into_iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, shape)| shape)
                    .or_else(|| {
                        // A table of free names.
                        shape.get("additionalProperties").filter(|shape| shape.is_object())
                    }),
            }
        })
    }

    /// The keys of a table: its own, and those of its alternatives.
    pub fn properties<'a>(&'a self, shape: &'a Value) -> Vec<(&'a String, &'a Value)> {
        let shape = self.resolve(shape);
        let own = shape["properties"].as_object().into_iter().flatten();
        let others = branches(shape)
            .iter()
            .map(|branch| self.resolve(branch))
            .flat_map(|branch| branch["properties"].as_object().into_iter().flatten());
        own.chain(others).collect()
    }
}

fn reference(shape: &Value) -> Option<&str> {
    shape.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// `anyOf` without null.
fn alternatives(shape: &Value) -> Option<Vec<&Value>> {
    Some(shape.get("anyOf")?.as_array()?.iter().filter(|one| one["type"] != "null").collect())
}

/// The variants of a shape.
pub fn branches(shape: &Value) -> &[Value] {
    ["oneOf", "anyOf"]
        .iter()
        .find_map(|key| shape.get(*key))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The texts that a shape accepts, when it is a list of texts.
pub fn words(shape: &Value) -> Vec<&str> {
    let listed = shape["enum"].as_array().into_iter().flatten();
    listed
        .chain(branches(shape).iter().flat_map(|branch| {
            branch.get("const").into_iter().chain(branch["enum"].as_array().into_iter().flatten())
        }))
        .filter_map(Value::as_str)
        .collect()
}
