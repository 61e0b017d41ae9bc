//! Users: the records behind `sub`, and their life cycle.

mod approve;
mod change;
mod create;
mod delete;
mod history;
mod import;
mod link;
mod list;
mod merge;
mod near;
mod restore;
mod show;
mod suspend;
mod unlink;

use crate::Control;
use crate::answer::{Answer, Refused, absent};
use crate::caller::Caller;
use axum::Json;
use portcullis_model as model;
use portcullis_model::{Name, TeamId, TenantId, UserId, UserStatus};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A user.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Its id; upstreams see it as `X-User-Id`.
    pub id: UserId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Where it stands.
    pub status: UserStatus,
    /// The id that the company's own systems know it by.
    pub external_id: Option<String>,
    /// Log-in name.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether somebody verified the address.
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<String>,
    /// Role names.
    pub roles: Vec<String>,
    /// Anything else.
    pub attributes: BTreeMap<String, String>,
    /// The survivor, when merged.
    pub merged_into: Option<UserId>,
    /// When the status last changed (RFC 3339).
    pub status_changed_at: String,
    /// Who changed it.
    pub status_changed_by: String,
    /// The reason that was given.
    pub status_reason: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339).
    pub updated_at: String,
    /// The subjects that resolve to it; only when one user is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Vec<Identity>>,
    /// The teams that it is in, and all those above them, by the directory; only when one user is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<UserTeam>>,
}

/// A team that a user is in.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserTeam {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: Name,
    /// The team that it is a part of.
    pub parent: Option<TeamId>,
    /// Whether the user is in it by itself, and not only through a team below it.
    pub direct: bool,
}

/// A subject that resolves to a user.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Identity {
    /// The issuer's name in the configuration.
    pub issuer: Name,
    /// The claim's value, byte for byte.
    pub subject: String,
    /// When it was linked (RFC 3339).
    pub linked_at: String,
}

impl From<model::User> for User {
    fn from(user: model::User) -> Self {
        Self {
            id: user.id,
            tenant: user.tenant,
            status: user.status,
            external_id: user.external_id,
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            display_name: user.display_name,
            roles: user.roles,
            attributes: user.attributes,
            merged_into: user.merged_into,
            status_changed_at: user.status_changed_at.rfc3339(),
            status_changed_by: user.status_changed_by,
            status_reason: user.status_reason,
            created_at: user.created_at.rfc3339(),
            updated_at: user.updated_at.rfc3339(),
            identities: None,
            teams: None,
        }
    }
}

impl From<model::Identity> for Identity {
    fn from(identity: model::Identity) -> Self {
        Self { issuer: identity.issuer, subject: identity.subject, linked_at: identity.linked_at.rfc3339() }
    }
}

/// Why a user's status is changed; kept with the user and in the audit log.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Reason {
    /// One line.
    pub reason: Option<String>,
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(near::near))
        .routes(routes!(import::import))
        .routes(routes!(show::show, change::change, delete::delete))
        .routes(routes!(history::history))
        .routes(routes!(suspend::suspend))
        .routes(routes!(restore::restore))
        .routes(routes!(approve::approve))
        .routes(routes!(merge::merge))
        .routes(routes!(link::link, unlink::unlink))
}

/// The user of this id, when the caller may see it.
pub async fn seen(control: &Control, caller: &Caller, id: UserId) -> Result<model::User, Refused> {
    let user = entity::users::find(control.store(), id).await?.ok_or_else(|| absent("user"))?;
    caller.over(user.tenant, "user")?;
    Ok(user)
}

/// The answer for one user: with its identities and teams.
async fn shown(control: &Control, user: model::User) -> Answer<User> {
    let identities = entity::identities::list_by_user(control.store(), user.id).await?;
    let teams = entity::teams::list_by_user(control.store(), user.id).await?;
    let mut user = User::from(user);
    let team = |(team, direct): (model::Team, bool)| UserTeam {
        id: team.id,
        name: team.name,
        parent: team.parent,
        direct,
    };
    user.teams = Some(teams.into_iter().map(team).collect());
    user.identities = Some(identities.into_iter().map(Identity::from).collect());
    Ok(Json(user))
}
