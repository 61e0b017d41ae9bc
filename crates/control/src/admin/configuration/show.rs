//! Shows which configuration is in force.

use super::{Configuration, Defect, Refusal};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use portcullis_model::Timestamp;

/// Show which configuration is in force, and why a newer one was refused
#[utoipa::path(get, path = "/admin/v1/configuration", operation_id = "show_configuration", tag = "configuration", responses((status = 200, body = Configuration)))]
pub async fn show(State(control): State<Control>, caller: Caller) -> Answer<Configuration> {
    caller.whole()?;
    let status = control.publisher().status();
    let refused = status.reload_error.as_ref().map(|error| Refusal {
        at: error.at.rfc3339(),
        problems: error
            .problems
            .iter()
            .map(|problem| Defect { at: problem.at.clone(), message: problem.message.clone() })
            .collect(),
    });
    Ok(Json(Configuration {
        version: status.version,
        published_at: status.published_at.map(Timestamp::rfc3339),
        files: status.files.iter().map(|file| file.display().to_string()).collect(),
        restart_needed: status.restart_needed.iter().map(|&setting| setting.to_owned()).collect(),
        refused,
        ambiguous: status
            .ambiguous
            .iter()
            .map(|problem| Defect { at: problem.at.clone(), message: problem.message.clone() })
            .collect(),
    }))
}
