//! Deletes a user: a tombstone stays, and its subjects never resolve to anybody again.

use super::{Reason, User};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Path, Query};
use crate::text;
use axum::extract::State;
use portcullis_model::UserId;

/// Delete a user, leaving a tombstone
#[utoipa::path(delete, path = "/admin/v1/users/{user}", operation_id = "delete_user", tag = "users", params(("user" = UserId, Path), Reason), responses((status = 200, body = User)))]
pub async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Query(why): Query<Reason>,
) -> Answer<User> {
    super::seen(&control, &caller, id).await?;
    text::optional_line("reason", why.reason.as_deref())?;
    let user = control.directory().delete(caller.actor(), id, why.reason).await?;
    super::shown(&control, user).await
}
