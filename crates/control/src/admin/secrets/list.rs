//! Lists names of stored secrets.

use super::StoredSecret;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use serde::{Deserialize, Serialize};

/// Which secrets.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Secrets {
    /// The last name of the page before.
    pub after: Option<String>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// A page of names.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SecretPage {
    /// The entries, by name.
    pub items: Vec<StoredSecret>,
    /// Pass as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// List names of stored secrets
#[utoipa::path(get, path = "/admin/v1/secrets", operation_id = "list_secrets", tag = "secrets", params(Secrets), responses((status = 200, body = SecretPage)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Secrets>,
) -> Answer<SecretPage> {
    caller.whole()?;
    let limit = page::limit(query.limit)? as usize;
    let mut entries = entity::secrets::list(control.store(), query.after.as_deref()).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = if more { entries.last().map(|entry| entry.name.clone()) } else { None };
    let items = entries.into_iter().map(|entry| StoredSecret {
        name: entry.name,
        updated_at: Some(entry.updated_at.rfc3339()),
        updated_by: Some(entry.updated_by),
    });
    Ok(Json(SecretPage { items: items.collect(), next }))
}
