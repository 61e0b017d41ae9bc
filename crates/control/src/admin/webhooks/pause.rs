//! Has a webhook wait.

use super::WebhookStatus;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::extract::State;
use portcullis_store::entity::sinks::{self, State as Standing};
use serde_json::json;

/// Have a webhook wait
///
/// What happens meanwhile is delivered after `resume`, as far as events are kept: 7 days.
#[utoipa::path(post, path = "/admin/v1/webhooks/{name}/pause", operation_id = "pause_webhook", tag = "webhooks", params(("name" = String, Path)), responses((status = 200, body = WebhookStatus)))]
pub async fn pause(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<WebhookStatus> {
    caller.whole()?;
    super::known(&control, &name).await?;
    let reason = format!("paused by {}", caller.actor().name);
    let mut tx = control.store().begin().await?;
    sinks::set_state(&mut tx, &name, Standing::Paused, Some(&reason)).await?;
    tx.commit().await?;
    control.note(&caller, None, "webhook.pause", name.clone(), json!({ "state": "paused" })).await?;
    control.sinks().hurry();
    super::now(&control, &name).await
}
