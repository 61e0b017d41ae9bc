//! Enables a tenant.

use super::Tenant;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;

/// Serve a tenant's calls again
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/enable", operation_id = "enable_tenant", tag = "tenants", params(("tenant" = String, Path, description = "id or name")), responses((status = 200, body = Tenant)))]
pub async fn enable(
    State(control): State<Control>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Answer<Tenant> {
    let tenant = super::seen(&control, &caller, &reference).await?;
    caller.whole()?;
    control.refuse_if_owned_by_file(&tenant)?;
    let tenant = control.directory().set_tenant_disabled(caller.actor(), tenant.id, false).await?;
    Ok(Json(tenant.into()))
}
