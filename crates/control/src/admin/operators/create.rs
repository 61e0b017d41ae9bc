//! Makes an operator credential.

use super::{MintedOperator, Operator};
use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::Body;
use axum::Json;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Name, Span};
use serde::Deserialize;

/// An operator to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// Unique; the audit log names it.
    pub name: Name,
    /// What it may do.
    pub role: OperatorRole,
    /// The tenant of a tenant administrator or a provisioner: id or name. Other roles have none.
    pub tenant: Option<String>,
    /// What a provisioner feeds the directory from, as `entra`: what one source feeds, the clients of another do not see.
    /// Other roles have none.
    pub source: Option<Name>,
    /// How long it lasts, as `90d`; without it, until it is revoked.
    #[schema(value_type = Option<String>)]
    pub expires_in: Option<Span>,
}

/// Make an operator credential; it is shown once
#[utoipa::path(post, path = "/admin/v1/operators", operation_id = "create_operator", tag = "operators", request_body = NewOperator, responses((status = 200, body = MintedOperator)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(new): Body<NewOperator>,
) -> Answer<MintedOperator> {
    caller.whole()?;
    let tenant = match (new.role, &new.tenant) {
        (OperatorRole::TenantAdministrator | OperatorRole::Provisioner, Some(reference)) => {
            Some(tenants::seen(&control, &caller, reference).await?.id)
        }
        (OperatorRole::TenantAdministrator | OperatorRole::Provisioner, None) => {
            return Err(invalid("body: `tenant`: a tenant administrator and a provisioner need one"));
        }
        (_, Some(_)) => {
            return Err(invalid("body: `tenant`: only a tenant administrator and a provisioner have one"));
        }
        (_, None) => None,
    };
    if (new.role == OperatorRole::Provisioner) != new.source.is_some() {
        return Err(invalid("body: `source`: a provisioner has one, as `entra`, and nobody else"));
    }
    if new.expires_in.is_some_and(|span| span.0.is_zero()) {
        return Err(invalid("body: `expires_in` is more than nothing"));
    }
    let expires_at = new.expires_in.map(|span| control.clock().now().plus(span.0));
    let operator =
        directory::NewOperator { name: new.name, role: new.role, tenant, source: new.source, expires_at };
    let (operator, secret) = control.directory().create_operator(caller.actor(), operator).await?;
    Ok(Json(MintedOperator { secret: secret.expose().clone(), operator: Operator::from(operator) }))
}
