//! Lists user sources.

use super::Source;
use crate::Control;
use crate::admin::tenants;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Query;
use axum::Json;
use axum::extract::State;
use portcullis_store::entity;
use portcullis_store::entity::syncs;
use serde::{Deserialize, Serialize};

/// Which sources.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this tenant (id or name).
    tenant: Option<String>,
}

/// All sources.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Sources {
    /// The entries, by name.
    pub items: Vec<Source>,
}

/// List user sources, with how their synchronisation stands
#[utoipa::path(get, path = "/admin/v1/sources", operation_id = "list_sources", tag = "sources", params(Which), responses((status = 200, body = Sources)))]
pub async fn list(
    State(control): State<Control>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Answer<Sources> {
    let scope = tenants::scope(&control, &caller, which.tenant.as_deref()).await?;
    let states = syncs::list(control.store()).await?;
    let now = control.clock().now();
    let mut items = Vec::new();
    for source in &control.publisher().config().sources {
        let tenant = entity::tenants::find_by_name(control.store(), source.tenant.as_str()).await?;
        let tenant = tenant.filter(|tenant| scope.is_none_or(|scope| scope == tenant.id));
        if let Some(tenant) = tenant {
            let state = states.iter().find(|state| state.source == source.name);
            items.push(Source::of(source, tenant.id, state.cloned(), now));
        }
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(Sources { items }))
}
