//! How often a code occurred, and how many came through afterwards.

use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::figures::{self, Figures};
use crate::input::{Path, Query};
use axum::Json;
use axum::extract::State;
use portcullis_fault::Code;
use serde::Deserialize;

/// Whose records are asked.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only this tenant's: name or id. Tenant administrators are always shown their own.
    pub tenant: Option<String>,
}

/// Show how often a code occurred, where, and how many callers succeeded afterwards
#[utoipa::path(get, path = "/admin/v1/errors/{code}/figures", operation_id = "code_figures", tag = "records", params(("code" = String, Path), Asked), responses((status = 200, body = Figures)))]
pub async fn figures(
    State(control): State<Control>,
    caller: Caller,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Figures> {
    let code = Code::find(&code).ok_or_else(|| absent("code"))?;
    let tenant = tenants::scope(&control, &caller, asked.tenant.as_deref()).await?;
    Ok(Json(figures::of(&control, code, tenant).await?.as_ref().clone()))
}
