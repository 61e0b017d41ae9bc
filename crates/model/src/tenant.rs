//! Tenants: isolated organisations.

use crate::{Name, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Who owns a record: what the file owns is read-only in the API, and what leaves the file is disabled, not deleted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Written in the configuration file.
    File,
    /// Made through the admin API.
    Api,
}

impl Origin {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "file" => Ok(Self::File),
            "api" => Ok(Self::Api),
            other => Err(format!("an origin is `file` or `api`, not `{other}`")),
        }
    }
}

/// A tenant as the directory keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Our id; never reused.
    pub id: TenantId,
    /// The name used in the file, the API and URLs; unique.
    pub name: Name,
    /// Models granted to the tenant; any other is refused. `*` grants all.
    pub models: Vec<String>,
    /// Who owns the record.
    pub origin: Origin,
    /// A disabled tenant's calls are refused.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Tenant {
    /// Whether `model` is granted.
    pub fn grants(&self, model: &str) -> bool {
        self.models.iter().any(|granted| granted == "*" || granted == model)
    }
}

/// A tenant as the configuration file writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantEntry {
    /// Unique name.
    pub name: Name,
    /// Models granted to the tenant, by name; `*` grants all. Models are denied unless granted.
    #[serde(default)]
    pub models: Vec<String>,
}
