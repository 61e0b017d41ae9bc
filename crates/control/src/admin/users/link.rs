//! Links a subject to a user.

use super::User;
use super::create::NewIdentity;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::extract::State;
use portcullis_model::UserId;

/// Let a subject of an issuer resolve to the user
#[utoipa::path(post, path = "/admin/v1/users/{user}/identities", operation_id = "link_identity", tag = "users", params(("user" = UserId, Path), Ahead), request_body = NewIdentity, responses((status = 200, body = User)))]
pub async fn link(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Query(ahead): Query<Ahead>,
    Body(identity): Body<NewIdentity>,
) -> Answer<User> {
    let user = super::seen(&control, &caller, id).await?;
    text::line("subject", &identity.subject)?;
    Known::of_id(&control, user.tenant, ahead).await?.issuer("issuer", &identity.issuer)?;
    control.directory().link_identity(caller.actor(), id, identity.issuer, identity.subject).await?;
    super::shown(&control, user).await
}
