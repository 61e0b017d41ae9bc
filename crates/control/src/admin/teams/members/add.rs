//! Lets a user into a team.

use super::{Member, member};
use crate::Control;
use crate::admin::{teams, users};
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::input::{Body, Path};
use axum::Json;
use axum::extract::State;
use portcullis_model::team::MembershipSource;
use portcullis_model::{TeamId, UserId};
use portcullis_store::entity;
use serde::Deserialize;

/// Who comes into a team.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// The user; of the team's tenant.
    pub user: UserId,
}

/// Let a user into a team; one that is in it already stays
#[utoipa::path(post, path = "/admin/v1/teams/{team}/members", operation_id = "add_team_member", tag = "teams", params(("team" = TeamId, Path)), request_body = NewMember, responses((status = 200, body = Member)))]
pub async fn add(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Body(new): Body<NewMember>,
) -> Answer<Member> {
    let team = teams::seen(&control, &caller, id).await?;
    // Seen by the caller first: a tenant administrator learns nothing of another tenant's ids.
    let user = users::seen(&control, &caller, new.user).await?;
    let source = MembershipSource::Manual;
    control.directory().add_member(caller.actor(), team.id, user.id, source).await?;
    let all = entity::memberships::list_by_user(control.store(), user.id).await?;
    let here: Vec<_> = all.into_iter().filter(|membership| membership.team == team.id).collect();
    // Taken out again by somebody else in this very moment.
    member(user, &here).map(Json).ok_or_else(|| absent("member of this team"))
}
