//! Changes which models a tenant may use.

use super::{Tenant, create};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path, Query};
use crate::known::{Ahead, Known};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

/// What to change.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantChange {
    /// The models granted from now on, and no others; `*` grants all.
    pub models: Vec<String>,
}

/// Change a tenant's granted models
///
/// Granting models is the operator's: a tenant administrator cannot widen its own grant.
#[utoipa::path(patch, path = "/admin/v1/tenants/{tenant}", operation_id = "change_tenant", tag = "tenants", params(("tenant" = String, Path, description = "id or name"), Ahead), request_body = TenantChange, responses((status = 200, body = Tenant)))]
pub async fn change(
    State(control): State<Control>,
    caller: Caller,
    Path(reference): Path<String>,
    Query(ahead): Query<Ahead>,
    Body(change): Body<TenantChange>,
) -> Answer<Tenant> {
    let tenant = super::seen(&control, &caller, &reference).await?;
    caller.whole()?;
    control.refuse_if_owned_by_file(&tenant)?;
    create::well_formed(&change.models)?;
    // What is granted stays so, though no configuration has it any more.
    let added: Vec<String> =
        change.models.iter().filter(|model| !tenant.models.contains(model)).cloned().collect();
    Known::everywhere(&control, ahead).models("models", &added)?;
    let tenant = control.directory().change_tenant_models(caller.actor(), tenant.id, change.models).await?;
    Ok(Json(tenant.into()))
}
