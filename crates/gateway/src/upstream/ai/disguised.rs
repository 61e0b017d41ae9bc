//! A provider's no that comes as a yes: an error, or nothing at all, under a status of success.
//!
//! Passed on, it would be an answer that a library takes for an empty one, and no other deployment would be asked. So the
//! beginning of an answer is looked at before it goes on: of a whole one always, of a stream where others stand by. What
//! comes later in a stream is told where it stands.

use super::route::Class;
use super::translated::no_answer;
use super::{Refusal, Refused, no, refused};
use crate::record::Recording;
use crate::upstream::{AnswerBody, Cut};
use http::{StatusCode, response};
use portcullis_fault::Fault;
use portcullis_llm::Dialect;
use portcullis_llm::canon::{Event, ProviderError};
use portcullis_llm::dialect::chat::ReadStream;
use serde_json::Value;

/// As much of an answer as an error is looked for in.
const LOOK: usize = 64 << 10;
/// Where in it the word stands that makes us look closer: errors are short, and begin with it.
const NEAR: usize = 512;

/// What only answers have, in one format or another: with any of these, an error beside it is a part of the answer.
const ANSWERS: &[&str] = &[
    "choices",
    "output",
    "content",
    "candidates",
    "promptFeedback",
    "message",
    "response",
    "data",
    "results",
    "embedding",
    "embeddings",
];

/// An answer that passes and is not a stream, unless it is a failure.
pub(super) async fn whole(
    head: response::Parts,
    body: AnswerBody,
    dialect: &'static dyn Dialect,
    recording: &Recording,
) -> Result<(response::Parts, AnswerBody), Refused> {
    let broken = |cut: Cut| {
        let refused = refused(Class::Outage, Fault::new(cut.code).context(cut.why));
        Box::new(Refusal { may_have_run: true, ..*refused })
    };
    let Some((seen, body)) = body.first().await.map_err(broken)? else {
        return Err(refused(Class::Outage, no_answer("it answered with a status of success, and nothing")));
    };
    if !may_be_error(&seen) {
        return Ok((head, body));
    }
    let (seen, body) = body.peek(LOOK).await.map_err(broken)?;
    let Some(disguise) = Disguise::of(&seen, |error| no::said(dialect, 200, error)) else {
        return Ok((head, body));
    };
    Err(disguise.refuse(no::passing(disguise.head(head), body, dialect, recording).await))
}

/// An error that is a whole answer.
pub(super) struct Disguise {
    /// The status that it should have had, where that can be seen.
    status: Option<u16>,
}

impl Disguise {
    /// Of an answer's body; `read`: reads an error of the provider's dialect.
    pub(super) fn of(body: &[u8], read: impl FnOnce(&[u8]) -> ProviderError) -> Option<Self> {
        (may_be_error(body) && is_error(body)).then(|| Self { status: status(&read(body)) })
    }

    /// The head that belongs to it.
    pub(super) fn head(&self, mut head: response::Parts) -> response::Parts {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        head.status = status.unwrap_or(StatusCode::BAD_GATEWAY);
        head
    }

    /// The failure that it is.
    pub(super) fn refuse(&self, mut refused: Refused) -> Refused {
        if self.status.is_none() {
            // Whose fault it is cannot be seen.
            refused.class = Class::SaidNothing;
        }
        refused
    }
}

/// What kind of failure the beginning of a stream is; `None`: it is none, as far as it came.
pub(super) fn stream(reader: &mut dyn ReadStream, seen: &[u8]) -> Option<Class> {
    let mut events = Vec::new();
    // What cannot be read is told where it stands.
    let _ = reader.feed(seen, &mut events);
    let first = events.into_iter().find(|event| !matches!(event, Event::Start { .. } | Event::Ping))?;
    let Event::Error(error) = first else { return None };
    Some(status(&error).map_or(Class::SaidNothing, |status| Class::of(status, &error)))
}

/// Whether a body begins as an error may: with a member `error` that is something.
fn may_be_error(seen: &[u8]) -> bool {
    let near = &seen[..seen.len().min(NEAR)];
    memchr::memmem::find_iter(near, b"\"error\"").any(|at| {
        let behind = near[at + b"\"error\"".len()..].trim_ascii_start();
        let Some(value) = behind.strip_prefix(b":") else { return behind.is_empty() };
        matches!(value.trim_ascii_start().first(), None | Some(b'{' | b'"'))
    })
}

/// Whether a body is an error and nothing else.
fn is_error(body: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return false };
    let said = match members.get("error") {
        Some(Value::Object(error)) => !error.is_empty(),
        Some(Value::String(error)) => !error.is_empty(),
        _ => false,
    };
    said && !ANSWERS.iter().any(|member| members.contains_key(*member))
}

/// Parts of the words that vendors have for errors, and the statuses that those have elsewhere; the first that fits counts.
const SIGNS: &[(&str, u16)] = &[
    ("overload", 529),
    ("unavailable", 503),
    ("rate_limit", 429),
    ("throttl", 429),
    ("exhausted", 429),
    ("quota", 429),
    ("timeout", 504),
    ("deadline", 504),
    ("api_key", 401),
    ("authentication", 401),
    ("billing", 402),
    ("permission", 403),
    ("not_found", 404),
    ("context_length", 400),
    ("content_filter", 400),
    ("invalid", 400),
    ("validation", 400),
    ("internal", 500),
    ("server_error", 500),
    ("api_error", 500),
];

/// The status that an error would have had that came under one of success.
fn status(error: &ProviderError) -> Option<u16> {
    let failure = |status: &u16| (400..=599).contains(status);
    let said = || {
        let words = [error.kind.as_deref(), error.code.as_deref()].map(Option::unwrap_or_default);
        let words = words.join(" ").to_ascii_lowercase();
        SIGNS.iter().find(|(sign, _)| words.contains(sign)).map(|(_, status)| *status)
    };
    let code = || error.code.as_deref()?.parse().ok();
    // Codes of filters, and sentences about the length of a prompt, that bodies under 400 are told by.
    let asked = || {
        let class = Class::of(400, error);
        matches!(class, Class::ContentFilter | Class::ContextTooLong).then_some(400)
    };
    Some(error.status).filter(failure).or_else(|| code().filter(failure)).or_else(said).or_else(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_llm::dialect::chat;

    #[test]
    fn an_error_is_told_from_an_answer_that_has_one() {
        for (body, expected) in [
            (r#"{"error":{"message":"Provider returned error","code":502}}"#, true),
            (r#"{"user_id":"u","error":{"message":"no"}}"#, true),
            (r#"{"error":"model not loaded"}"#, true),
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, true),
            (r#"{"error":null,"id":"resp_1","output":[]}"#, false),
            (r#"{"error":{"code":"server_error"},"status":"failed","output":[]}"#, false),
            (r#"{"error":{"code":502},"choices":[]}"#, false),
            (r#"{"error":{}}"#, false),
            (r#"{"error":""}"#, false),
            (r#"["error"]"#, false),
            (r#"{"error":{"mess"#, false),
        ] {
            assert_eq!(is_error(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_stream_that_begins_with_an_error_is_a_failure() {
        let class =
            |dialect: &str, seen: &str| stream(&mut *chat::find(dialect).unwrap().reader(), seen.as_bytes());
        let anthropic = |kind: &str| {
            format!(
                "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"m\"}}}}\n\n"
            )
        };
        for (kind, expected) in [
            ("overloaded_error", Class::Outage),
            ("api_error", Class::Outage),
            ("rate_limit_error", Class::RateLimited),
            ("authentication_error", Class::KeyRefused),
            ("invalid_request_error", Class::Refused),
            ("odd_error", Class::SaidNothing),
        ] {
            assert_eq!(class("anthropic", &anthropic(kind)), Some(expected), "{kind}");
        }
        let openai = |error: &str| format!(": comment\n\ndata: {{\"error\":{error}}}\n\n");
        assert_eq!(
            class("openai", &openai(r#"{"code":429,"message":"slow down"}"#)),
            Some(Class::RateLimited)
        );
        assert_eq!(class("openai", &openai(r#"{"message":"no"}"#)), Some(Class::SaidNothing));
        assert_eq!(class("ollama", "{\"error\":\"no\"}\n"), Some(Class::SaidNothing));
        let said = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
        assert_eq!(class("openai", &format!("{said}{}", openai(r#"{"code":502}"#))), None, "it has begun");
        for other in [": comment\n\n", "data: {\"err", "", "nonsense"] {
            assert_eq!(class("openai", other), None, "{other}");
        }
    }
}
