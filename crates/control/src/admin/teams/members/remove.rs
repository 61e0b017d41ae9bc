//! Takes a user out of a team.

use crate::Control;
use crate::admin::teams::{self, Team};
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::input::Path;
use axum::extract::State;
use portcullis_model::{TeamId, UserId};

/// Take a user out of a team, whoever said that it is in it; a source that still says so lets it in again with its next synchronisation
#[utoipa::path(delete, path = "/admin/v1/teams/{team}/members/{user}", operation_id = "remove_team_member", tag = "teams", params(("team" = TeamId, Path), ("user" = UserId, Path)), responses((status = 200, body = Team)))]
pub async fn remove(
    State(control): State<Control>,
    caller: Caller,
    Path((id, user)): Path<(TeamId, UserId)>,
) -> Answer<Team> {
    let team = teams::seen(&control, &caller, id).await?;
    if !control.directory().remove_member(caller.actor(), team.id, user, None).await? {
        return Err(absent("member of this team"));
    }
    teams::shown(&control, team).await
}
