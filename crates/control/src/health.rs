//! Whether the process lives, and whether it can serve. For load balancers and supervisors, so without a credential,
//! and with no more in the answer than names of parts; reasons are in the log.

use crate::Control;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

/// The process answers: restart it when this fails.
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Calls can be served: take the node out of rotation while this is 503. `not_ready` names what is in the way.
///
/// A database that does not answer is a warning: callers who are known are served on, and the others are told why not,
/// which is more than a load balancer without a node behind it would tell them.
pub async fn ready(State(control): State<Control>) -> (StatusCode, Json<Value>) {
    let mut lacking = control.readiness().lacking();
    let mut warnings = control.readiness().warnings();
    if let Err(error) = control.store().ping().await {
        tracing::warn!(%error, "the database does not answer");
        warnings.push("the database does not answer");
    }
    let publication = control.publisher().status();
    if publication.version == 0 {
        lacking.push("configuration".to_owned());
    }
    // A bad new file is no reason to stop serving under the old one, but whoever looks should see it.
    if publication.reload_error.is_some() {
        warnings.push("the newest configuration was refused; the one before is in force");
    }
    if !publication.ambiguous.is_empty() {
        warnings.push("users are one under a subject rule, and are refused as ambiguous");
    }
    let mut body = json!({ "status": if lacking.is_empty() { "ready" } else { "not_ready" }, "configuration_version": publication.version });
    if !lacking.is_empty() {
        body["not_ready"] = json!(lacking);
    }
    if !warnings.is_empty() {
        body["warnings"] = json!(warnings);
    }
    (if lacking.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// Whether the parts that the control plane does not see can serve. Implemented where everything is built.
pub trait Readiness: Send + Sync {
    /// The names of what is not ready; empty when all is.
    fn lacking(&self) -> Vec<String>;

    /// What is not as it should be, and is no reason to take the node out of rotation.
    fn warnings(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// Nothing beside the control plane itself, as under the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Readiness for Alone {
    fn lacking(&self) -> Vec<String> {
        Vec::new()
    }
}
