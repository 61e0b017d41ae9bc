//! Deletes a team.

use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Path, Query};
use axum::Json;
use axum::extract::State;
use portcullis_model::TeamId;
use serde::{Deserialize, Serialize};

/// How much goes with it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HowMuch {
    /// Also the teams below it, and everybody is taken out of them. Without it a team that is not empty stays.
    #[serde(default)]
    pub recursive: bool,
}

/// What was deleted.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeletedTeams {
    /// How many teams.
    pub deleted: usize,
}

/// Delete a team; the answer to one that is not empty says what is in the way
#[utoipa::path(delete, path = "/admin/v1/teams/{team}", operation_id = "delete_team", tag = "teams", params(("team" = TeamId, Path), HowMuch), responses((status = 200, body = DeletedTeams)))]
pub async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Query(how): Query<HowMuch>,
) -> Answer<DeletedTeams> {
    super::seen(&control, &caller, id).await?;
    let deleted = control.directory().delete_team(caller.actor(), id, how.recursive).await?;
    Ok(Json(DeletedTeams { deleted }))
}
