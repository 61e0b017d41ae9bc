//! Makes an application.

use super::{Application, Client};
use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::{Body, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::Name;
use serde::Deserialize;

/// An application to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// The tenant that it belongs to: id or name.
    pub tenant: String,
    /// Unique within the tenant.
    pub name: Name,
    /// Role names.
    #[serde(default)]
    pub roles: Vec<String>,
    /// OAuth clients that are this application.
    #[serde(default)]
    pub clients: Vec<Client>,
}

/// Make an application
#[utoipa::path(post, path = "/admin/v1/applications", operation_id = "create_application", tag = "applications", params(Ahead), request_body = NewApplication, responses((status = 200, body = Application)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Body(new): Body<NewApplication>,
) -> Answer<Application> {
    let tenant = tenants::seen(&control, &caller, &new.tenant).await?;
    text::list("roles", &new.roles, 100)?;
    if new.clients.len() > 20 {
        return Err(invalid("`clients` has at most 20 entries; link further ones one by one"));
    }
    let known = Known::of(&control, &tenant, ahead);
    for client in &new.clients {
        text::line("client", &client.client)?;
        known.issuer("clients", &client.issuer)?;
    }
    let clients = new.clients.into_iter().map(|client| (client.issuer, client.client)).collect();
    let application =
        directory::NewApplication { tenant: tenant.id, name: new.name, roles: new.roles, clients };
    Ok(Json(control.directory().create_application(caller.actor(), application).await?.into()))
}
