//! Shows a user, with the subjects that resolve to it and its teams.

use super::User;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::extract::State;
use portcullis_model::UserId;

/// Show a user, with its identities and teams
#[utoipa::path(get, path = "/admin/v1/users/{user}", operation_id = "show_user", tag = "users", params(("user" = UserId, Path)), responses((status = 200, body = User)))]
pub async fn show(State(control): State<Control>, caller: Caller, Path(id): Path<UserId>) -> Answer<User> {
    let user = super::seen(&control, &caller, id).await?;
    super::shown(&control, user).await
}
