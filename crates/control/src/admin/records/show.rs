//! Shows a record whole.

use super::Record;
use crate::Control;
use crate::answer::{Answer, Refused, absent};
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::RequestId;
use portcullis_store::entity;

/// Show a record, captured bodies included
#[utoipa::path(get, path = "/admin/v1/records/{record}", operation_id = "show_record", tag = "records", params(("record" = RequestId, Path)), responses((status = 200, body = Record)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Answer<Record> {
    // Who has others waiting is told at once what is there by now.
    let record = match control.patience(&caller) {
        Some(_waits) => entity::records::find_soon(control.store(), id, control.clock().now()).await?,
        None => entity::records::find(control.store(), id).await?,
    };
    let record = record.ok_or_else(|| absent("record"))?;
    match record.tenant {
        Some(tenant) => caller.over(tenant, "record")?,
        // Nobody was recognised: such a call belongs to no tenant, and so to no tenant administrator.
        None => caller.whole().map_err(|_| -> Refused { absent("record") })?,
    }
    Ok(Json(record.into()))
}
