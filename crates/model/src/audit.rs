//! Every change of the control plane: who, what, before and after.

use crate::{AuditId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who: `operator:<name>`, `scim:<name>`, `socket:uid=<n>`, `file`.
    pub actor: String,
    /// From where: an address, or `socket`.
    pub source: String,
    /// The tenant concerned, when one.
    pub tenant: Option<TenantId>,
    /// What was done: `user.suspend`, `api_key.create`, ….
    pub action: String,
    /// To what: its id or name.
    pub target: String,
    /// The record before, without secrets; null when made.
    pub before: serde_json::Value,
    /// The record after, without secrets; null when removed.
    pub after: serde_json::Value,
}

/// What a credential of the control plane may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorRole {
    /// Everything.
    Operator,
    /// Everything within one tenant.
    TenantAdministrator,
    /// Reads everything, changes nothing.
    Auditor,
    /// Feeds the users and teams of one tenant over SCIM, and may nothing else.
    Provisioner,
}

impl OperatorRole {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::TenantAdministrator => "tenant_administrator",
            Self::Auditor => "auditor",
            Self::Provisioner => "provisioner",
        }
    }
}

impl std::str::FromStr for OperatorRole {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Operator, Self::TenantAdministrator, Self::Auditor, Self::Provisioner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "a role is `operator`, `tenant_administrator`, `auditor` or `provisioner`, not `{text}`"
                )
            })
    }
}
