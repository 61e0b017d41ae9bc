//! Lists API keys, without secrets.

use super::ApiKey;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_model::{ApplicationId, UserId};
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which keys.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeys {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// Of this application.
    #[param(value_type = Option<String>)]
    pub application: Option<ApplicationId>,
    /// Pinned to this user.
    #[param(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List API keys, by creation
#[utoipa::path(get, path = "/admin/v1/api-keys", operation_id = "list_api_keys", tag = "api keys", params(ApiKeys), responses((status = 200, body = Page<ApiKey>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<ApiKeys>,
) -> Answer<Page<ApiKey>> {
    let limit = page::limit(query.limit)?;
    let tenant = tenants::scope(&control, &caller, query.tenant.as_deref()).await?;
    let filter = entity::api_keys::Filter { tenant, application: query.application, user: query.user };
    let entries = entity::api_keys::list(control.store(), &filter, page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |key| key.id.0, ApiKey::from)))
}
