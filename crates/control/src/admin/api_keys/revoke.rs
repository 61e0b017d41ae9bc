//! Revokes an API key.

use super::ApiKey;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApiKeyId;

/// Revoke an API key
#[utoipa::path(post, path = "/admin/v1/api-keys/{api_key}/revoke", operation_id = "revoke_api_key", tag = "api keys", params(("api_key" = ApiKeyId, Path)), responses((status = 200, body = ApiKey)))]
pub async fn revoke(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApiKeyId>,
) -> Answer<ApiKey> {
    super::seen(&control, &caller, id).await?;
    Ok(Json(control.directory().revoke_api_key(caller.actor(), id).await?.into()))
}
