//! What happened in the directory, in one order: it invalidates caches, and is told to others (webhooks, a message bus).

mod kind;

pub use kind::{TYPES, is_known, matches};

use crate::{ApiKeyId, ApplicationId, Name, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// One entry of the event log. Positions grow by commit order and are never reused; they may have gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the log.
    pub position: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The tenant it concerns, when one.
    pub tenant: Option<TenantId>,
    /// Who caused it: an operator, a job, an issuer.
    pub actor: String,
    /// What happened.
    pub change: Change,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A user was made, changed, suspended, restored, deleted, approved, or merged.
    User {
        /// Which.
        user: UserId,
        /// `created`, `changed`, `suspended`, `restored`, `deleted`, `approved`, `merged`.
        what: String,
    },
    /// A user's roles are others.
    RoleChanged {
        /// Whose.
        user: UserId,
        /// All of them, until now.
        before: Vec<String>,
        /// All of them, from now on.
        after: Vec<String>,
    },
    /// A user came into a team or left it. What becomes of the team itself is [`Change::Team`].
    TeamChanged {
        /// Who.
        user: UserId,
        /// Which team.
        team: TeamId,
        /// `joined` or `left`.
        what: String,
    },
    /// A team was made or changed. It concerns everybody in it and in the teams below it.
    Team {
        /// Which.
        team: TeamId,
        /// `created`, `changed`, `renamed`, `moved`, `deleted`.
        what: String,
    },
    /// An identity was linked.
    IdentityLinked {
        /// Whose it is now.
        user: UserId,
        /// The issuer's name.
        issuer: Name,
        /// The subject.
        subject: String,
    },
    /// An identity was taken from its user.
    IdentityUnlinked {
        /// Whose it was.
        user: UserId,
        /// The issuer's name.
        issuer: Name,
        /// The subject.
        subject: String,
    },
    /// An application was made or changed.
    Application {
        /// Which.
        application: ApplicationId,
    },
    /// An API key was made, rotated or revoked.
    ApiKey {
        /// Which.
        api_key: ApiKeyId,
    },
    /// A tenant was made or changed.
    Tenant {
        /// Which.
        tenant: TenantId,
    },
    /// Tokens were revoked.
    Revocation,
    /// An operator distrusts a key of an issuer.
    KeyDistrusted {
        /// The issuer's name.
        issuer: Name,
        /// The key's `kid`.
        kid: String,
    },
    /// A stored secret was set or removed.
    Secret {
        /// Its name.
        name: String,
    },
}
