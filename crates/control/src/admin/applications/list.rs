//! Lists applications.

use super::Application;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which applications.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Applications {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// With this name.
    pub name: Option<String>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List applications, by creation
#[utoipa::path(get, path = "/admin/v1/applications", operation_id = "list_applications", tag = "applications", params(Applications), responses((status = 200, body = Page<Application>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Applications>,
) -> Answer<Page<Application>> {
    let limit = page::limit(query.limit)?;
    let tenant = tenants::scope(&control, &caller, query.tenant.as_deref()).await?;
    let asked = page::asked(query.after, limit);
    let entries = match (tenant, &query.name) {
        (tenant, None) => entity::applications::list(control.store(), tenant, asked).await?,
        (None, Some(name)) => entity::applications::list_by_name(control.store(), name, asked).await?,
        (Some(tenant), Some(name)) => {
            let found = entity::applications::find_by_name(control.store(), tenant, name).await?;
            found
                .into_iter()
                .filter(|application| query.after.is_none_or(|after| application.id.0 > after))
                .collect()
        }
    };
    Ok(Json(Page::of(entries, limit, |application| application.id.0, Application::from)))
}
