//! Teams: nested groups of a tenant's users.

mod change;
mod create;
mod delete;
mod list;
mod members;
mod show;

use crate::Control;
use crate::answer::{Answer, Refused, absent};
use crate::caller::Caller;
use axum::Json;
use portcullis_model as model;
use portcullis_model::team::TeamOrigin;
use portcullis_model::{Name, TeamId, TenantId};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A team. Whoever is in it is in all the teams above it as well.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its name, unique within the tenant in upper and lower case alike; upstreams see it in `X-User-Teams`.
    pub name: Name,
    /// For people to read.
    pub display_name: Option<String>,
    /// The team that it is a part of.
    pub parent: Option<TeamId>,
    /// The id that whoever feeds the directory knows it by.
    pub external_id: Option<String>,
    /// Who made it.
    pub origin: TeamOrigin,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339); who is in it does not count.
    pub updated_at: String,
    /// The names from the top to it, as `platform/dev`; only when one team is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many users are in it by themselves, and not through a team below it; only when one team is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
}

impl From<model::Team> for Team {
    fn from(team: model::Team) -> Self {
        Self {
            id: team.id,
            tenant: team.tenant,
            name: team.name,
            display_name: team.display_name,
            parent: team.parent,
            external_id: team.external_id,
            origin: team.origin,
            created_at: team.created_at.rfc3339(),
            updated_at: team.updated_at.rfc3339(),
            path: None,
            members: None,
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, change::change, delete::delete))
        .routes(routes!(members::list::list, members::add::add))
        .routes(routes!(members::remove::remove))
}

/// The team of this id, when the caller may see it.
async fn seen(control: &Control, caller: &Caller, id: TeamId) -> Result<model::Team, Refused> {
    let team = entity::teams::find(control.store(), id).await?.ok_or_else(|| absent("team"))?;
    caller.over(team.tenant, "team")?;
    Ok(team)
}

/// The tenant's team of this id or name.
async fn named(control: &Control, tenant: TenantId, reference: &str) -> Result<model::Team, Refused> {
    // A team cannot be named like a UUID, so the two spellings never meet.
    let found = match reference.parse::<TeamId>() {
        Ok(id) => entity::teams::find(control.store(), id).await?,
        Err(_) if Name::new(reference).is_ok() => {
            entity::teams::find_by_name(control.store(), tenant, reference).await?
        }
        Err(_) => None,
    };
    found.filter(|team| team.tenant == tenant).ok_or_else(|| absent("parent team"))
}

/// The answer for one team: with where it is, and how many are in it.
async fn shown(control: &Control, team: model::Team) -> Answer<Team> {
    let mut names = vec![team.name.to_string()];
    for above in entity::teams::above(control.store(), team.id).await? {
        names.extend(entity::teams::find(control.store(), above).await?.map(|team| team.name.to_string()));
    }
    names.reverse();
    let members = entity::memberships::count_by_team(control.store(), team.id).await?;
    let mut team = Team::from(team);
    team.path = Some(names.join("/"));
    team.members = Some(members);
    Ok(Json(team))
}
