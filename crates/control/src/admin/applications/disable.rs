//! Disables an application.

use super::Application;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;

/// Refuse an application's calls
#[utoipa::path(post, path = "/admin/v1/applications/{application}/disable", operation_id = "disable_application", tag = "applications", params(("application" = ApplicationId, Path)), responses((status = 200, body = Application)))]
pub async fn disable(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
) -> Answer<Application> {
    super::seen(&control, &caller, id).await?;
    Ok(Json(control.directory().set_application_disabled(caller.actor(), id, true).await?.into()))
}
