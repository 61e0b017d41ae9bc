//! Errors of providers, read in the shapes that vendors have, and written in OpenAI's.

use crate::canon::ProviderError;
use crate::dialect::openai::kind;
use crate::json::write::Writer;
use serde_json::Value;

/// Characters of a provider's message that are kept.
const MAX_MESSAGE: usize = 2_000;

pub(crate) fn read(status: u16, body: &[u8]) -> ProviderError {
    let body = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    // Google's endpoint wraps its error in a list.
    let body = if body.is_array() { &body[0] } else { &body };
    let mut error = object(body);
    error.status = status;
    if error.message.is_empty() {
        error.message = format!("the provider answered {status} and said nothing that could be passed on");
    }
    error
}

/// An error object, or what stands in its place; without a status.
pub(in crate::dialect) fn object(body: &Value) -> ProviderError {
    let error = if body["error"].is_object() { &body["error"] } else { body };
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(cut);
    let word = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        other => text(other),
    };
    let message = [
        &error["message"],
        &body["error"],
        body,
        &error["message"]["message"],
        &body["detail"],
        &body["detail"][0]["msg"],
        &body["error_msg"],
    ];
    ProviderError {
        status: 0,
        kind: text(&error["type"]).or_else(|| text(&error["status"])),
        code: word(&error["code"]),
        param: text(&error["param"]),
        message: message.into_iter().find_map(text).unwrap_or_default(),
        ..ProviderError::default()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

/// The status that OpenAI's libraries understand: theirs are chosen by it.
pub(in crate::dialect) fn write(error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
    let status = error.answered();
    let mut body = Vec::with_capacity(256);
    Writer::new(&mut body).object(|w| inside(w, error, status, Some(request_id)));
    (status, body)
}

/// `"error":{…}`.
pub(super) fn inside(w: &mut Writer<'_>, error: &ProviderError, status: u16, request_id: Option<&str>) {
    w.name("error").object(|w| {
        w.member("message", error.shown());
        w.member("type", kind(status));
        w.member("param", &error.param);
        w.member("code", &error.code.as_ref().or(error.kind.as_ref()));
        w.maybe("request_id", &request_id);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_many_vendors() {
        for (body, message, kind, code) in [
            (
                r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
                "slow down",
                Some("requests"),
                Some("rate_limit_exceeded"),
            ),
            (
                r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]"#,
                "quota",
                Some("RESOURCE_EXHAUSTED"),
                Some("429"),
            ),
            (
                r#"{"object":"error","message":"bad","type":"BadRequest","code":400}"#,
                "bad",
                Some("BadRequest"),
                Some("400"),
            ),
            (r#"{"error":"model not found"}"#, "model not found", None, None),
            (r#"{"detail":[{"msg":"extra"}]}"#, "extra", None, None),
            (r#"{"message":{"message":"inner"}}"#, "inner", None, None),
            ("<html>", "the provider answered 400 and said nothing that could be passed on", None, None),
        ] {
            let error = read(400, body.as_bytes());
            assert_eq!(
                (error.message.as_str(), error.kind.as_deref(), error.code.as_deref()),
                (message, kind, code),
                "{body}"
            );
        }
    }

    #[test]
    fn written_as_the_libraries_read_it() {
        let error = ProviderError {
            status: 529,
            kind: Some("overloaded_error".to_owned()),
            message: "later".to_owned(),
            ..ProviderError::default()
        };
        let (status, body) = write(&error, "r-1");
        assert_eq!(status, 529);
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"error":{"message":"later","type":"server_error","param":null,"code":"overloaded_error","request_id":"r-1"}}"#);
        let (_, body) =
            write(&ProviderError { status: 401, message: "key sk-12".to_owned(), ..error.clone() }, "r");
        assert!(!String::from_utf8(body).unwrap().contains("sk-12"));
        assert_eq!(write(&ProviderError { status: 302, ..error }, "r").0, 502);
    }
}
