//! Renames or moves a team.

use super::Team;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::{Name, TeamId};
use serde::{Deserialize, Deserializer};

/// What to change; a member that is left out stays, null removes.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TeamChange {
    /// Its name. Services and policies that name it by the old one do not mean it any more.
    pub name: Option<Name>,
    /// For people to read.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub display_name: Option<Option<String>>,
    /// The team that it is a part of: id or name; null puts it at the top. Everybody in it moves with it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<Option<String>>,
    /// The id that whoever feeds the directory knows it by.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
}

/// A member that is there, null included.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// Rename or move a team, or change what else is said of it
#[utoipa::path(patch, path = "/admin/v1/teams/{team}", operation_id = "change_team", tag = "teams", params(("team" = TeamId, Path)), request_body = TeamChange, responses((status = 200, body = Team)))]
pub async fn change(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Body(change): Body<TeamChange>,
) -> Answer<Team> {
    let team = super::seen(&control, &caller, id).await?;
    text::optional_line("display_name", change.display_name.as_ref().and_then(Option::as_deref))?;
    text::optional_line("external_id", change.external_id.as_ref().and_then(Option::as_deref))?;
    let parent = match change.parent {
        Some(Some(reference)) => Some(Some(super::named(&control, team.tenant, &reference).await?.id)),
        Some(None) => Some(None),
        None => None,
    };
    let change = directory::TeamChange {
        name: change.name,
        display_name: change.display_name,
        parent,
        external_id: change.external_id,
    };
    let team = control.directory().change_team(caller.actor(), id, change).await?;
    super::shown(&control, team).await
}
