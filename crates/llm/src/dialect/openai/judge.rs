//! What becomes of a provider's answer that is not a success.

use super::error::{ErrorObject, kind};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use serde_json::Value;

/// What to do with a provider's answer that is not a success.
#[derive(Debug)]
pub enum ProviderAnswer {
    /// Status and body go to the caller untouched: the body is the dialect's already.
    Pass,
    /// The status is kept, and this body (`application/json`) replaces one that no library of the dialect could read.
    Restated(Bytes),
    /// The failure is ours or our configuration's, not the caller's.
    Refused(Fault),
}

/// Decides about a provider's answer with a status outside 200–299. `body` may be cut short where it is large; it then
/// is restated.
///
/// 401, 402, 403 and 407 are about *our* account there and become `provider_credential_refused`: a caller that gets a 401
/// would change its own, good credential. 1xx and 3xx become `upstream_invalid`. Everything else keeps its status: 429
/// and overload stay what they are.
pub fn judge(status: u16, body: &[u8], request_id: &str) -> ProviderAnswer {
    let parsed = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    match status {
        401 | 402 | 403 | 407 => {
            let what = if status == 402 {
                "the AI provider wants the gateway's account there to be paid"
            } else {
                codes::PROVIDER_CREDENTIAL_REFUSED.title()
            };
            let fault = Fault::new(codes::PROVIDER_CREDENTIAL_REFUSED)
                .detail(format!("{what}; whoever runs this gateway has to see to it"));
            ProviderAnswer::Refused(
                fault.context(format!("the provider answered {status}{}", reason(&parsed))),
            )
        }
        400..=599 if parsed["error"]["message"].is_string() => ProviderAnswer::Pass,
        400..=599 => {
            let message = match message(&parsed) {
                Some(message) => format!(
                    "the AI provider answered {status}: {}",
                    message.chars().take(MAX_MESSAGE).collect::<String>()
                ),
                None => format!("the AI provider answered {status} and said nothing that could be passed on"),
            };
            let error = ErrorObject {
                message: &message,
                kind: kind(status),
                param: None,
                code: None,
                request_id: Some(request_id),
                doc_url: None,
            };
            ProviderAnswer::Restated(error.into_json().into())
        }
        _ => {
            ProviderAnswer::Refused(Fault::new(codes::UPSTREAM_INVALID).context(format!(
                "the provider answered {status}, which means nothing here; check `base_url`"
            )))
        }
    }
}

/// Characters of a provider's message that are passed on.
const MAX_MESSAGE: usize = 500;

/// The message in the shapes that gateways and frameworks in front of models answer with.
fn message(body: &Value) -> Option<&str> {
    [&body["message"], &body["error"], &body["detail"], &body["detail"][0]["msg"], &body["error_msg"]]
        .into_iter()
        .find_map(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The provider's `code` or `type`, for the record. Not its message: that may repeat a part of our key.
fn reason(body: &Value) -> String {
    let word = [&body["error"]["code"], &body["error"]["type"], &body["code"], &body["type"]]
        .into_iter()
        .find_map(Value::as_str);
    let plain = |word: &&str| {
        word.len() <= 64 && word.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
    };
    word.filter(plain).map(|word| format!(", `{word}`")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> String {
        match judge(status, body.as_bytes(), "r-1") {
            ProviderAnswer::Pass => "pass".to_owned(),
            ProviderAnswer::Restated(body) => String::from_utf8(body.to_vec()).unwrap(),
            ProviderAnswer::Refused(fault) => fault.to_string(),
        }
    }

    #[test]
    fn the_dialects_own_errors_pass() {
        let body = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
        for status in [400, 404, 409, 422, 429, 500, 503, 529] {
            assert_eq!(outcome(status, body), "pass");
        }
    }

    #[test]
    fn other_shapes_are_restated_under_the_same_status() {
        for (status, body, message) in [
            (422, r#"{"message":"bad temperature"}"#, "answered 422: bad temperature"),
            (404, r#"{"error":"model not found"}"#, "answered 404: model not found"),
            (422, r#"{"detail":[{"msg":"extra fields"}]}"#, "answered 422: extra fields"),
            (500, r#"{"detail":"Internal"}"#, "answered 500: Internal"),
            (502, "<html>Bad Gateway</html>", "answered 502 and said nothing"),
            (503, "", "answered 503 and said nothing"),
            (429, r#"{"error":{"message":"#, "answered 429 and said nothing"),
            (400, r#"{"error":{"message":7}}"#, "answered 400 and said nothing"),
        ] {
            let restated: Value = serde_json::from_str(&outcome(status, body)).expect(body);
            assert!(restated["error"]["message"].as_str().unwrap().contains(message), "{restated}");
            assert_eq!(restated["error"]["type"], kind(status));
            assert_eq!(restated["error"]["request_id"], "r-1");
        }
        let long = outcome(400, &format!("{{\"message\":\"{}\"}}", "é".repeat(10_000)));
        assert!(long.len() < 1_300);
    }

    #[test]
    fn a_refused_key_is_our_failure_and_is_not_repeated() {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-12**34","type":"invalid_request_error","code":"invalid_api_key"}}"#;
        for status in [401, 402, 403, 407] {
            let text = outcome(status, body);
            assert!(
                text.starts_with("provider_credential_refused") && text.contains("`invalid_api_key`"),
                "{text}"
            );
            assert!(!text.contains("sk-"), "{text}");
        }
        assert!(!outcome(401, r#"{"code":"key sk-12"}"#).contains("sk-"));
        for status in [101, 204, 301, 307] {
            assert!(outcome(status, "").starts_with("upstream_invalid"), "{status}");
        }
    }
}
