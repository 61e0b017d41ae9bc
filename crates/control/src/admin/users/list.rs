//! Lists users.

use super::User;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_model::UserStatus;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which users. Filters that are given must all match, exactly.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Users {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// With this status.
    pub status: Option<UserStatus>,
    /// With this user name.
    pub username: Option<String>,
    /// With this external id.
    pub external_id: Option<String>,
    /// With this e-mail address.
    pub email: Option<String>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List users, by creation
#[utoipa::path(get, path = "/admin/v1/users", operation_id = "list_users", tag = "users", params(Users), responses((status = 200, body = Page<User>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Users>,
) -> Answer<Page<User>> {
    let limit = page::limit(query.limit)?;
    let filter = entity::users::Filter {
        tenant: tenants::scope(&control, &caller, query.tenant.as_deref()).await?,
        status: query.status,
        username: query.username,
        external_id: query.external_id,
        email: query.email,
        merged_into: None,
    };
    let entries = entity::users::list(control.store(), &filter, page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |user| user.id.0, User::from)))
}
