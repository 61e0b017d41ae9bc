//! Who is in a team.

pub mod add;
pub mod list;
pub mod remove;

use portcullis_model as model;
use portcullis_model::team::MembershipSource;
use portcullis_model::{Membership, UserId, UserStatus};
use serde::{Deserialize, Serialize};

/// A user who is in a team by itself.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Log-in name.
    pub username: Option<String>,
    /// For people to read.
    pub display_name: Option<String>,
    /// Where the user stands.
    pub status: UserStatus,
    /// Who says that the user is in it.
    pub sources: Vec<MembershipSource>,
    /// Since when, by the first of them (RFC 3339).
    pub since: String,
}

/// A member, of all that is said about one user. Nothing when nothing is said.
fn member(user: model::User, memberships: &[Membership]) -> Option<Member> {
    let since = memberships.iter().map(|membership| membership.since).min()?;
    Some(Member {
        user: user.id,
        username: user.username,
        display_name: user.display_name,
        status: user.status,
        sources: memberships.iter().map(|membership| membership.source).collect(),
        since: since.rfc3339(),
    })
}
