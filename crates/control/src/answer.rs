//! How every answer of the control plane leaves: a request id on it, refusals as problem+json from the catalogue, one
//! log line per refusal. Handlers return [`Refused`]; the body is written here, where the request id and the address
//! of the pages are known.

use crate::{Control, scim, workbench};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use portcullis_fault::codes::{self, tracing_level::Level};
use portcullis_fault::defect::outlive;
use portcullis_fault::{Code, Fault, Problem};
use portcullis_model::RequestId;
use std::pin::pin;
use std::sync::Arc;

/// The result of a handler.
pub type Answer<T> = Result<axum::Json<T>, Refused>;

/// A refusal on its way out of a handler.
#[derive(Debug)]
pub struct Refused(pub Fault);

/// The refusal inside a response that [`seal`] still has to write.
#[derive(Clone)]
struct Reason(Arc<Fault>);

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self(Fault::new(code))
    }
}

impl From<portcullis_store::Error> for Refused {
    fn from(error: portcullis_store::Error) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() =
            StatusCode::from_u16(self.0.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(Reason(Arc::new(self.0)));
        response
    }
}

/// A parameter or member has the wrong form; `what` says which, and what it should be.
pub fn invalid(what: impl Into<String>) -> Refused {
    Refused(Fault::new(codes::PARAMETER_INVALID).detail(what.into()))
}

/// There is no such thing, or it is another tenant's: the two look alike.
pub fn absent(what: &str) -> Refused {
    Refused(Fault::new(codes::RESOURCE_NOT_FOUND).detail(format!("there is no such {what}")))
}

/// The outermost layer: request id, panics, refusals, headers.
pub async fn seal(State(control): State<Control>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // A panic in a handler is a defect; it costs one answer, not the connection and not the process.
    let response = match outlive(pin!(next.run(request))).await {
        Ok(response) => response,
        Err(defect) => Refused(defect.into()).into_response(),
    };
    finish(&control, response, &method, &path)
}

/// Writes the refusal inside `response`, when there is one, and the headers of every answer.
pub fn finish(control: &Control, mut response: Response, method: &Method, path: &str) -> Response {
    let id = RequestId::generate(control.clock(), control.rng()).to_string();
    if let Some(Reason(fault)) = response.extensions_mut().remove::<Reason>() {
        log(&fault, &id, method.as_str(), path);
        let pages = control.pages();
        // Clients of SCIM read refusals of its own kind only.
        let (body, kind) = if path.starts_with(scim::PATH) {
            let kind = response.extensions_mut().remove::<scim::ScimType>();
            (scim::body(&fault, kind).to_string().into_bytes(), "application/scim+json")
        } else {
            (Problem::new(&fault, &id, pages).to_json(), "application/problem+json")
        };
        let mut written = Response::new(body.into());
        *written.status_mut() = response.status();
        written.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        written.headers_mut().extend(fault.headers(pages));
        if path.starts_with(scim::PATH) {
            written.headers_mut().extend(scim::headers(&fault, pages));
        }
        response = written;
    }
    metrics::counter!("portcullis_control_requests_total", "status" => class(response.status())).increment(1);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

fn log(fault: &Fault, request_id: &str, method: &str, path: &str) {
    let (code, context) = (fault.code().name(), fault.private_context().unwrap_or_default());
    // What is said about a request to the workbench may quote what was sent: it is for whoever sent it.
    // So may what is said to a client of SCIM, and what it sends is about people.
    let quotes = [workbench::serve::PATH, scim::PATH].iter().any(|quoting| path.starts_with(quoting));
    let detail = if quotes { "" } else { fault.public_detail() };
    match fault.code().level() {
        Level::Debug => {
            tracing::debug!(code, request_id, method, path, detail, context, "control request refused")
        }
        Level::Info => {
            tracing::info!(code, request_id, method, path, detail, context, "control request refused")
        }
        Level::Warn => {
            tracing::warn!(code, request_id, method, path, detail, context, "control request refused")
        }
        Level::Error => {
            tracing::error!(code, request_id, method, path, detail, context, "control request refused")
        }
    }
}

/// What is served where nothing is.
pub async fn nowhere() -> Refused {
    Refused(
        Fault::new(codes::RESOURCE_NOT_FOUND)
            .detail("the control plane serves nothing at this path; `/openapi.json` lists what it serves"),
    )
}

/// What is served when the path exists and the method does not.
pub async fn other_method() -> Refused {
    Refused::from(codes::METHOD_NOT_ALLOWED)
}
