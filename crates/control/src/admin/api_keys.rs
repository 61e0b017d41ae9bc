//! API keys, `pck_<id>_<secret>`. The secret is shown once, when the key is made or rotated, and kept nowhere.

mod create;
mod list;
mod revoke;
mod rotate;
mod show;

use crate::Control;
use crate::answer::{Refused, absent};
use crate::caller::Caller;
use portcullis_model as model;
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::{ApiKeyId, ApplicationId, TenantId, UserId};
use portcullis_store::entity;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An API key, without its secret.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiKey {
    /// The public half.
    pub id: ApiKeyId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The application's tenant.
    pub tenant: TenantId,
    /// The user on whose behalf it calls, when pinned.
    pub user: Option<UserId>,
    /// For people to tell keys apart.
    pub name: String,
    /// Where it may be used.
    pub limits: ApiKeyLimits,
    /// When it ends (RFC 3339).
    pub expires_at: Option<String>,
    /// When it was revoked (RFC 3339).
    pub revoked_at: Option<String>,
    /// The key that replaces it.
    pub replaced_by: Option<ApiKeyId>,
    /// Last accepted use, to the minute (RFC 3339).
    pub last_used_at: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
}

/// A key that was just made, with the only copy of its secret.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MintedApiKey {
    /// The whole credential, `pck_<id>_<secret>`. Shown once.
    pub secret: String,
    /// The key.
    #[serde(flatten)]
    pub api_key: ApiKey,
}

impl From<model::ApiKey> for ApiKey {
    fn from(key: model::ApiKey) -> Self {
        Self {
            id: key.id,
            application: key.application,
            tenant: key.tenant,
            user: key.user,
            name: key.name,
            limits: key.limits,
            expires_at: key.expires_at.map(model::Timestamp::rfc3339),
            revoked_at: key.revoked_at.map(model::Timestamp::rfc3339),
            replaced_by: key.replaced_by,
            last_used_at: key.last_used_at.map(model::Timestamp::rfc3339),
            created_at: key.created_at.rfc3339(),
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show))
        .routes(routes!(rotate::rotate))
        .routes(routes!(revoke::revoke))
}

/// The key of this id, when the caller may see it.
pub async fn seen(control: &Control, caller: &Caller, id: ApiKeyId) -> Result<model::ApiKey, Refused> {
    let key = entity::api_keys::find(control.store(), id).await?.ok_or_else(|| absent("API key"))?;
    caller.over(key.tenant, "API key")?;
    Ok(key)
}
