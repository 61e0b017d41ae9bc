//! Lists webhooks and other sinks of events.

use super::WebhookStatus;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity::sinks;
use serde::Serialize;
use std::collections::BTreeMap;

/// All webhooks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Webhooks {
    /// The entries, by name; those that have left the configuration for less than 30 days included.
    pub items: Vec<WebhookStatus>,
}

/// List webhooks, and how far each was told
#[utoipa::path(get, path = "/admin/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks", responses((status = 200, body = Webhooks)))]
pub async fn list(State(control): State<Control>, caller: Caller) -> Answer<Webhooks> {
    caller.whole()?;
    let told = sinks::list(control.store()).await?;
    let mut all: BTreeMap<String, _> =
        told.into_iter().map(|progress| (progress.name.clone(), Some(progress))).collect();
    for sink in control.sinks().current().iter() {
        all.entry(sink.name().to_owned()).or_default();
    }
    let mut items = Vec::with_capacity(all.len());
    for (name, progress) in all {
        let sink = control.sinks().find(&name);
        items.push(super::shown(&control, &name, sink.as_deref(), progress).await?);
    }
    Ok(Json(Webhooks { items }))
}
