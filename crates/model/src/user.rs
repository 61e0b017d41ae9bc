//! Users of the directory: the records behind `sub`.

use crate::{Name, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a user stands in its life cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May call.
    Active,
    /// Waits for approval.
    Pending,
    /// Barred, and can be restored.
    Suspended,
    /// A tombstone: who it was, when it went and by whom. Never re-created.
    Deleted,
    /// Its identities now belong to another user ([`User::merged_into`]).
    Merged,
}

impl UserStatus {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
        }
    }
}

impl std::str::FromStr for UserStatus {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Pending, Self::Suspended, Self::Deleted, Self::Merged]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                format!("a status is `active`, `pending`, `suspended`, `deleted` or `merged`, not `{text}`")
            })
    }
}

impl std::fmt::Display for UserStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Our id; sent upstream as `X-User-Id`.
    pub id: UserId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Where it stands.
    pub status: UserStatus,
    /// The id that the company's own systems know it by; unique within the tenant. Sent as `X-User-External-Id`.
    pub external_id: Option<String>,
    /// Log-in name; unique within the tenant.
    pub username: Option<String>,
    /// Address, as given; not an identifier.
    pub email: Option<String>,
    /// Whether somebody verified that the address is the user's.
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<String>,
    /// Role names, used by services, policies and `X-User-Roles`.
    pub roles: Vec<String>,
    /// Anything else; a subject rule may name one as its attribute.
    pub attributes: BTreeMap<String, String>,
    /// The survivor, when [`UserStatus::Merged`].
    pub merged_into: Option<UserId>,
    /// When and by whom the status last changed, and why.
    pub status_changed_at: Timestamp,
    /// The operator, job or issuer that changed it.
    pub status_changed_by: String,
    /// The reason that was given.
    pub status_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A subject that resolves to a user: the pair (issuer, `sub`), exact and case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's name in the configuration.
    pub issuer: Name,
    /// The claim's value, byte for byte.
    pub subject: String,
    /// Whose it is.
    pub user: UserId,
    /// When it was linked.
    pub linked_at: Timestamp,
}
