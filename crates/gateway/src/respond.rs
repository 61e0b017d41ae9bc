//! How the gateway says no, in the words of whoever called.

use crate::body::Body;
use crate::record::{Ending, Recording};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use portcullis_fault::codes::tracing_level::Level;
use portcullis_fault::{Fault, Problem};
use portcullis_llm::Dialect;

/// In which form a refusal is said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Surface {
    /// RFC 9457 problem details.
    #[default]
    Problem,
    /// The error of an AI dialect.
    Ai(&'static dyn Dialect),
}

/// What a refusal needs to know beside its fault.
#[derive(Debug, Default)]
pub(crate) struct Manner {
    /// Its form.
    pub(crate) surface: Surface,
    /// The methods that would have been served (RFC 9110 §15.5.6).
    pub(crate) allow: Option<HeaderValue>,
    /// The caller's body was left unread on a connection that carries one call at a time: it ends with this answer.
    pub(crate) close: bool,
}

/// Refuses a call: says why, writes the record, answers.
pub(crate) async fn refuse(
    fault: Fault,
    manner: Manner,
    pages: &str,
    mut recording: Box<Recording>,
) -> Response<Body> {
    log(&fault, &recording);
    let id = recording.record.id.to_string();
    let (body, kind) = match manner.surface {
        Surface::Problem => (Problem::new(&fault, &id, pages).to_json(), "application/problem+json"),
        Surface::Ai(dialect) => (dialect.error_body(&fault, &id, pages), "application/json"),
    };
    let code = fault.code().public();
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A refusal is about this call; nobody may be answered with it who asked something else.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in fault.headers(pages) {
        headers.insert(name, value);
    }
    if let Surface::Ai(dialect) = manner.surface {
        for (name, value) in dialect.error_headers(&fault) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
    if let Some(allow) = manner.allow {
        headers.insert(header::ALLOW, allow);
    }
    crate::filters::on_response(&mut headers, &recording.id, false);
    if manner.close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // Codes have statuses of HTTP: a test of the catalogue sees to that.
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    recording.record.status = status.as_u16();
    recording.record.bytes_out = body.len() as u64;
    if let Some(appended) = recording.close(Ending::Refused(fault.code(), fault.private_context()))
        && let Err(error) = appended.await
    {
        // A refusal serves nothing: it is said all the same.
        metrics::counter!("portcullis_records_lost_total").increment(1);
        tracing::error!(request_id = %id, error = %error, "the record of a refused call could not be appended");
    }
    let mut response = Response::new(Body::whole(Bytes::from(body)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// One line per refusal, with the true code; never a credential: faults hold none.
fn log(fault: &Fault, recording: &Recording) {
    let record = &recording.record;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                code = fault.code().name(),
                request_id = %record.id,
                service = record.service.as_deref().unwrap_or(""),
                source = %record.source,
                detail = fault.private_context().as_deref().unwrap_or(fault.public_detail()),
                "refused"
            )
        };
    }
    match fault.code().level() {
        Level::Debug => line!(debug),
        Level::Info => line!(info),
        Level::Warn => line!(warn),
        Level::Error => line!(error),
    }
}
