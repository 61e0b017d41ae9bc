//! Asks for a synchronisation.

use super::Source;
use crate::Control;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::{Body, Path};
use axum::Json;
use axum::extract::State;
use portcullis_model::sync::SyncAsked;
use serde::Deserialize;

/// What is asked for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Read everybody, and find who is gone; otherwise only what has changed.
    #[serde(default)]
    pub full: bool,
}

/// Synchronise a user source, as soon as a node can
#[utoipa::path(post, path = "/admin/v1/sources/{source}/sync", operation_id = "sync_source", tag = "sources", params(("source" = String, Path, description = "name")), request_body = Asked, responses((status = 200, body = Source)))]
pub async fn sync(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<Asked>,
) -> Answer<Source> {
    let (source, tenant) = super::seen(&control, &caller, &name).await?;
    if source.http.is_some() {
        return Err(invalid("an HTTP source cannot list its people, and so is not synchronised"));
    }
    let asked = if body.full { SyncAsked::Full } else { SyncAsked::Changes };
    let state = control.directory().ask_for_sync(caller.actor(), &source.name, tenant.id, asked).await?;
    Ok(Json(Source::of(&source, tenant.id, Some(state), control.clock().now())))
}
