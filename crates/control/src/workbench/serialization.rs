//! How a message is written.

use serde::{Deserialize, Serialize};

/// How a message is written (RFC 7515 §7, RFC 7516 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Serialization {
    /// Parts with dots between.
    Compact,
    /// JSON, one signature or recipient.
    Flattened,
    /// JSON, any number of them.
    General,
}
