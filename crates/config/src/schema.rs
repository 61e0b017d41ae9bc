//! The JSON schema of the file, from the types.

use crate::Config;
use serde_json::Value;

/// The JSON schema (draft 2020-12) of the configuration file, for editors and for checking.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}
