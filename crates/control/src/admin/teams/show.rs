//! Shows a team.

use super::Team;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::extract::State;
use portcullis_model::TeamId;

/// Show a team, with where it is and how many are in it
#[utoipa::path(get, path = "/admin/v1/teams/{team}", operation_id = "show_team", tag = "teams", params(("team" = TeamId, Path)), responses((status = 200, body = Team)))]
pub async fn show(State(control): State<Control>, caller: Caller, Path(id): Path<TeamId>) -> Answer<Team> {
    let team = super::seen(&control, &caller, id).await?;
    super::shown(&control, team).await
}
