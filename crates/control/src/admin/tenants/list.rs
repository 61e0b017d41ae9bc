//! Lists tenants.

use super::Tenant;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_model::TenantId;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which tenants.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Tenants {
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List tenants; a tenant administrator sees its own
#[utoipa::path(get, path = "/admin/v1/tenants", operation_id = "list_tenants", tag = "tenants", params(Tenants), responses((status = 200, body = Page<Tenant>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Tenants>,
) -> Answer<Page<Tenant>> {
    let limit = page::limit(query.limit)?;
    let entries = match caller.scope(None)? {
        Some(own) => entity::tenants::find(control.store(), own)
            .await?
            .into_iter()
            .filter(|tenant| query.after.is_none_or(|after| tenant.id > TenantId(after)))
            .collect(),
        None => entity::tenants::list(control.store(), page::asked(query.after, limit)).await?,
    };
    Ok(Json(Page::of(entries, limit, |tenant| tenant.id.0, Tenant::from)))
}
