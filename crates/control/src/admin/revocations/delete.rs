//! Takes a revocation back.

use super::Revocation;
use crate::Control;
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use uuid::Uuid;

/// Take a revocation back
#[utoipa::path(delete, path = "/admin/v1/revocations/{revocation}", operation_id = "delete_revocation", tag = "revocations", params(("revocation" = Uuid, Path)), responses((status = 200, body = Revocation)))]
pub async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Answer<Revocation> {
    let entry = entity::revocations::find(control.store(), id).await?.ok_or_else(|| absent("revocation"))?;
    match entry.tenant {
        Some(tenant) => caller.over(tenant, "revocation")?,
        None => caller.whole().map_err(|_| absent("revocation"))?,
    }
    control.directory().lift_revocation(caller.actor(), id).await?;
    Ok(Json(entry.into()))
}
