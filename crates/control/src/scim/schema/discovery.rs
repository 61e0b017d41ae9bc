//! Schemas and kinds of resources as JSON (RFC 7643 §6 and §7).

use super::{Attribute, Kind, Mutability, ResourceType, Returned, Schema};
use serde_json::{Value, json};

/// A schema. `base` is where SCIM is served.
pub fn schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.what,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

/// A kind of resource.
pub fn resource_type(kind: &ResourceType, base: &str) -> Value {
    let extensions: Vec<_> =
        kind.extensions.iter().map(|schema| json!({ "schema": schema.id, "required": false })).collect();
    let mut value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "description": kind.what,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", kind.name) },
    });
    if !extensions.is_empty() {
        value["schemaExtensions"] = extensions.into();
    }
    value
}

fn attribute(attribute: &Attribute) -> Value {
    let mut value = json!({
        "name": attribute.name,
        "type": attribute.kind.as_str(),
        "multiValued": attribute.multi,
        "description": attribute.what,
        "required": attribute.required,
        "caseExact": attribute.exact,
        "mutability": match attribute.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
        },
        "returned": match attribute.returned {
            Returned::Always => "always",
            Returned::Default => "default",
        },
        "uniqueness": if attribute.unique { "server" } else { "none" },
    });
    if !attribute.canonical.is_empty() {
        value["canonicalValues"] = json!(attribute.canonical);
    }
    if !attribute.refers.is_empty() {
        value["referenceTypes"] = json!(attribute.refers);
    }
    if attribute.kind == Kind::Complex {
        value["subAttributes"] = attribute.sub.iter().map(self::attribute).collect();
    }
    value
}
