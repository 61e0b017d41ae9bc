//! Searches the audit log.

use super::Entry;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which entries. Filters that are given must all match, exactly.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Entries {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this kind, as `user.suspend`.
    pub action: Option<String>,
    /// Of this target.
    pub target: Option<String>,
    /// From this time on (RFC 3339).
    pub from: Option<String>,
    /// Before this time (RFC 3339).
    pub to: Option<String>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List the audit log, newest first
#[utoipa::path(get, path = "/admin/v1/audit", operation_id = "list_audit", tag = "audit", params(Entries), responses((status = 200, body = Page<Entry>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Entries>,
) -> Answer<Page<Entry>> {
    let limit = page::limit(query.limit)?;
    let filter = entity::audit::Filter {
        tenant: tenants::scope(&control, &caller, query.tenant.as_deref()).await?,
        actor: query.actor,
        action: query.action,
        target: query.target,
        since: text::optional_time("from", query.from.as_deref())?,
        until: text::optional_time("to", query.to.as_deref())?,
    };
    let entries = entity::audit::list(control.store(), &filter, page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |entry| entry.id.0, Entry::from)))
}
