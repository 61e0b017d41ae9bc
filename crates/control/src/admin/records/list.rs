//! Searches the records.

use super::Record;
use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_fault::Code;
use portcullis_model::record::Outcome;
use portcullis_model::{ApplicationId, UserId};
use portcullis_store::entity;
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

/// Which records. Filters that are given must all match.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Records {
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
    /// By this user.
    #[param(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// By this application.
    #[param(value_type = Option<String>)]
    pub application: Option<ApplicationId>,
    /// Of this service; AI routes are `ai`.
    pub service: Option<String>,
    /// For this model.
    pub model: Option<String>,
    /// With this (true) code.
    pub code: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// From this time on (RFC 3339).
    pub from: Option<String>,
    /// Before this time (RFC 3339).
    pub to: Option<String>,
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// How long the database may be behind what was recorded, and is waited for.
const BEHIND: Duration = Duration::from_secs(2);

/// List records, newest first, without captured bodies
///
/// Calls that this node has answered by now are in it, unless the database is more than two seconds behind; those that other
/// nodes have answered may come a moment later.
#[utoipa::path(get, path = "/admin/v1/records", operation_id = "list_records", tag = "records", params(Records), responses((status = 200, body = Page<Record>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Records>,
) -> Answer<Page<Record>> {
    let limit = page::limit(query.limit)?;
    // Later pages go on from records that are there. Who has others waiting is told at once what is there by now.
    if query.after.is_none()
        && let Some(stored) = control.stored()
        && let Some(_waits) = control.patience(&caller)
    {
        stored.catch_up(BEHIND).await;
    }
    if let Some(code) = query.code.as_deref().filter(|code| Code::find(code).is_none()) {
        return Err(invalid(format!("query: `code`: no code is called `{code}`; `/errors` lists all")));
    }
    let filter = entity::records::Filter {
        tenant: tenants::scope(&control, &caller, query.tenant.as_deref()).await?,
        user: query.user,
        application: query.application,
        service: query.service,
        model: query.model,
        code: query.code,
        outcome: query.outcome,
        since: text::optional_time("from", query.from.as_deref())?,
        until: text::optional_time("to", query.to.as_deref())?,
        ..Default::default()
    };
    let entries = entity::records::search(control.store(), &filter, page::asked(query.after, limit)).await?;
    let brief = |record| Record { capture: None, ..Record::from(record) };
    Ok(Json(Page::of(entries, limit, |record| record.id.0, brief)))
}
