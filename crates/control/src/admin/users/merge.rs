//! Makes one user of two.

use super::User;
use crate::Control;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::extract::State;
use portcullis_model::UserId;
use serde::Deserialize;

/// Which user stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The user that stays; of the same tenant.
    pub into: UserId,
    /// Why; kept with the user and in the audit log.
    pub reason: Option<String>,
}

/// Merge a user into another: its subjects resolve to the one that stays
#[utoipa::path(post, path = "/admin/v1/users/{user}/merge", operation_id = "merge_user", tag = "users", params(("user" = UserId, Path)), request_body = Merge, responses((status = 200, body = User)))]
pub async fn merge(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(merge): Body<Merge>,
) -> Answer<User> {
    let user = super::seen(&control, &caller, id).await?;
    // Seen by the caller first: a tenant administrator learns nothing of another tenant's ids.
    let into = super::seen(&control, &caller, merge.into).await?;
    text::optional_line("reason", merge.reason.as_deref())?;
    if into.tenant != user.tenant {
        return Err(invalid("body: `into`: the two users are of different tenants"));
    }
    let user = control.directory().merge(caller.actor(), id, merge.into, merge.reason).await?;
    super::shown(&control, user).await
}
