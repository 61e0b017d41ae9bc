//! Makes a tenant.

use super::Tenant;
use crate::Control;
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::{Body, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_model::Name;
use serde::Deserialize;

/// A tenant to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Unique name.
    pub name: Name,
    /// Models granted to it; `*` grants all. None unless given.
    #[serde(default)]
    pub models: Vec<String>,
}

/// Make a tenant
#[utoipa::path(post, path = "/admin/v1/tenants", operation_id = "create_tenant", tag = "tenants", params(Ahead), request_body = NewTenant, responses((status = 200, body = Tenant)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Body(new): Body<NewTenant>,
) -> Answer<Tenant> {
    caller.whole()?;
    if new.name.as_str().parse::<uuid::Uuid>().is_ok() {
        return Err(invalid(
            "body: `name`: a tenant's name is not a UUID: it stands beside ids in paths and filters",
        ));
    }
    models(&new.models, &Known::everywhere(&control, ahead))?;
    let tenant = control.directory().create_tenant(caller.actor(), new.name, new.models).await?;
    Ok(Json(tenant.into()))
}

/// Checks names of granted models.
fn models(models: &[String], known: &Known) -> Result<(), Refused> {
    well_formed(models)?;
    known.models("models", models)
}

/// Names of models, or `*`.
pub(super) fn well_formed(models: &[String]) -> Result<(), Refused> {
    text::list("models", models, 1_000)?;
    for model in models.iter().filter(|model| *model != "*") {
        Name::new(model).map_err(|what| invalid(format!("body: `models`: {what}")))?;
    }
    Ok(())
}
