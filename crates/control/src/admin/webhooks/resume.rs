//! Lets a webhook go on.

use super::WebhookStatus;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::extract::State;
use portcullis_store::entity::sinks::{self, State as Standing};
use serde_json::json;

/// Let a webhook go on where it stopped
///
/// Also one that is disabled because its receiver answered with status 410.
#[utoipa::path(post, path = "/admin/v1/webhooks/{name}/resume", operation_id = "resume_webhook", tag = "webhooks", params(("name" = String, Path)), responses((status = 200, body = WebhookStatus)))]
pub async fn resume(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<WebhookStatus> {
    caller.whole()?;
    super::known(&control, &name).await?;
    let mut tx = control.store().begin().await?;
    sinks::set_state(&mut tx, &name, Standing::Active, None).await?;
    tx.commit().await?;
    control.note(&caller, None, "webhook.resume", name.clone(), json!({ "state": "active" })).await?;
    control.sinks().hurry();
    super::now(&control, &name).await
}
