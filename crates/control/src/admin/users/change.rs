//! Changes what a user is called and has. Not its status: that has verbs of its own.

use super::User;
use super::create::{attributes, texts};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::UserId;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// What to change; a member that is left out stays, null removes.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserChange {
    /// The id that the company's own systems know it by.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Log-in name.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub username: Option<Option<String>>,
    /// E-mail address. A new one is unverified unless `email_verified` says otherwise.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// Whether somebody verified the address.
    pub email_verified: Option<bool>,
    /// For people to read.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub display_name: Option<Option<String>>,
    /// Role names, all of them.
    pub roles: Option<Vec<String>>,
    /// Attributes, all of them.
    pub attributes: Option<BTreeMap<String, String>>,
}

/// A member that is there, null included.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// Change a user
#[utoipa::path(patch, path = "/admin/v1/users/{user}", operation_id = "change_user", tag = "users", params(("user" = UserId, Path)), request_body = UserChange, responses((status = 200, body = User)))]
pub async fn change(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
    Body(change): Body<UserChange>,
) -> Answer<User> {
    let before = super::seen(&control, &caller, id).await?;
    let flat = |value: &Option<Option<String>>| value.clone().flatten();
    texts(
        &flat(&change.external_id),
        &flat(&change.username),
        &flat(&change.email),
        &flat(&change.display_name),
    )?;
    text::list("roles", change.roles.as_deref().unwrap_or_default(), 100)?;
    attributes(change.attributes.as_ref().unwrap_or(&BTreeMap::new()))?;
    let email = match (change.email, change.email_verified) {
        (Some(email), verified) => Some((email, verified.unwrap_or(false))),
        (None, Some(verified)) => Some((before.email, verified)),
        (None, None) => None,
    };
    let change = directory::UserChange {
        external_id: change.external_id,
        username: change.username,
        email,
        display_name: change.display_name,
        roles: change.roles,
        attributes: change.attributes,
    };
    let user = control.directory().change_user(caller.actor(), id, change).await?;
    super::shown(&control, user).await
}
