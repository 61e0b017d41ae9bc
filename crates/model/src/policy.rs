//! Policies as code: Cedar texts, validated against our schema before they take effect.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A policy set as the configuration file writes it; exactly one of `cedar` and `file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Unique name.
    pub name: Name,
    /// The tenant whose calls it governs; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Cedar text: `forbid (principal, action, resource) when { … };`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cedar: Option<String>,
    /// A file with Cedar text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}
