//! Shows an application.

use super::Application;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;

/// Show an application
#[utoipa::path(get, path = "/admin/v1/applications/{application}", operation_id = "show_application", tag = "applications", params(("application" = ApplicationId, Path)), responses((status = 200, body = Application)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
) -> Answer<Application> {
    Ok(Json(super::seen(&control, &caller, id).await?.into()))
}
