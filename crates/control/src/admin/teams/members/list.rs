//! Lists a team's members.

use super::{Member, member};
use crate::Control;
use crate::admin::teams;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Path, Query};
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_model::team::MembershipSource;
use portcullis_model::{TeamId, UserId};
use portcullis_store::entity;
use serde::Deserialize;

/// Which members.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Members {
    /// Only those of whom this source says so.
    pub source: Option<MembershipSource>,
    /// The last user of the page before.
    pub after: Option<UserId>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List who is in a team by themselves, by the users' creation
#[utoipa::path(get, path = "/admin/v1/teams/{team}/members", operation_id = "list_team_members", tag = "teams", params(("team" = TeamId, Path), Members), responses((status = 200, body = Page<Member>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Query(query): Query<Members>,
) -> Answer<Page<Member>> {
    let team = teams::seen(&control, &caller, id).await?;
    let limit = page::limit(query.limit)?;
    let store = control.store();
    let all = entity::memberships::list_by_team(store, team.id, query.source, query.after, limit + 1).await?;
    let mut members = Vec::new();
    for of_one in all.chunk_by(|a, b| a.user == b.user) {
        let user = entity::users::find(store, of_one[0].user).await?;
        members.extend(user.and_then(|user| member(user, of_one)));
    }
    Ok(Json(Page::of(members, limit, |member| member.user.0, |member| member)))
}
