//! Lifts a suspension, or takes a merge back.

use super::{Reason, User};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::extract::State;
use portcullis_model::UserId;

/// Restore a suspended user, or take a merge back: a merged user is what it was, with its identities
#[utoipa::path(post, path = "/admin/v1/users/{user}/restore", operation_id = "restore_user", tag = "users", params(("user" = UserId, Path)), request_body = Reason, responses((status = 200, body = User)))]
pub async fn restore(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(why): Body<Reason>,
) -> Answer<User> {
    super::seen(&control, &caller, id).await?;
    text::optional_line("reason", why.reason.as_deref())?;
    let user = control.directory().restore(caller.actor(), id, why.reason).await?;
    super::shown(&control, user).await
}
