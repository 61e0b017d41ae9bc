//! `/metrics`: Prometheus text. Where the control listener can be reached from other machines it needs a credential,
//! an auditor's is enough: names of tenants and services are in the labels.

use crate::Control;
use crate::caller;
use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

/// The route, behind the authentication layer unless the listener is open to this machine only.
pub fn route(control: &Control) -> Router<Control> {
    let route = Router::new().route("/metrics", get(metrics));
    if control.metrics_open() {
        route
    } else {
        route.layer(from_fn_with_state(control.clone(), caller::authenticate))
    }
}

async fn metrics(State(control): State<Control>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], control.exposition())
        .into_response()
}
