//! `[cluster]`: what several nodes on one PostgreSQL share beside it.

use portcullis_model::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What several nodes on one PostgreSQL share beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// A Redis or Valkey server that carries the word of every change from node to node, as a reference to its
    /// `redis://` or `rediss://` URL. Without one, and while it does not answer, PostgreSQL carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<SecretRef>,
}
