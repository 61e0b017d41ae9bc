//! Suspends a user: its calls are refused and its running streams cut within a second.

use super::{Reason, User};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::extract::State;
use portcullis_model::UserId;

/// Suspend a user
#[utoipa::path(post, path = "/admin/v1/users/{user}/suspend", operation_id = "suspend_user", tag = "users", params(("user" = UserId, Path)), request_body = Reason, responses((status = 200, body = User)))]
pub async fn suspend(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(why): Body<Reason>,
) -> Answer<User> {
    super::seen(&control, &caller, id).await?;
    text::optional_line("reason", why.reason.as_deref())?;
    let user = control.directory().suspend(caller.actor(), id, why.reason).await?;
    super::shown(&control, user).await
}
