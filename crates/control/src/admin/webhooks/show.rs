//! Shows a webhook.

use super::{DeadLetter, WebhookStatus};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity::dead_letters;
use serde::Serialize;

/// Dead letters that are shown.
const SHOWN: u32 = 100;

/// A webhook with what could not be delivered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Webhook {
    /// How far it was told.
    pub status: WebhookStatus,
    /// Its oldest dead letters, at most 100.
    pub dead_letters: Vec<DeadLetter>,
}

/// Show a webhook, with the events that could not be delivered
#[utoipa::path(get, path = "/admin/v1/webhooks/{name}", operation_id = "show_webhook", tag = "webhooks", params(("name" = String, Path)), responses((status = 200, body = Webhook)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Webhook> {
    caller.whole()?;
    let (sink, progress) = super::seen(&control, &name).await?;
    let status = super::shown(&control, &name, sink.as_deref(), progress).await?;
    let letters = dead_letters::list(control.store(), &name, SHOWN).await?;
    let dead_letters = letters.into_iter().map(|letter| DeadLetter {
        id: letter.id,
        position: letter.event.position,
        kind: letter.event.change.kind(),
        happened_at: letter.event.at.rfc3339(),
        error: letter.error,
        at: letter.at.rfc3339(),
        again: letter.again,
    });
    Ok(Json(Webhook { status, dead_letters: dead_letters.collect() }))
}
