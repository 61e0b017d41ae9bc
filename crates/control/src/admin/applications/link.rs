//! Links an OAuth client to an application.

use super::{Application, Client};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::{Body, Path, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApplicationId;

/// Let an issuer's machine tokens be this application's
#[utoipa::path(post, path = "/admin/v1/applications/{application}/clients", operation_id = "link_client", tag = "applications", params(("application" = ApplicationId, Path), Ahead), request_body = Client, responses((status = 200, body = Application)))]
pub async fn link(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApplicationId>,
    Query(ahead): Query<Ahead>,
    Body(client): Body<Client>,
) -> Answer<Application> {
    let application = super::seen(&control, &caller, id).await?;
    text::line("client", &client.client)?;
    Known::of_id(&control, application.tenant, ahead).await?.issuer("issuer", &client.issuer)?;
    Ok(Json(control.directory().link_client(caller.actor(), id, client.issuer, client.client).await?.into()))
}
