//! Replaces an API key by a new one, with an overlap in which both work.

use super::{ApiKey, MintedApiKey};
use crate::Control;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::{Body, Path};
use axum::Json;
use axum::extract::State;
use portcullis_model::{ApiKeyId, Span};
use serde::Deserialize;
use std::time::Duration;

/// How to rotate.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// For how long the old key works beside the new one: `0s` to `90d`.
    #[schema(value_type = String)]
    pub overlap: Span,
}

/// Rotate an API key; the new secret is shown once
#[utoipa::path(post, path = "/admin/v1/api-keys/{api_key}/rotate", operation_id = "rotate_api_key", tag = "api keys", params(("api_key" = ApiKeyId, Path)), request_body = Rotation, responses((status = 200, body = MintedApiKey)))]
pub async fn rotate(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<ApiKeyId>,
    Body(rotation): Body<Rotation>,
) -> Answer<MintedApiKey> {
    super::seen(&control, &caller, id).await?;
    if rotation.overlap.0 > Duration::from_secs(90 * 86_400) {
        return Err(invalid("body: `overlap` is at most `90d`"));
    }
    let (key, secret) = control.directory().rotate_api_key(caller.actor(), id, rotation.overlap.0).await?;
    Ok(Json(MintedApiKey { secret: secret.expose().clone(), api_key: ApiKey::from(key) }))
}
