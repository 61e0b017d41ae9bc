//! Shows a user source.

use super::Source;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity::syncs;

/// Show a user source, with how its synchronisation stands
#[utoipa::path(get, path = "/admin/v1/sources/{source}", operation_id = "show_source", tag = "sources", params(("source" = String, Path, description = "name")), responses((status = 200, body = Source)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Source> {
    let (source, tenant) = super::seen(&control, &caller, &name).await?;
    let state = syncs::find(control.store(), &source.name).await?;
    Ok(Json(Source::of(&source, tenant.id, state, control.clock().now())))
}
