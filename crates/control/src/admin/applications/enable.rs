//! Enables an application.

use super::Application;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;

/// Serve an application's calls again
#[utoipa::path(post, path = "/admin/v1/applications/{application}/enable", operation_id = "enable_application", tag = "applications", params(("application" = ApplicationId, Path)), responses((status = 200, body = Application)))]
pub async fn enable(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
) -> Answer<Application> {
    super::seen(&control, &caller, id).await?;
    Ok(Json(control.directory().set_application_disabled(caller.actor(), id, false).await?.into()))
}
