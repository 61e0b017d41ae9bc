//! Webhooks and other sinks of events: how far each was told, what it could not be told, and what an operator does then.
//! Which there are is written in the configuration file.

mod list;
mod pause;
mod resume;
mod retry;
mod show;
mod test;

use crate::Control;
use crate::answer::{Refused, absent};
use crate::sinks::Sink;
use portcullis_model::Timestamp;
use portcullis_store::entity::dead_letters;
use portcullis_store::entity::sinks::{self, Progress};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A sink of events, and how far it was told.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookStatus {
    /// Its name in the configuration.
    pub name: String,
    /// `webhook` or `nats`; absent when it has left the configuration.
    pub kind: Option<String>,
    /// Where events are sent.
    pub target: Option<String>,
    /// `active`, `paused` (an operator wants it to wait), `disabled` (it answered with status 410), or `new`.
    pub state: String,
    /// Why it is not active.
    pub reason: Option<String>,
    /// Position in the log of the last event that was delivered, passed over or set aside.
    pub position: i64,
    /// Events behind that position, those included that it is not told of; 10001 stands for more.
    pub waiting: u64,
    /// Attempts that failed since the last that did not.
    pub failures: u32,
    /// Since when it fails (RFC 3339).
    pub failing_since: Option<String>,
    /// When it is tried again, unless that is now (RFC 3339).
    pub next_at: Option<String>,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// When that was (RFC 3339).
    pub last_error_at: Option<String>,
    /// When something was last delivered (RFC 3339).
    pub delivered_at: Option<String>,
    /// Events that were set aside; `retry` delivers them.
    pub dead_letters: u64,
    /// Events that were forgotten before it could be told: it waited for more than 7 days.
    pub missed: u64,
}

/// An event that could not be delivered for too long.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// The event's position in the log.
    pub position: i64,
    /// The event's type, as `user.suspended`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened (RFC 3339).
    pub happened_at: String,
    /// Why it could not be delivered.
    pub error: String,
    /// When it was set aside, or last tried again (RFC 3339).
    pub at: String,
    /// Whether it is tried again now.
    pub again: bool,
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(test::test))
        .routes(routes!(retry::retry))
        .routes(routes!(pause::pause))
        .routes(routes!(resume::resume))
}

/// The sink of this name, as far as it is configured or was told something.
async fn seen(control: &Control, name: &str) -> Result<(Option<Arc<dyn Sink>>, Option<Progress>), Refused> {
    let found = (control.sinks().find(name), sinks::find(control.store(), name).await?);
    if found.0.is_none() && found.1.is_none() { Err(absent("webhook")) } else { Ok(found) }
}

/// Makes the sink known to the store, so that something can be written of it.
async fn known(control: &Control, name: &str) -> Result<(), Refused> {
    let (_, progress) = seen(control, name).await?;
    if progress.is_none() {
        let mut tx = control.store().begin().await?;
        sinks::ensure(&mut tx, name).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn shown(
    control: &Control,
    name: &str,
    sink: Option<&dyn Sink>,
    progress: Option<Progress>,
) -> Result<WebhookStatus, Refused> {
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    let mut status = WebhookStatus {
        name: name.to_owned(),
        kind: sink.map(|sink| sink.kind().to_owned()),
        target: sink.map(Sink::target),
        state: "new".to_owned(),
        reason: None,
        position: 0,
        waiting: 0,
        failures: 0,
        failing_since: None,
        next_at: None,
        last_error: None,
        last_error_at: None,
        delivered_at: None,
        dead_letters: 0,
        missed: 0,
    };
    if let Some(progress) = progress {
        status.waiting = sinks::waiting(control.store(), progress.position).await?;
        status.dead_letters = dead_letters::count(control.store(), name).await?;
        status.state = progress.state.as_str().to_owned();
        status.reason = progress.reason;
        status.position = progress.position;
        status.failures = progress.failures;
        status.failing_since = time(progress.failing_since);
        status.next_at = time(Some(progress.next_at).filter(|at| *at > control.clock().now()));
        status.last_error = progress.last_error;
        status.last_error_at = time(progress.last_error_at);
        status.delivered_at = time(progress.delivered_at);
        status.missed = progress.missed;
    }
    Ok(status)
}

/// The answer after something was done to the sink.
async fn now(control: &Control, name: &str) -> Result<axum::Json<WebhookStatus>, Refused> {
    let (sink, progress) = seen(control, name).await?;
    shown(control, name, sink.as_deref(), progress).await.map(axum::Json)
}
