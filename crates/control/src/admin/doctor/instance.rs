//! What this process sees of its surroundings.

use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use portcullis_doctor::instance::Instance;

/// Show what the process sees: variables by name, secrets by fingerprint, mounts, limits, and what it can reach
#[utoipa::path(get, path = "/admin/v1/doctor/instance", operation_id = "examine_instance", tag = "doctor", responses((status = 200, body = Instance)))]
pub async fn instance(State(control): State<Control>, caller: Caller) -> Answer<Instance> {
    caller.whole()?;
    Ok(Json(control.doctor().instance(&control.publisher().config()).await))
}
