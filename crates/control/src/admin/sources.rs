//! User sources: how their synchronisation stands, and whether they can be reached.

mod approve;
mod list;
mod show;
mod sync;
mod test;

use crate::Control;
use crate::answer::{Refused, absent};
use crate::caller::Caller;
use crate::jobs::sync::lag;
use portcullis_model as model;
use portcullis_model::sync::{SyncAsked, SyncFailure, SyncOutcome, SyncReport, SyncWaiting};
use portcullis_model::{Name, Tenant, TenantId, Timestamp};
use portcullis_store::entity;
use portcullis_store::entity::syncs::Sync;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A user source.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Source {
    /// Its name in the configuration.
    pub name: Name,
    /// The tenant whose users its people are.
    pub tenant: TenantId,
    /// `sql`, `http` or `ldap`.
    pub kind: String,
    /// Whether it is synchronised by itself.
    pub synchronised: bool,
    /// Whether a node is at it.
    pub running: bool,
    /// What an operator asked for that has not begun.
    pub asked: Option<SyncAsked>,
    /// How old what is known of the source is, in seconds; absent before the first run that ended well.
    pub lag_seconds: Option<u64>,
    /// When the last run began that ended well (RFC 3339).
    pub succeeded_at: Option<String>,
    /// When the last run began that read everybody and ended well (RFC 3339).
    pub full_at: Option<String>,
    /// The last run that ended.
    pub last: Option<Run>,
    /// More people are gone than a run may delete: an operator decides.
    pub waiting: Option<Waiting>,
}

/// A run of a synchronisation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Run {
    /// Its number.
    pub run: i64,
    /// Whether everybody was read, or only what had changed.
    pub full: bool,
    /// When it began (RFC 3339).
    pub began_at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How it ended.
    pub outcome: SyncOutcome,
    /// Why it did not go on to its end.
    pub stopped: Option<String>,
    /// People that the source showed.
    pub seen: u64,
    /// Users who are new.
    pub created: u64,
    /// Users who were changed.
    pub changed: u64,
    /// Users who were as the source says already.
    pub unchanged: u64,
    /// Users who are deleted or merged here, and stay so.
    pub gone: u64,
    /// Users who were deleted.
    pub deleted: u64,
    /// People who could not be taken.
    pub failed: u64,
    /// Who, and why; the first 20.
    pub failures: Vec<SyncFailure>,
}

/// What waits for approval.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Waiting {
    /// Since when (RFC 3339).
    pub since: String,
    /// How many users would be deleted.
    pub gone: u64,
    /// Of how many of this source.
    pub of: u64,
    /// How many a run may delete.
    pub allowed: u64,
}

impl From<SyncReport> for Run {
    fn from(report: SyncReport) -> Self {
        let took = report.ended_at.since(report.began_at).as_millis();
        Self {
            run: report.run,
            full: report.full,
            began_at: report.began_at.rfc3339(),
            took_ms: u64::try_from(took).unwrap_or(u64::MAX),
            outcome: report.outcome,
            stopped: report.stopped,
            seen: report.seen,
            created: report.created,
            changed: report.changed,
            unchanged: report.unchanged,
            gone: report.gone,
            deleted: report.deleted,
            failed: report.failed,
            failures: report.failures,
        }
    }
}

impl From<SyncWaiting> for Waiting {
    fn from(waiting: SyncWaiting) -> Self {
        let SyncWaiting { since, gone, of, allowed, .. } = waiting;
        Self { since: since.rfc3339(), gone, of, allowed }
    }
}

impl Source {
    fn of(source: &model::Source, tenant: TenantId, state: Option<Sync>, now: Timestamp) -> Self {
        let held = state.as_ref().and_then(|state| state.holder.as_ref());
        Self {
            name: source.name.clone(),
            tenant,
            kind: source.kind().unwrap_or("none").to_owned(),
            synchronised: source.sync.is_some(),
            running: held.is_some_and(|(_, until)| *until > now),
            asked: state.as_ref().and_then(|state| state.asked),
            lag_seconds: state.as_ref().and_then(|state| lag(state, now)),
            succeeded_at: state.as_ref().and_then(|state| state.succeeded_at).map(Timestamp::rfc3339),
            full_at: state.as_ref().and_then(|state| state.full_at).map(Timestamp::rfc3339),
            last: state.as_ref().and_then(|state| state.last.clone()).map(Run::from),
            waiting: state.and_then(|state| state.waiting).map(Waiting::from),
        }
    }
}

/// The configured source of this name, and its tenant, when the caller may see it.
async fn seen(control: &Control, caller: &Caller, name: &str) -> Result<(model::Source, Tenant), Refused> {
    let config = control.publisher().config();
    let source = config.sources.iter().find(|source| source.name.as_str() == name);
    let source = source.ok_or_else(|| absent("source"))?.clone();
    let tenant = entity::tenants::find_by_name(control.store(), source.tenant.as_str()).await?;
    let tenant = tenant.ok_or_else(|| absent("source"))?;
    caller.over(tenant.id, "source")?;
    Ok((source, tenant))
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(sync::sync))
        .routes(routes!(approve::approve))
        .routes(routes!(test::test))
}
