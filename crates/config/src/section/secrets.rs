//! `[secrets]`: custody of secrets that were set through the admin API.

use portcullis_model::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Under what stored secrets are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes in hexadecimal or base64, by reference; default: `secrets.key` in the data directory, made at the first start.
    /// Nodes that share a database need the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
}
