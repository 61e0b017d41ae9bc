//! A provider's no: whose fault it is, and how the caller is told.
//!
//! What is about our account there is our failure (502), whatever the dialect; everything else keeps its status and is
//! said in the caller's dialect.

use super::plan::Translation;
use super::route::{Class, is_gone, is_model_unknown};
use super::{Refusal, Refused, heads, refused};
use crate::meter::Answer;
use crate::record::Recording;
use crate::upstream::AnswerBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, response};
use portcullis_fault::{Fault, codes};
use portcullis_llm::Dialect;
use portcullis_llm::canon::ProviderError;
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::openai::{self, ProviderAnswer};
use portcullis_llm::translate;
use portcullis_model::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// As much of an error as is looked at.
const LOOK: usize = 64 << 10;

/// Of a provider that speaks the caller's dialect: its own words pass.
pub(super) async fn passing(
    head: response::Parts,
    body: AnswerBody,
    dialect: &'static dyn Dialect,
    recording: &Recording,
) -> Refused {
    let (seen, body) = match look(body).await {
        Ok(looked) => looked,
        Err(refused) => return refused,
    };
    let status = head.status.as_u16();
    let id = recording.record.id.to_string();
    let judged = openai::judge(status, &seen, &id);
    let chat = dialect.serves().iter().find_map(|row| row.chat);
    let error = said(dialect, status, &seen);
    let class = Class::of(status, &error);
    if is_gone(status, &error) {
        let fault =
            Fault::new(codes::AI_OBJECT_NOT_FOUND).detail("the provider has it no longer; make it anew");
        return refused(Class::Refused, fault);
    }
    if let Some(refused) = model_unknown(status, &error, recording) {
        return refused;
    }
    let rest = rest(&head.headers, error.retry_after, recording.now());
    let may_have_run = ran_out_of_time(status);
    let restated = match (judged, chat) {
        (ProviderAnswer::Refused(_), Some(chat)) if class == Class::ContentFilter => {
            Some(filtered(chat, &id))
        }
        (ProviderAnswer::Refused(fault), _) => {
            return Box::new(Refusal { class, said: Err(fault), rest, may_have_run });
        }
        _ if class == Class::KeyRefused => return key_refused(status),
        (ProviderAnswer::Pass, _) => None,
        (ProviderAnswer::Restated(body), _) if dialect.name() == "openai" => Some((status, body)),
        // Any object is its dialect's own business.
        (ProviderAnswer::Restated(_), Some(chat)) if !is_object(&seen) => {
            let (status, body) = chat.write_error(&chat.read_error(status, &seen), &id);
            Some((status, body.into()))
        }
        (ProviderAnswer::Restated(_), _) => None,
    };
    let said = match restated {
        None => answer(heads::to_caller(head), body),
        Some((status, bytes)) => answer(anew(head, status), AnswerBody::whole(bytes)),
    };
    Box::new(Refusal { class, said: Ok(said), rest, may_have_run })
}

/// Of a provider that speaks another dialect: its words in the caller's.
pub(super) async fn translated(
    head: response::Parts,
    body: AnswerBody,
    plan: &Translation,
    recording: &Recording,
) -> Refused {
    let (seen, _) = match look(body).await {
        Ok(looked) => looked,
        Err(refused) => return refused,
    };
    let status = head.status.as_u16();
    let id = recording.record.id.to_string();
    let error = plan.outbound.read_error(status, &seen);
    if let Some(refused) = model_unknown(status, &error, recording) {
        return refused;
    }
    let class = Class::of(status, &error);
    let rest = rest(&head.headers, error.retry_after, recording.now());
    let may_have_run = ran_out_of_time(status);
    let (status, bytes) = match openai::judge(status, &seen, &id) {
        ProviderAnswer::Refused(_) if class == Class::ContentFilter => filtered(plan.inbound, &id),
        ProviderAnswer::Refused(fault) => {
            return Box::new(Refusal { class, said: Err(fault), rest, may_have_run });
        }
        _ if class == Class::KeyRefused => return key_refused(status),
        _ => {
            let (status, body) = translate::error(&*plan.outbound, plan.inbound, status, &seen, &id);
            (status, Bytes::from(body))
        }
    };
    let said = answer(anew(head, status), AnswerBody::whole(bytes));
    Box::new(Refusal { class, said: Ok(said), rest, may_have_run })
}

/// Of a provider that says under a status of success that it failed: as if it had said so by its status.
pub(super) fn failed(
    head: response::Parts,
    error: &ProviderError,
    inbound: &dyn Chat,
    recording: &Recording,
) -> Refused {
    let class = Class::of(error.status, error);
    let rest = rest(&head.headers, error.retry_after, recording.now());
    let (status, bytes) = inbound.write_error(error, &recording.record.id.to_string());
    let said = answer(anew(head, status), AnswerBody::whole(Bytes::from(bytes)));
    Box::new(Refusal { class, said: Ok(said), rest, may_have_run: false })
}

/// What a provider that speaks this dialect says went wrong.
pub(super) fn said(dialect: &dyn Dialect, status: u16, body: &[u8]) -> ProviderError {
    let chat = dialect.serves().iter().find_map(|row| row.chat);
    chat.map(|chat| chat.read_error(status, body)).unwrap_or_default()
}

/// A provider that does not have the model of our deployment: the caller has asked for one that we know.
fn model_unknown(status: u16, error: &ProviderError, recording: &Recording) -> Option<Refused> {
    let model = recording.record.deployment.as_deref()?;
    is_model_unknown(status, error, model).then(|| {
        let why =
            format!("the provider answered {status}: it has no model `{model}`, or none for our account");
        refused(Class::ModelUnknown, Fault::new(codes::PROVIDER_MODEL_UNKNOWN).context(why))
    })
}

/// A provider that refuses our key under a status that would blame the caller.
fn key_refused(status: u16) -> Refused {
    let fault = Fault::new(codes::PROVIDER_CREDENTIAL_REFUSED);
    let why = format!("the provider answered {status}, and means our key or account");
    refused(Class::KeyRefused, fault.context(why))
}

/// The filter's no to a prompt, under a status that means a key everywhere else: said as those say it who say it plainly.
/// Not in the provider's words, which may name our account there.
fn filtered(inbound: &dyn Chat, id: &str) -> (u16, Bytes) {
    let error = ProviderError {
        status: 400,
        kind: Some("invalid_request_error".to_owned()),
        code: Some("content_filter".to_owned()),
        message: "the AI provider's content filter refuses what was asked".to_owned(),
        ..ProviderError::default()
    };
    let (status, body) = inbound.write_error(&error, id);
    (status, body.into())
}

/// Whether somebody between us and what does the work stopped waiting for it.
fn ran_out_of_time(status: u16) -> bool {
    // 524 and 504 are what proxies in front of a provider say; 408 the provider itself.
    matches!(status, 408 | 504 | 524)
}

/// How long the provider asks to be left alone: its headers first, then its words.
fn rest(headers: &HeaderMap, said: Option<u32>, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let valid = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    number("retry-after-ms")
        .and_then(|millis| valid(millis / 1_000.0))
        .or_else(|| number("retry-after").and_then(valid))
        .or_else(|| until(text("retry-after")?, now))
        .or_else(|| said.map(|seconds| Duration::from_secs(seconds.into())))
}

/// How long it is until a day and time of HTTP's (RFC 9110 §10.2.3); one that has passed is now.
fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let date = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_secs(now.seconds().try_into().ok()?);
    Some(date.saturating_sub(now))
}

async fn look(body: AnswerBody) -> Result<(Vec<u8>, AnswerBody), Refused> {
    body.peek(LOOK).await.map_err(|cut| refused(Class::Outage, Fault::new(cut.code).context(cut.why)))
}

fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

/// The head of an error that we put into words, with what it says about trying again.
fn anew(head: response::Parts, status: u16) -> response::Parts {
    let kept = head.status;
    let mut head = heads::anew(head);
    head.status = StatusCode::from_u16(status).unwrap_or(kept);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head
}

fn answer(head: response::Parts, body: AnswerBody) -> Answer {
    Answer { head, body, reading: None, upload: None, capture: None, watch: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_said_in_several_ways() {
        let now = Timestamp::parse_rfc3339("2026-11-22T10:00:00Z").unwrap();
        let rests = |pairs: &[(&'static str, &str)], said| {
            let headers = pairs.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            });
            rest(&headers.collect(), said, now)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(rests(&[], None), None);
        assert_eq!(rests(&[], Some(4)), seconds(4));
        assert_eq!(rests(&[("retry-after", "7")], Some(4)), seconds(7));
        assert_eq!(
            rests(&[("retry-after", "7"), ("retry-after-ms", "1500")], None),
            seconds(3).map(|s| s / 2)
        );
        assert_eq!(rests(&[("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT")], Some(4)), seconds(90));
        assert_eq!(rests(&[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT")], Some(4)), seconds(0));
        for nonsense in ["soon", "-3", "NaN", "inf", "Sun, 22 Nov 1926 10:00:00 GMT"] {
            assert_eq!(rests(&[("retry-after", nonsense)], Some(4)), seconds(4), "{nonsense}");
        }
    }
}
