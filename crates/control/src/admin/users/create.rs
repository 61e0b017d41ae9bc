//! Makes a user.

use super::User;
use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::{Body, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::{Name, UserStatus};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A user to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The tenant that it belongs to: id or name.
    pub tenant: String,
    /// The id that the company's own systems know it by; unique within the tenant.
    pub external_id: Option<String>,
    /// Log-in name; unique within the tenant.
    pub username: Option<String>,
    /// E-mail address; not an identifier.
    pub email: Option<String>,
    /// Whether somebody verified the address.
    #[serde(default)]
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<String>,
    /// Role names.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Subjects that resolve to it.
    #[serde(default)]
    pub identities: Vec<NewIdentity>,
    /// `active` (the default) or `pending`.
    pub status: Option<UserStatus>,
}

/// A subject of an issuer.
#[derive(Debug, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NewIdentity {
    /// The issuer's name in the configuration.
    #[param(value_type = String)]
    pub issuer: Name,
    /// The claim's value, byte for byte.
    pub subject: String,
}

/// Make a user
#[utoipa::path(post, path = "/admin/v1/users", operation_id = "create_user", tag = "users", params(Ahead), request_body = NewUser, responses((status = 200, body = User)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Body(new): Body<NewUser>,
) -> Answer<User> {
    let tenant = tenants::seen(&control, &caller, &new.tenant).await?;
    check(&new)?;
    let known = Known::of(&control, &tenant, ahead);
    new.identities.iter().try_for_each(|identity| known.issuer("identities", &identity.issuer))?;
    let user = directory::NewUser {
        tenant: tenant.id,
        status: new.status.unwrap_or(UserStatus::Active),
        external_id: new.external_id,
        username: new.username,
        email: new.email,
        email_verified: new.email_verified,
        display_name: new.display_name,
        roles: new.roles,
        attributes: new.attributes,
        identities: new.identities.into_iter().map(|identity| (identity.issuer, identity.subject)).collect(),
    };
    let user = control.directory().create_user(caller.actor(), user).await?;
    super::shown(&control, user).await
}

fn check(new: &NewUser) -> Result<(), Refused> {
    texts(&new.external_id, &new.username, &new.email, &new.display_name)?;
    text::list("roles", &new.roles, 100)?;
    attributes(&new.attributes)?;
    if new.identities.len() > 20 {
        return Err(invalid("`identities` has at most 20 entries; link further ones one by one"));
    }
    for identity in &new.identities {
        text::line("subject", &identity.subject)?;
    }
    match new.status {
        None | Some(UserStatus::Active | UserStatus::Pending) => Ok(()),
        Some(other) => Err(invalid(format!("a user is made `active` or `pending`, not `{other}`"))),
    }
}

/// Checks the texts of a user.
pub fn texts(
    external_id: &Option<String>,
    username: &Option<String>,
    email: &Option<String>,
    display_name: &Option<String>,
) -> Result<(), Refused> {
    for (member, value) in [
        ("external_id", external_id),
        ("username", username),
        ("email", email),
        ("display_name", display_name),
    ] {
        text::optional_line(member, value.as_deref())?;
    }
    Ok(())
}

/// Checks a user's attributes.
pub fn attributes(attributes: &BTreeMap<String, String>) -> Result<(), Refused> {
    if attributes.len() > 100 {
        return Err(invalid("`attributes` has at most 100 entries"));
    }
    for (name, value) in attributes {
        text::line("attributes", name)?;
        text::line("attributes", value)?;
    }
    Ok(())
}
