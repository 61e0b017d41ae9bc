//! Lists revocations.

use super::Revocation;
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

/// Which revocations.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Revocations {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List revocations that are in force, oldest first
#[utoipa::path(get, path = "/admin/v1/revocations", operation_id = "list_revocations", tag = "revocations", params(Revocations), responses((status = 200, body = Page<Revocation>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Revocations>,
) -> Answer<Page<Revocation>> {
    let limit = page::limit(query.limit)?;
    let tenant = tenants::scope(&control, &caller, query.tenant.as_deref()).await?;
    let filter = entity::revocations::Filter { tenant, at: Some(control.clock().now()) };
    let entries =
        entity::revocations::list(control.store(), &filter, page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |entry| entry.id, Revocation::from)))
}
