//! Failures: `google.rpc.Status` as `{"error":{"code","message","status","details"}}`, read and written; refusals of the
//! gateway in the same shape.

use crate::canon::ProviderError;
use crate::json::tree::{self, Node, Tree};
use crate::json::write::Writer;
use portcullis_fault::Fault;

const TYPES: &str = "type.googleapis.com/google.rpc.";

/// Statuses and the words that belong to them.
const WORDS: &[(u16, &str)] = &[
    (400, "INVALID_ARGUMENT"),
    (401, "UNAUTHENTICATED"),
    (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"),
    (409, "ABORTED"),
    (429, "RESOURCE_EXHAUSTED"),
    (499, "CANCELLED"),
    (500, "INTERNAL"),
    (501, "UNIMPLEMENTED"),
    (502, "UNAVAILABLE"),
    (503, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"),
];

/// The word for a status.
fn word(status: u16) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == status).map_or(
        match status {
            400..=499 => "INVALID_ARGUMENT",
            _ => "UNAVAILABLE",
        },
        |(_, word)| word,
    )
}

/// Reads the body of an answer that is no success: the object, or an array of it as streams have it.
pub(super) fn read(status: u16, body: &[u8]) -> ProviderError {
    let plain = |message: &str| ProviderError {
        status,
        message: message.chars().take(MAX_MESSAGE).collect(),
        ..ProviderError::default()
    };
    let Ok(document) = tree::document(body) else {
        // A page of a proxy says nothing to a caller.
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        return plain(if text.starts_with('<') { "" } else { text });
    };
    let node = match &document.tree {
        Tree::Array(items) => items.first().unwrap_or(&document),
        _ => &document,
    };
    match node.member("error") {
        Some(error) => of_node(status, error),
        None => plain(node.member("message").and_then(Node::as_str).unwrap_or_default()),
    }
}

/// Characters of a provider's message that are passed on.
const MAX_MESSAGE: usize = 2000;

/// Reads `error` itself; `status` is that of the answer, 200 within a stream.
pub(super) fn of_node(status: u16, error: &Node<'_>) -> ProviderError {
    let text = |node: &Node<'_>, name: &str| node.member(name).and_then(Node::as_str).map(str::to_owned);
    let code = error.member("code").and_then(|code| code.raw.parse::<u16>().ok());
    let mut failure = ProviderError {
        status: match code {
            Some(code @ 400..=599) if status < 400 => code,
            _ => status,
        },
        kind: text(error, "status"),
        message: error
            .as_str()
            .map(str::to_owned)
            .or_else(|| text(error, "message"))
            .unwrap_or_default()
            .chars()
            .take(MAX_MESSAGE)
            .collect(),
        ..ProviderError::default()
    };
    if let Some(Node { tree: Tree::Array(details), .. }) = error.member("details") {
        for detail in details {
            let kind = detail.member("@type").and_then(Node::as_str).unwrap_or_default();
            match kind.strip_prefix(TYPES) {
                Some("ErrorInfo") => failure.code = text(detail, "reason"),
                Some("RetryInfo") => {
                    failure.retry_after =
                        detail.member("retryDelay").and_then(Node::as_str).and_then(seconds);
                }
                Some("BadRequest") => {
                    if let Some(Node { tree: Tree::Array(violations), .. }) = detail.member("fieldViolations")
                    {
                        failure.param = violations.first().and_then(|violation| text(violation, "field"));
                    }
                }
                _ => {}
            }
        }
    }
    // It says 400 where it means the key, the account or where the call came from: none of that is the caller's.
    let about_us = failure.code.as_deref().is_some_and(|code| code.starts_with("API_KEY_"))
        || failure.message.starts_with("API key ");
    if failure.status == 400 && about_us {
        failure.status = 401;
    } else if failure.status == 400 && failure.kind.as_deref() == Some("FAILED_PRECONDITION") {
        failure.status = 403;
    }
    failure
}

/// `13s`, `1.500s`: whole seconds, rounded up.
fn seconds(delay: &str) -> Option<u32> {
    let (whole, fraction) = match delay.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (delay.strip_suffix('s')?, ""),
    };
    let whole: u32 = whole.parse().ok()?;
    Some(whole.saturating_add(u32::from(fraction.bytes().any(|digit| digit != b'0'))))
}

/// Writes a provider's failure: the status, and the body.
pub(super) fn write(failure: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
    let mut body = Vec::with_capacity(256);
    Writer::new(&mut body).object(|w| members(w, failure, request_id));
    (status(failure), body)
}

/// Statuses that the vendor's libraries know.
fn status(failure: &ProviderError) -> u16 {
    match failure.status {
        // Overloaded, as others say it.
        529 => 503,
        status @ 400..=599 => status,
        _ => 502,
    }
}

/// Writes `error` as a member.
pub(super) fn members(w: &mut Writer<'_>, failure: &ProviderError, request_id: &str) {
    let status = status(failure);
    let known = |kind: &&str| WORDS.iter().any(|(_, word)| word == kind);
    let kind = failure.kind.as_deref().filter(known).unwrap_or(word(status));
    w.name("error").object(|w| {
        w.member("code", &status);
        w.member("message", failure.shown());
        w.member("status", kind);
        w.name("details").array(|w| {
            let reason = failure.code.as_deref().or(failure.kind.as_deref().filter(|kind| !known(kind)));
            if let Some(reason) = reason {
                detail(w, "ErrorInfo", |w| {
                    w.member("reason", reason);
                    w.member("domain", "provider");
                });
            }
            if let Some(field) = &failure.param {
                detail(w, "BadRequest", |w| {
                    w.name("fieldViolations").array(|w| {
                        w.object(|w| {
                            w.member("field", field);
                            w.member("description", failure.shown());
                        });
                    });
                });
            }
            if let Some(seconds) = failure.retry_after {
                detail(w, "RetryInfo", |w| w.member("retryDelay", &format!("{seconds}s")));
            }
            detail(w, "RequestInfo", |w| w.member("requestId", request_id));
        });
    });
}

fn detail(w: &mut Writer<'_>, kind: &str, members: impl FnOnce(&mut Writer<'_>)) {
    w.object(|w| {
        w.member("@type", &format!("{TYPES}{kind}"));
        members(w);
    });
}

/// A refusal of the gateway.
pub(super) fn refusal(fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
    let code = fault.code().public();
    let mut body = Vec::with_capacity(512);
    Writer::new(&mut body).object(|w| {
        w.name("error").object(|w| {
            w.member("code", &code.status());
            w.member("message", fault.public_detail());
            w.member("status", word(code.status()));
            w.name("details").array(|w| {
                detail(w, "ErrorInfo", |w| {
                    w.member("reason", code.name());
                    w.member("domain", "portcullis");
                });
                detail(w, "RequestInfo", |w| w.member("requestId", request_id));
                detail(w, "Help", |w| {
                    w.name("links").array(|w| {
                        w.object(|w| {
                            w.member("description", code.title());
                            w.member("url", &format!("{pages}/{}", code.name()));
                        });
                    });
                });
            });
        });
    });
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_fault::codes;

    #[test]
    fn details_are_read() {
        let failure = read(
            429,
            br#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[
                {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[]},
                {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com"},
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.5s"}]}}]"#,
        );
        let expected = ProviderError {
            status: 429,
            kind: Some("RESOURCE_EXHAUSTED".to_owned()),
            code: Some("RATE_LIMIT_EXCEEDED".to_owned()),
            param: None,
            message: "slow down".to_owned(),
            retry_after: Some(13),
        };
        assert_eq!(failure, expected);
        let (status, body) = write(&failure, "r-1");
        assert_eq!((status, read(status, &body)), (429, expected));
    }

    #[test]
    fn what_is_about_us_is_no_fault_of_the_callers() {
        let key = br#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert_eq!(read(400, key).status, 401);
        let place = br#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#;
        assert_eq!(read(400, place).status, 403);
        let callers = br#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0]","description":"d"}]}]}}"#;
        let failure = read(400, callers);
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some("contents[0]")));
    }

    #[test]
    fn any_body_is_read() {
        assert_eq!(read(502, b"<html>").message, "");
        assert_eq!(read(502, b"no healthy upstream").message, "no healthy upstream");
        assert_eq!(read(500, b"{\"message\":\"x\"}").message, "x");
        for odd in
            [&b"[]"[..], b"null", b"{\"error\":1}", b"{\"error\":{\"details\":[{\"@type\":1}]}}", b"\xff"]
        {
            assert_eq!(read(500, odd).status, 500);
        }
        assert_eq!(read(200, b"{\"error\":{\"code\":503}}").status, 503);
        assert_eq!(
            (seconds("0s"), seconds("1.000s"), seconds("x"), seconds("9")),
            (Some(0), Some(1), None, None)
        );
    }

    #[test]
    fn other_words_are_kept_as_reasons() {
        let failure = ProviderError {
            status: 529,
            kind: Some("overloaded_error".to_owned()),
            message: "full".to_owned(),
            ..ProviderError::default()
        };
        let (status, body) = write(&failure, "r");
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, 503);
        assert!(
            body.contains(r#""status":"UNAVAILABLE""#) && body.contains(r#""reason":"overloaded_error""#),
            "{body}"
        );
    }

    #[test]
    fn refusals_have_code_request_and_page() {
        let fault = Fault::new(codes::TOKEN_EXPIRED).detail("expired 5 s ago");
        let body = String::from_utf8(refusal(&fault, "r-1", "https://gw/-/errors")).unwrap();
        insta::assert_snapshot!(body, @r#"{"error":{"code":401,"message":"expired 5 s ago","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"token_expired","domain":"portcullis"},{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"r-1"},{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"the token has expired","url":"https://gw/-/errors/token_expired"}]}]}}"#);
        let hidden = Fault::new(codes::USER_SUSPENDED).detail("private").context("private");
        let body = String::from_utf8(refusal(&hidden, "r", "/e")).unwrap();
        assert!(body.contains("subject_unresolved") && !body.contains("private"));
    }
}
