//! Shows a tenant.

use super::Tenant;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;

/// Show a tenant
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}", operation_id = "show_tenant", tag = "tenants", params(("tenant" = String, Path, description = "id or name")), responses((status = 200, body = Tenant)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Answer<Tenant> {
    Ok(Json(super::seen(&control, &caller, &reference).await?.into()))
}
