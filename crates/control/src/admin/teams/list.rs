//! Lists teams.

use super::Team;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_model::TeamId;
use portcullis_model::team::TeamOrigin;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which teams. Filters that are given must all match, exactly.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Teams {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// Directly below this team.
    pub parent: Option<TeamId>,
    /// With this name.
    pub name: Option<String>,
    /// With this external id.
    pub external_id: Option<String>,
    /// Made by these.
    pub origin: Option<TeamOrigin>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List teams, by creation
#[utoipa::path(get, path = "/admin/v1/teams", operation_id = "list_teams", tag = "teams", params(Teams), responses((status = 200, body = Page<Team>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Teams>,
) -> Answer<Page<Team>> {
    let limit = page::limit(query.limit)?;
    let filter = entity::teams::Filter {
        tenant: tenants::scope(&control, &caller, query.tenant.as_deref()).await?,
        parent: query.parent,
        origin: query.origin,
        name: query.name,
        display_name: None,
        external_id: query.external_id,
    };
    let entries = entity::teams::list(control.store(), &filter, page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |team| team.id.0, Team::from)))
}
