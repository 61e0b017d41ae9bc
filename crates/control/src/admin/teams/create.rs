//! Makes a team.

use super::Team;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Body;
use crate::text;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::Name;
use portcullis_model::team::TeamOrigin;
use serde::Deserialize;

/// A team to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// The tenant that it belongs to: id or name.
    pub tenant: String,
    /// Its name, unique within the tenant in upper and lower case alike; without `/`.
    pub name: Name,
    /// For people to read.
    pub display_name: Option<String>,
    /// The team that it is a part of: id or name.
    pub parent: Option<String>,
    /// The id that whoever feeds the directory knows it by; unique within the tenant.
    pub external_id: Option<String>,
}

/// Make a team
#[utoipa::path(post, path = "/admin/v1/teams", operation_id = "create_team", tag = "teams", request_body = NewTeam, responses((status = 200, body = Team)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(new): Body<NewTeam>,
) -> Answer<Team> {
    let tenant = tenants::seen(&control, &caller, &new.tenant).await?;
    text::optional_line("display_name", new.display_name.as_deref())?;
    text::optional_line("external_id", new.external_id.as_deref())?;
    let parent = match &new.parent {
        Some(reference) => Some(super::named(&control, tenant.id, reference).await?.id),
        None => None,
    };
    let team = directory::NewTeam {
        tenant: tenant.id,
        name: new.name,
        display_name: new.display_name,
        parent,
        external_id: new.external_id,
        origin: TeamOrigin::Api,
    };
    let team = control.directory().create_team(caller.actor(), team).await?;
    super::shown(&control, team).await
}
