//! Revokes an operator credential.

use super::Operator;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::OperatorId;

/// Revoke an operator credential
#[utoipa::path(post, path = "/admin/v1/operators/{operator}/revoke", operation_id = "revoke_operator", tag = "operators", params(("operator" = OperatorId, Path)), responses((status = 200, body = Operator)))]
pub async fn revoke(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<OperatorId>,
) -> Answer<Operator> {
    caller.whole()?;
    Ok(Json(control.directory().revoke_operator(caller.actor(), id).await?.into()))
}
