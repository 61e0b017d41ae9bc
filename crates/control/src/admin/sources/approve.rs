//! Approves what a synchronisation did not do by itself.

use super::Source;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;

/// Let the next run of a source delete as many users as wait for approval
///
/// The run reads everybody again, and deletes no more than were waiting when this was approved.
#[utoipa::path(post, path = "/admin/v1/sources/{source}/approve", operation_id = "approve_source", tag = "sources", params(("source" = String, Path, description = "name")), responses((status = 200, body = Source)))]
pub async fn approve(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Source> {
    let (source, tenant) = super::seen(&control, &caller, &name).await?;
    let state = control.directory().approve_sync(caller.actor(), &source.name, tenant.id).await?;
    Ok(Json(Source::of(&source, tenant.id, Some(state), control.clock().now())))
}
