//! Lists operators, without secrets.

use super::Operator;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use crate::page::{self, Page};
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use serde::Deserialize;
use uuid::Uuid;

/// Which operators.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Operators {
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// Entries at most, 1 to 500; default 100.
    pub limit: Option<u32>,
}

/// List operators, by creation
#[utoipa::path(get, path = "/admin/v1/operators", operation_id = "list_operators", tag = "operators", params(Operators), responses((status = 200, body = Page<Operator>)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Operators>,
) -> Answer<Page<Operator>> {
    caller.whole()?;
    let limit = page::limit(query.limit)?;
    let entries = entity::operators::list(control.store(), page::asked(query.after, limit)).await?;
    Ok(Json(Page::of(entries, limit, |operator| operator.id.0, Operator::from)))
}
