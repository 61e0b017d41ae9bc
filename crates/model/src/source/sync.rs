//! When the people of a source are brought into the directory without being asked for, as the configuration file writes
//! it.

use crate::Span;
use serde::{Deserialize, Serialize};

/// When all people of a source are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// How often what has changed is read.
    pub every: Span,
    /// How often everybody is read. Only this finds who is gone, and who came into a group or left it.
    pub full_every: Span,
    /// The share of the source's users, in per cent, that one run may delete. With more it stops and asks (`portcullis source approve`). Up to 10 users are always deleted, unless the source shows nobody at all.
    #[schemars(range(min = 0, max = 100))]
    pub most_deleted: u8,
    /// Whether the groups of people become memberships of the teams whose `external_id` is the group's name; also when they are looked up for a call.
    pub teams: bool,
}

impl Default for Sync {
    fn default() -> Self {
        Self { every: Span::seconds(300), full_every: Span::seconds(86_400), most_deleted: 10, teams: true }
    }
}
