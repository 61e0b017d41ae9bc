//! The groups of an issuer's tokens, and the roles and teams that they stand for.
//!
//! Not here: how a token is read (`identity::groups`).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the groups of a token stand for: roles, and teams of the token's tenant. They hold for calls with that token, beside
/// what the directory says, and are not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupsRule {
    /// Claim (path with dots) with the groups: a text or a list of texts. Default: the preset's. Where it is one of the preset's role claims, its values are no longer roles by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// A group, exactly as tokens name it (`devs`, `/staff/devs`, an object id), and what it stands for.
    pub map: BTreeMap<String, GroupGrant>,
    /// What becomes of a group that is not in the map.
    pub unmapped: UnmappedGroups,
    /// What becomes of a token that leaves its groups out because they are too many, or has more than 1,000.
    pub overage: GroupsOverage,
}

/// What one group stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupGrant {
    /// Roles.
    pub roles: Vec<String>,
    /// Teams, each by its name, or by a path of names that ends with it (`platform/dev`). One that the tenant does not have is passed over.
    pub teams: Vec<String>,
}

/// What becomes of a group that is not in the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnmappedGroups {
    /// It stands for nothing.
    #[default]
    Ignore,
    /// It is the team of that name or path (`dev`, `/platform/dev`), where the tenant has one. For issuers whose groups are managed with the teams here: whoever names groups there decides who is in which team.
    Teams,
}

/// What becomes of a token whose groups are too many for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupsOverage {
    /// The directory's roles and teams count, and nothing of the token's groups.
    #[default]
    Directory,
    /// The call is refused (`groups_overage`).
    Refuse,
}
