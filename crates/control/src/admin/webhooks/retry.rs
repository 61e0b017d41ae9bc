//! Tries again what could not be delivered.

use super::WebhookStatus;
use crate::Control;
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::input::{Body, Path};
use axum::extract::State;
use portcullis_store::entity::{dead_letters, sinks};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// What to try again.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Again {
    /// One dead letter; all, when left out.
    pub dead_letter: Option<Uuid>,
}

/// Try again now: dead letters, and the event that is next
#[utoipa::path(post, path = "/admin/v1/webhooks/{name}/retry", operation_id = "retry_webhook", tag = "webhooks", params(("name" = String, Path)), request_body = Again, responses((status = 200, body = WebhookStatus)))]
pub async fn retry(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(again): Body<Again>,
) -> Answer<WebhookStatus> {
    caller.whole()?;
    super::known(&control, &name).await?;
    let mut tx = control.store().begin().await?;
    let letters = dead_letters::again(&mut tx, &name, again.dead_letter).await?;
    if letters == 0 && again.dead_letter.is_some() {
        tx.rollback().await?;
        return Err(absent("dead letter"));
    }
    sinks::hurry(&mut tx, &name).await?;
    tx.commit().await?;
    control.note(&caller, None, "webhook.retry", name.clone(), json!({ "dead_letters": letters })).await?;
    control.sinks().hurry();
    super::now(&control, &name).await
}
