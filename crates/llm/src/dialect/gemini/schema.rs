//! Schemas: JSON Schema (of tools' arguments and structured answers, everywhere else) to and from the API's own `Schema`,
//! a subset of OpenAPI 3.0's. What the subset cannot say goes as JSON Schema, which newer models take beside it
//! (`parametersJsonSchema`, `responseJsonSchema`).

mod from;
mod to;

pub(super) use from::to_json_schema;
pub(super) use to::from_json_schema;
