//! Operators: credentials of the control plane, `pco_<id>_<secret>`.

mod create;
mod list;
mod revoke;

use crate::Control;
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Name, OperatorId, TenantId, Timestamp};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A credential of the control plane, without its secret.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Operator {
    /// The public half.
    pub id: OperatorId,
    /// Who it is, in the audit log.
    pub name: Name,
    /// What it may do.
    pub role: OperatorRole,
    /// The tenant that a tenant administrator or a provisioner is confined to.
    pub tenant: Option<TenantId>,
    /// What a provisioner feeds the directory from.
    pub source: Option<Name>,
    /// When it ends (RFC 3339).
    pub expires_at: Option<String>,
    /// When it was revoked (RFC 3339).
    pub revoked_at: Option<String>,
    /// Last accepted use (RFC 3339).
    pub last_used_at: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
}

/// A credential that was just made, with the only copy of its secret.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MintedOperator {
    /// The whole credential, `pco_<id>_<secret>`. Shown once.
    pub secret: String,
    /// The operator.
    #[serde(flatten)]
    pub operator: Operator,
}

impl From<entity::operators::Operator> for Operator {
    fn from(operator: entity::operators::Operator) -> Self {
        Self {
            id: operator.id,
            name: operator.name,
            role: operator.role,
            tenant: operator.tenant,
            source: operator.source,
            expires_at: operator.expires_at.map(Timestamp::rfc3339),
            revoked_at: operator.revoked_at.map(Timestamp::rfc3339),
            last_used_at: operator.last_used_at.map(Timestamp::rfc3339),
            created_at: operator.created_at.rfc3339(),
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(revoke::revoke))
}
