//! Applications: what calls, and the OAuth clients that are it.

mod change;
mod create;
mod disable;
mod enable;
mod link;
mod list;
mod show;
mod unlink;

use crate::Control;
use crate::answer::{Refused, absent};
use crate::caller::Caller;
use portcullis_model as model;
use portcullis_model::{ApplicationId, Name, TenantId};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What calls: owns credentials.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: Name,
    /// Role names.
    pub roles: Vec<String>,
    /// OAuth clients that are this application.
    pub clients: Vec<Client>,
    /// Whether its calls are refused.
    pub disabled: bool,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339).
    pub updated_at: String,
}

/// An OAuth client, as an issuer's machine tokens name it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Client {
    /// The issuer's name in the configuration.
    #[param(value_type = String)]
    pub issuer: Name,
    /// The client id, byte for byte.
    pub client: String,
}

impl From<model::Application> for Application {
    fn from(application: model::Application) -> Self {
        Self {
            id: application.id,
            tenant: application.tenant,
            name: application.name,
            roles: application.roles,
            clients: application
                .clients
                .into_iter()
                .map(|(issuer, client)| Client { issuer, client })
                .collect(),
            disabled: application.disabled,
            created_at: application.created_at.rfc3339(),
            updated_at: application.updated_at.rfc3339(),
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, change::change))
        .routes(routes!(disable::disable))
        .routes(routes!(enable::enable))
        .routes(routes!(link::link, unlink::unlink))
}

/// The application of this id, when the caller may see it.
pub async fn seen(
    control: &Control,
    caller: &Caller,
    id: ApplicationId,
) -> Result<model::Application, Refused> {
    let application =
        entity::applications::find(control.store(), id).await?.ok_or_else(|| absent("application"))?;
    caller.over(application.tenant, "application")?;
    Ok(application)
}
