//! Takes an OAuth client from an application.

use super::{Application, Client};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Path, Query};
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;

/// Take an OAuth client from the application
#[utoipa::path(delete, path = "/admin/v1/applications/{application}/clients", operation_id = "unlink_client", tag = "applications", params(("application" = ApplicationId, Path), Client), responses((status = 200, body = Application)))]
pub async fn unlink(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
    Query(client): Query<Client>,
) -> Answer<Application> {
    super::seen(&control, &caller, id).await?;
    Ok(Json(
        control.directory().unlink_client(caller.actor(), id, &client.issuer, &client.client).await?.into(),
    ))
}
