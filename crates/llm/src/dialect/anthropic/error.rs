//! Errors: refusals of ours and failures of providers in this dialect's shape, and its failures out of it.

use crate::canon::ProviderError;
use crate::json::write::Writer;
use bytes::Bytes;
use portcullis_fault::Fault;
use serde_json::Value;

/// The vendor's words for kinds of errors, and their statuses. Its libraries choose the exception by status; people, logs
/// and whoever reads a stream by word.
const KINDS: &[(u16, &str)] = &[
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (409, "conflict_error"),
    (413, "request_too_large"),
    (429, "rate_limit_error"),
    (500, "api_error"),
    (504, "timeout_error"),
    (529, "overloaded_error"),
];

/// What other vendors' words for errors in a stream, which has no status, have in them.
const SIGNS: &[(&str, &str)] = &[
    ("overload", "overloaded_error"),
    ("unavailable", "overloaded_error"),
    ("rate_limit", "rate_limit_error"),
    ("throttl", "rate_limit_error"),
    ("exhausted", "rate_limit_error"),
    ("timeout", "timeout_error"),
    ("deadline", "timeout_error"),
    ("invalid", "invalid_request_error"),
    ("validation", "invalid_request_error"),
];

/// Characters of a provider's message that are passed on.
const MAX_MESSAGE: usize = 2000;

fn kind(status: u16) -> &'static str {
    match KINDS.iter().find(|(known, _)| *known == status) {
        Some((_, kind)) => kind,
        None => match status {
            503 => "overloaded_error",
            400..=499 => "invalid_request_error",
            _ => "api_error",
        },
    }
}

/// A refusal as a JSON body: `{"type":"error","error":{"type","message","code","doc_url"},"request_id"}`, of which the last two
/// members of `error` are ours. `pages` is the URL below which the codes' pages are served.
pub fn error_body(fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
    let code = fault.code().public();
    body(kind(code.status()), fault.public_detail(), request_id, |w| {
        w.member("code", code.name());
        w.member("doc_url", &format!("{pages}/{}", code.name()));
    })
}

/// A refusal in the middle of a stream: one whole event. The libraries raise an exception for it.
pub fn error_event(fault: &Fault, request_id: &str, pages: &str) -> Bytes {
    [b"event: error\ndata: ", &error_body(fault, request_id, pages)[..], b"\n\n"].concat().into()
}

fn body(kind: &str, message: &str, request_id: &str, more: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    Writer::new(&mut out).object(|w| {
        w.member("type", "error");
        w.name("error").object(|w| {
            w.member("type", kind);
            w.member("message", message);
            more(w);
        });
        w.member("request_id", request_id);
    });
    out
}

/// Reads a provider's failure: the body of a status that is no success, or the data of an error event (then 200).
pub(super) fn read(status: u16, body: &[u8]) -> ProviderError {
    let parsed = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let error = &parsed["error"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let said = text(&error["message"]).or_else(|| text(&parsed["message"])).or_else(|| text(error));
    ProviderError {
        status,
        kind: text(&error["type"]),
        code: text(&error["details"]["error_code"]).or_else(|| text(&error["code"])),
        message: match said {
            Some(message) => message.chars().take(MAX_MESSAGE).collect(),
            None if status == 200 => "the AI provider ended the stream with an error".to_owned(),
            None => format!("the AI provider answered {status} and said nothing that could be passed on"),
        },
        ..ProviderError::default()
    }
}

/// Writes a provider's failure: status and body.
pub(super) fn write(error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
    let status = if (400..=599).contains(&error.status) { error.status } else { 500 };
    let word = error.kind.as_deref().unwrap_or_default();
    let kind = if let Some((_, kind)) = KINDS.iter().find(|(_, known)| *known == word) {
        kind
    } else if error.status >= 400 {
        kind(error.status)
    } else {
        let said = format!("{word} {}", error.code.as_deref().unwrap_or_default()).to_ascii_lowercase();
        SIGNS.iter().find(|(sign, _)| said.contains(sign)).map_or("api_error", |(_, kind)| kind)
    };
    (status, body(kind, error.shown(), request_id, |_| {}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_fault::codes;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn refusals() {
        let fault = Fault::new(codes::TOKEN_EXPIRED).detail("expired \"5 s\" ago");
        insta::assert_snapshot!(text(&error_body(&fault, "r-1", "https://gw/-/errors")), @r#"{"type":"error","error":{"type":"authentication_error","message":"expired \"5 s\" ago","code":"token_expired","doc_url":"https://gw/-/errors/token_expired"},"request_id":"r-1"}"#);
        let hidden = error_body(&Fault::new(codes::USER_SUSPENDED).detail("private"), "r", "/e");
        assert!(text(&hidden).contains("subject_unresolved") && !text(&hidden).contains("private"));
        let event = error_event(&Fault::new(codes::UPSTREAM_CUT).detail("two\nlines\r"), "r", "/e");
        assert!(
            text(&event).starts_with("event: error\ndata: {\"type\":\"error\"") && event.ends_with(b"}\n\n")
        );
        assert_eq!(text(&event).matches(['\n', '\r']).count(), 3);
    }

    #[test]
    fn the_vendors_own_come_back_as_they_were() {
        let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
        let error = read(529, body);
        assert_eq!((error.status, error.kind.as_deref()), (529, Some("overloaded_error")));
        assert_eq!(text(&write(&error, "r-1").1), text(body).replace("req_1", "r-1"));
    }

    #[test]
    fn others_are_told_by_status_or_sign() {
        let told = |status, kind: &str| {
            let error = ProviderError { status, kind: Some(kind.to_owned()), ..ProviderError::default() };
            let (status, body) = write(&error, "r");
            let body: Value = serde_json::from_slice(&body).unwrap();
            (status, body["error"]["type"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(429, "RESOURCE_EXHAUSTED"), (429, "rate_limit_error".to_owned()));
        assert_eq!(told(503, "UNAVAILABLE"), (503, "overloaded_error".to_owned()));
        assert_eq!(told(422, "unprocessable"), (422, "invalid_request_error".to_owned()));
        assert_eq!(told(502, ""), (502, "api_error".to_owned()));
        assert_eq!(told(200, "ThrottlingException").1, "rate_limit_error");
        assert_eq!(told(200, "server_error").1, "api_error");
    }

    #[test]
    fn any_body_is_some_error() {
        for (body, message) in [
            (&b"<html>"[..], "answered 502 and said nothing"),
            (br#"{"error":"model not found"}"#, "model not found"),
            (br#"{"message":"m"}"#, "m"),
            (br#"{"error":{"message":7}}"#, "said nothing"),
        ] {
            assert!(read(502, body).message.contains(message));
        }
        assert!(
            read(400, format!(r#"{{"message":"{}"}}"#, "é".repeat(10_000)).as_bytes()).message.len() <= 4000
        );
    }
}
