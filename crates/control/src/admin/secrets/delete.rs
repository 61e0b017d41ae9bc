//! Removes a stored secret.

use super::StoredSecret;
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;

/// Remove a stored secret
///
/// What the configuration refers to stays in force with the old value until the next publication, which then fails
/// and says so; take the reference out of the file first.
#[utoipa::path(delete, path = "/admin/v1/secrets/{name}", operation_id = "delete_secret", tag = "secrets", params(("name" = String, Path)), responses((status = 200, body = StoredSecret)))]
pub async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<StoredSecret> {
    caller.whole()?;
    let name = super::name(&name)?;
    control.directory().delete_secret(caller.actor(), name.as_str()).await?;
    Ok(Json(StoredSecret { name: name.as_str().to_owned(), updated_at: None, updated_by: None }))
}
