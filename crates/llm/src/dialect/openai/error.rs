//! Refusals in the dialect's shape, before an answer and in the middle of a stream.

use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorObject<'a>,
}

/// OpenAI's four members, which its libraries read, and two of ours.
#[derive(Serialize)]
pub(crate) struct ErrorObject<'a> {
    pub(crate) message: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) param: Option<&'a str>,
    pub(crate) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doc_url: Option<String>,
}

impl<'a> ErrorObject<'a> {
    fn new(fault: &'a Fault, request_id: &'a str, pages: &str) -> Self {
        let code = fault.code().public();
        let message = fault.public_detail();
        let param = if code == codes::MODEL_NOT_FOUND { Some("model") } else { param(message) };
        Self {
            message,
            kind: kind(code.status()),
            param,
            code: Some(code.name()),
            request_id: Some(request_id),
            doc_url: Some(format!("{pages}/{}", code.name())),
        }
    }

    pub(crate) fn into_json(self) -> Vec<u8> {
        // Strings only: serialising them into memory cannot fail.
        serde_json::to_vec(&Envelope { error: self }).unwrap_or_default()
    }
}

/// A refusal as a JSON body: `{"error":{"message","type","param","code","request_id","doc_url"}}`. `pages` is the URL below
/// which the codes' pages are served.
pub fn error_body(fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
    ErrorObject::new(fault, request_id, pages).into_json()
}

/// A refusal in the middle of a stream: one whole event. OpenAI's libraries raise an `APIError` for `data` with an
/// `error`; no `[DONE]` may follow, for that would make the answer look complete.
pub fn error_event(fault: &Fault, request_id: &str, pages: &str) -> Bytes {
    let body = error_body(fault, request_id, pages);
    [b"data: ", &body[..], b"\n\n"].concat().into()
}

/// A refusal in the middle of a stream of Responses: the event `error`, whose number says that it is not in their row. The
/// libraries know such an event, and would hand it out as one among others; by its member `error` they raise an `APIError`,
/// as they do for a provider's own.
pub(super) fn responses_event(fault: &Fault, request_id: &str, pages: &str) -> Bytes {
    let error = ErrorObject::new(fault, request_id, pages);
    let data = serde_json::json!({
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": 0,
        "error": error,
    });
    format!("event: error\ndata: {data}\n\n").into()
}

/// `type` as the vendor itself uses it with each status; its libraries choose the exception by status, people and logs
/// by type.
pub(crate) fn kind(status: u16) -> &'static str {
    match status {
        403 => "request_forbidden",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// The member that a refusal of [`Request::scan`](super::Request::scan) is about: its details begin with it.
fn param(detail: &str) -> Option<&str> {
    detail.strip_prefix("member `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::request::{Members, Request};

    fn body(fault: &Fault) -> String {
        String::from_utf8(error_body(fault, "r-1", "https://gw/-/errors")).unwrap()
    }

    #[test]
    fn an_error_within_responses_is_one_to_the_libraries() {
        let fault = Fault::new(codes::UPSTREAM_CUT).detail("two\nlines");
        let event = responses_event(&fault, "r-1", "/e");
        let event = std::str::from_utf8(&event).unwrap();
        let data =
            event.strip_prefix("event: error\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
        assert!(!data.contains('\n'), "{data}");
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], "error");
        assert_eq!(data["error"]["code"], "upstream_cut");
        assert_eq!((&data["code"], &data["message"]), (&data["error"]["code"], &data["error"]["message"]));
        assert_eq!(data["error"]["request_id"], "r-1");
    }

    #[test]
    fn shape() {
        insta::assert_snapshot!(body(&Fault::new(codes::TOKEN_EXPIRED).detail("expired \"5 s\" ago")), @r#"{"error":{"message":"expired \"5 s\" ago","type":"invalid_request_error","param":null,"code":"token_expired","request_id":"r-1","doc_url":"https://gw/-/errors/token_expired"}}"#);
        let scanned =
            Request::scan(&Bytes::from_static(br#"{"model":"a","stream":1}"#), &Members::OPENAI).unwrap_err();
        assert!(body(&scanned).contains(r#""param":"stream""#));
        assert!(
            body(&Fault::new(codes::MODEL_NOT_GRANTED))
                .contains(r#""param":"model","code":"model_not_found""#)
        );
    }

    #[test]
    fn hidden_codes_stay_hidden() {
        let fault = Fault::new(codes::USER_SUSPENDED).detail("private").context("private");
        assert!(body(&fault).contains("subject_unresolved") && !body(&fault).contains("private"));
    }

    #[test]
    fn types_follow_the_status() {
        for (code, expected) in [
            (codes::AI_REQUEST_INVALID, "invalid_request_error"),
            (codes::CREDENTIAL_MISSING, "invalid_request_error"),
            (codes::MODEL_NOT_FOUND, "invalid_request_error"),
            (codes::NOT_ALLOWED, "request_forbidden"),
            (codes::TOO_MANY_FAILURES, "rate_limit_error"),
            (codes::PROVIDER_CREDENTIAL_REFUSED, "server_error"),
            (codes::OVERLOADED, "server_error"),
        ] {
            assert_eq!(kind(code.status()), expected, "{code}");
        }
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let event = error_event(&Fault::new(codes::UPSTREAM_CUT).detail("two\nlines\r"), "r", "/e");
        let text = std::str::from_utf8(&event).unwrap();
        assert!(text.starts_with("data: {\"error\":{") && text.ends_with("}}\n\n"));
        assert_eq!(text.matches(['\n', '\r']).count(), 2);
    }
}
