//! Sets a stored secret.

use super::StoredSecret;
use crate::Control;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::{Body, Path};
use axum::Json;
use axum::extract::State;
use portcullis_fault::Secret;
use serde::Deserialize;

/// Largest secret, in bytes: a private key with its chain fits.
const MOST: usize = 64 * 1024;

/// The value to store.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// The secret, text of at most 64 KiB.
    pub value: String,
}

/// Set a stored secret; whoever uses it gets the new value within a second
#[utoipa::path(put, path = "/admin/v1/secrets/{name}", operation_id = "put_secret", tag = "secrets", params(("name" = String, Path)), request_body = SecretValue, responses((status = 200, body = StoredSecret)))]
pub async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<SecretValue>,
) -> Answer<StoredSecret> {
    let value = Secret::new(body.value.into_bytes());
    caller.whole()?;
    let name = super::name(&name)?;
    if value.expose().is_empty() || value.expose().len() > MOST {
        return Err(invalid(format!("body: `value` is 1 to {MOST} bytes")));
    }
    control.directory().put_secret(caller.actor(), name.as_str(), value).await?;
    let now = control.clock().now().rfc3339();
    Ok(Json(StoredSecret {
        name: name.as_str().to_owned(),
        updated_at: Some(now),
        updated_by: Some(caller.actor().name.to_string()),
    }))
}
