//! Changes an application's roles.

use super::Application;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;
use serde::Deserialize;

/// What to change.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationChange {
    /// Role names, all of them.
    pub roles: Vec<String>,
}

/// Change an application
#[utoipa::path(patch, path = "/admin/v1/applications/{application}", operation_id = "change_application", tag = "applications", params(("application" = ApplicationId, Path)), request_body = ApplicationChange, responses((status = 200, body = Application)))]
pub async fn change(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
    Body(change): Body<ApplicationChange>,
) -> Answer<Application> {
    super::seen(&control, &caller, id).await?;
    text::list("roles", &change.roles, 100)?;
    Ok(Json(control.directory().set_application_roles(caller.actor(), id, change.roles).await?.into()))
}
