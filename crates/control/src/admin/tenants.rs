//! Tenants. Those that the configuration file owns are shown here and changed there.

mod change;
mod create;
mod disable;
mod enable;
mod list;
mod show;

use crate::Control;
use crate::answer::{Refused, absent};
use crate::caller::Caller;
use portcullis_model as model;
use portcullis_model::tenant::Origin;
use portcullis_model::{Name, TenantId};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An isolated organisation.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, unique.
    pub name: Name,
    /// Models granted to it; `*` grants all.
    pub models: Vec<String>,
    /// Who owns the record: `file` is read-only here.
    pub origin: Origin,
    /// Whether its calls are refused.
    pub disabled: bool,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339).
    pub updated_at: String,
}

impl From<model::Tenant> for Tenant {
    fn from(tenant: model::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            models: tenant.models,
            origin: tenant.origin,
            disabled: tenant.disabled,
            created_at: tenant.created_at.rfc3339(),
            updated_at: tenant.updated_at.rfc3339(),
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show))
        .routes(routes!(change::change))
        .routes(routes!(disable::disable))
        .routes(routes!(enable::enable))
}

/// The tenant of this id or name, when there is one.
pub async fn find(control: &Control, reference: &str) -> Result<Option<model::Tenant>, Refused> {
    // A tenant cannot be named like a UUID, so the two spellings never meet.
    if let Ok(id) = reference.parse::<TenantId>() {
        return Ok(entity::tenants::find(control.store(), id).await?);
    }
    match Name::new(reference) {
        Ok(name) => Ok(entity::tenants::find_by_name(control.store(), name.as_str()).await?),
        Err(_) => Ok(None),
    }
}

/// The tenant of this id or name, when the caller may see it.
pub async fn seen(control: &Control, caller: &Caller, reference: &str) -> Result<model::Tenant, Refused> {
    let tenant = find(control, reference).await?.ok_or_else(|| absent("tenant"))?;
    caller.over(tenant.id, "tenant")?;
    Ok(tenant)
}

/// The tenant that a list is confined to: the one asked for by id or name, or the caller's own, or all.
pub async fn scope(
    control: &Control,
    caller: &Caller,
    asked: Option<&str>,
) -> Result<Option<TenantId>, Refused> {
    let asked = match asked {
        Some(reference) => Some(seen(control, caller, reference).await?.id),
        None => None,
    };
    caller.scope(asked)
}
