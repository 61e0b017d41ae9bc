//! Exceptions: the kinds that Converse has, their statuses, and how they are said.
//!
//! Libraries tell them apart by the header `x-amzn-errortype`, and where that is missing by the member `__type`. They look
//! at a member `code` as well, before `__type`: so there must be none.

use crate::canon::ProviderError;
use crate::json::write::Writer;
use crate::stream::eventstream::{self, Message, Value};
use portcullis_fault::Fault;
use serde::Deserialize;

/// One kind of exception.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// As in `x-amzn-errortype` and `__type`.
    pub(super) name: &'static str,
    /// As in `:exception-type`, of those that streams have.
    event: Option<&'static str>,
    /// The status that Bedrock gives it.
    status: u16,
    /// The status that a caller of another dialect sees: what is the model's failure is not the caller's.
    seen: u16,
}

const fn kind(name: &'static str, event: Option<&'static str>, status: u16, seen: u16) -> Kind {
    Kind { name, event, status, seen }
}

/// Where several have one status, the first is written.
static KINDS: &[Kind] = &[
    kind("ValidationException", Some("validationException"), 400, 400),
    kind("ServiceQuotaExceededException", None, 400, 429),
    kind("UnrecognizedClientException", None, 401, 401),
    kind("AccessDeniedException", None, 403, 403),
    kind("ResourceNotFoundException", None, 404, 404),
    kind("ModelTimeoutException", None, 408, 504),
    kind("ModelErrorException", None, 424, 502),
    kind("ModelStreamErrorException", Some("modelStreamErrorException"), 424, 502),
    kind("ThrottlingException", Some("throttlingException"), 429, 429),
    kind("ModelNotReadyException", None, 429, 503),
    kind("InternalServerException", Some("internalServerException"), 500, 500),
    kind("ServiceUnavailableException", Some("serviceUnavailableException"), 503, 503),
];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    #[serde(rename = "__type")]
    kind: Option<String>,
    message: Option<String>,
    #[serde(rename = "Message")]
    also_message: Option<String>,
    #[serde(rename = "originalStatusCode")]
    original_status: Option<u16>,
}

/// Reads an answer that is no success.
pub(super) fn read(status: u16, body: &[u8]) -> ProviderError {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    // `com.amazon.coral.service#UnrecognizedClientException` and the like.
    let named = body.kind.as_deref().map(|kind| kind.rsplit('#').next().unwrap_or(kind));
    let kind = KINDS
        .iter()
        .find(|kind| named == Some(kind.name))
        .or_else(|| KINDS.iter().find(|kind| named.is_none() && kind.status == status));
    ProviderError {
        status: kind.map_or(status, |kind| kind.seen),
        kind: kind.map(|kind| kind.name.to_owned()).or_else(|| named.map(str::to_owned)),
        code: None,
        param: None,
        retry_after: None,
        message: body.message.or(body.also_message).unwrap_or_default(),
    }
}

/// Reads an exception, or an error, in a stream; `None`: the message is neither.
pub(super) fn read_event(message: &Message<'_>) -> Option<ProviderError> {
    match message.text(":message-type") {
        Some("exception") => {
            let body: Body = serde_json::from_slice(message.payload).unwrap_or_default();
            let event = message.text(":exception-type").unwrap_or_default();
            let kind = KINDS.iter().find(|kind| kind.event == Some(event) || kind.name == event);
            Some(ProviderError {
                status: match body.original_status {
                    Some(status @ (429 | 500..=599)) => status,
                    _ => kind.map_or(502, |kind| kind.seen),
                },
                kind: Some(kind.map_or(event, |kind| kind.name).to_owned()).filter(|kind| !kind.is_empty()),
                code: None,
                param: None,
                retry_after: None,
                message: body.message.or(body.also_message).unwrap_or_default(),
            })
        }
        Some("error") => Some(ProviderError {
            status: 502,
            kind: message.text(":error-code").map(str::to_owned),
            code: None,
            param: None,
            retry_after: None,
            message: message.text(":error-message").unwrap_or_default().to_owned(),
        }),
        _ => None,
    }
}

/// The kind for a status that we answer with.
pub(super) fn of_status(status: u16) -> &'static Kind {
    let like = match status {
        401 => 401,
        402 | 403 | 407 => 403,
        404 | 410 => 404,
        408 | 504 => 408,
        424 => 424,
        429 => 429,
        400..=499 => 400,
        503 | 529 => 503,
        _ => 500,
    };
    KINDS.iter().find(|kind| kind.status == like).unwrap_or(&KINDS[0])
}

/// Writes a provider's failure: status and body.
pub(super) fn write(error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
    let kind = of_status(error.status);
    // 408 would have libraries wait for the caller's own sending, and 5xx have them try again: those stay.
    let status = if error.status >= 500 && error.status != 529 { error.status } else { kind.status };
    let mut body = Vec::new();
    Writer::new(&mut body).object(|w| {
        w.member("__type", kind.name);
        w.member("message", error.shown());
        w.member("request_id", request_id);
    });
    (status, body)
}

/// Writes a provider's failure in the middle of a stream.
pub(super) fn write_event(error: &ProviderError, out: &mut Vec<u8>) {
    event(error.status, |w| w.member("message", error.shown()), out);
}

/// An exception in a stream.
fn event(status: u16, members: impl FnOnce(&mut Writer<'_>), out: &mut Vec<u8>) {
    let name = of_status(status).event.unwrap_or("modelStreamErrorException");
    let mut body = Vec::new();
    Writer::new(&mut body).object(members);
    let headers = [
        (":exception-type", Value::Text(name)),
        (":content-type", Value::Text("application/json")),
        (":message-type", Value::Text("exception")),
    ];
    eventstream::write(&headers, &body, out);
}

/// The members of a refusal of ours. The catalogue's code is no `code` here: libraries take that for the exception.
fn refusal(w: &mut Writer<'_>, fault: &Fault, request_id: &str, pages: &str) {
    let code = fault.code().public();
    w.member("message", fault.public_detail());
    w.member("reason", code.name());
    w.member("request_id", request_id);
    w.member("doc_url", &format!("{pages}/{}", code.name()));
}

/// A refusal of ours as a body.
pub(super) fn refusal_body(fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
    let mut body = Vec::new();
    Writer::new(&mut body).object(|w| {
        w.member("__type", of_status(fault.code().public().status()).name);
        refusal(w, fault, request_id, pages);
    });
    body
}

/// A refusal of ours in the middle of a stream.
pub(super) fn refusal_event(fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
    let mut out = Vec::new();
    event(fault.code().public().status(), |w| refusal(w, fault, request_id, pages), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_statuses() {
        for (status, body, expected) in [
            (429, r#"{"message":"Too many requests"}"#, (429, "ThrottlingException")),
            (424, r#"{"message":"m","originalStatusCode":500}"#, (502, "ModelErrorException")),
            (408, r#"{"message":"m"}"#, (504, "ModelTimeoutException")),
            (
                400,
                r#"{"__type":"a.b#ServiceQuotaExceededException","Message":"m"}"#,
                (429, "ServiceQuotaExceededException"),
            ),
            (429, r#"{"__type":"ModelNotReadyException"}"#, (503, "ModelNotReadyException")),
            (400, "<html>", (400, "ValidationException")),
            (403, r#"{"Message":"no"}"#, (403, "AccessDeniedException")),
        ] {
            let error = read(status, body.as_bytes());
            assert_eq!((error.status, error.kind.as_deref().unwrap()), expected, "{body}");
        }
        assert_eq!(read(418, b"").kind, None);
        let new = read(400, br#"{"__type":"NewException","message":"m"}"#);
        assert_eq!((new.status, new.kind.as_deref(), new.message.as_str()), (400, Some("NewException"), "m"));
    }

    #[test]
    fn statuses_that_libraries_understand() {
        for (status, expected, name) in [
            (400, 400, "ValidationException"),
            (422, 400, "ValidationException"),
            (404, 404, "ResourceNotFoundException"),
            (429, 429, "ThrottlingException"),
            (500, 500, "InternalServerException"),
            (502, 502, "InternalServerException"),
            (504, 504, "ModelTimeoutException"),
            (529, 503, "ServiceUnavailableException"),
        ] {
            let (written, body) = write(&ProviderError { status, ..ProviderError::default() }, "r-1");
            let body = String::from_utf8(body).unwrap();
            assert_eq!(written, expected);
            assert!(
                body.starts_with(&format!("{{\"__type\":\"{name}\",\"message\":\"the AI provider")),
                "{body}"
            );
        }
    }
}
