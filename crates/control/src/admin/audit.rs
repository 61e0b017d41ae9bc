//! The audit log: every change of the control plane, with before and after. Read only.

mod list;

use crate::Control;
use portcullis_model as model;
use portcullis_model::{AuditId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// One change.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When (RFC 3339).
    pub at: String,
    /// Who: `operator:<name>`, `socket:uid=<n>`, `file`.
    pub actor: String,
    /// From where: an address, or `socket`.
    pub source: String,
    /// The tenant concerned.
    pub tenant: Option<TenantId>,
    /// What was done, as `user.suspend`.
    pub action: String,
    /// To what.
    pub target: String,
    /// The record before, without secrets; null when made.
    pub before: serde_json::Value,
    /// The record after, without secrets; null when removed.
    pub after: serde_json::Value,
}

impl From<model::audit::Audit> for Entry {
    fn from(audit: model::audit::Audit) -> Self {
        Self {
            id: audit.id,
            at: audit.at.rfc3339(),
            actor: audit.actor,
            source: audit.source,
            tenant: audit.tenant,
            action: audit.action,
            target: audit.target,
            before: audit.before,
            after: audit.after,
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list))
}
