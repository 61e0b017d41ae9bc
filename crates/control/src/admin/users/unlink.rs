//! Takes a subject from a user.

use super::User;
use super::create::NewIdentity;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Path, Query};
use axum::extract::State;
use portcullis_model::UserId;

/// Take a subject from the user; whoever comes with it is unknown from then on
#[utoipa::path(delete, path = "/admin/v1/users/{user}/identities", operation_id = "unlink_identity", tag = "users", params(("user" = UserId, Path), NewIdentity), responses((status = 200, body = User)))]
pub async fn unlink(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Query(identity): Query<NewIdentity>,
) -> Answer<User> {
    let user = super::seen(&control, &caller, id).await?;
    control.directory().unlink_identity(caller.actor(), id, &identity.issuer, &identity.subject).await?;
    super::shown(&control, user).await
}
