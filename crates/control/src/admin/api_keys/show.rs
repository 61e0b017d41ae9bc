//! Shows an API key, without its secret.

use super::ApiKey;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::ApiKeyId;

/// Show an API key
#[utoipa::path(get, path = "/admin/v1/api-keys/{api_key}", operation_id = "show_api_key", tag = "api keys", params(("api_key" = ApiKeyId, Path)), responses((status = 200, body = ApiKey)))]
pub async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApiKeyId>,
) -> Answer<ApiKey> {
    Ok(Json(super::seen(&control, &caller, id).await?.into()))
}
