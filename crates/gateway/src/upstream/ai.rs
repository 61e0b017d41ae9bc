//! Calls to AI providers: deployments in their order, our key in the provider's way, the answer read while it passes.
//!
//! A provider gets a head of our making: what a caller sends to us (cookies, addresses, our own ids) is none of a
//! vendor's business.

mod deployment;
mod heads;

pub(crate) use deployment::{Deployment, Way};

use super::error::Failure;
use super::{AnswerBody, Upload, retry};
use crate::meter::{Answer, Reading};
use crate::record::Recording;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, response};
use portcullis_fault::{Fault, codes};
use portcullis_identity::ModelPermit;
use portcullis_llm::dialect::openai::{self, ProviderAnswer, UsageScanner};
use portcullis_llm::dialect::request::{self, StreamOptions};
use portcullis_llm::dialect::{Dialect, Operation, Served};
use portcullis_llm::providers::echo;
use portcullis_model::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Time to the head of a provider's answer, where nothing is said: without a stream, the head comes with the last token.
const HEAD: Duration = Duration::from_secs(600);
/// As much of an error as is looked at.
const LOOK: usize = 64 << 10;

/// A call, ready to be sent to any deployment.
pub(crate) struct AiCall<'a> {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) served: &'static Served,
    pub(crate) request: &'a request::Request,
    /// Whether the caller wants a stream.
    pub(crate) stream: bool,
    /// The caller's own headers.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) now: Timestamp,
    pub(crate) timeout: Option<Duration>,
    pub(crate) pages: &'a Arc<str>,
}

/// Sends a call to the first of the model's deployments that takes it.
pub(crate) async fn call(
    permit: &ModelPermit,
    deployments: &[Deployment],
    call: AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, Fault> {
    recording.record.timing.dispatched = recording.elapsed();
    let able =
        |from: usize| (from..deployments.len()).find(|at| deployments[*at].serves(call.served.operation));
    let mut at = able(0);
    while let Some(here) = at {
        let deployment = &deployments[here];
        at = able(here + 1);
        recording.record.provider = Some(deployment.provider.shared());
        recording.record.deployment = Some(deployment.model.shared());
        match one(permit, deployment, &call, recording).await {
            // Not this one, then: the next may have room, or a better key.
            Ok(answer) if at.is_some() && is_elsewhere(answer.head.status) => {}
            Err((_, true)) if at.is_some() => {}
            Ok(answer) => return Ok(answer),
            Err((fault, _)) => return Err(fault),
        }
    }
    let detail = format!("this model does not serve {}", call.served.operation.name());
    Err(Fault::new(codes::AI_REQUEST_INVALID).detail(detail))
}

/// Statuses with which a provider says that it is not the call that is wrong.
fn is_elsewhere(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504 | 529)
}

/// One deployment's answer; with a refusal, whether another deployment may be asked.
async fn one(
    permit: &ModelPermit,
    deployment: &Deployment,
    call: &AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, (Fault, bool)> {
    let hide_usage = call.stream && !call.request.asked_for_usage();
    let (head, body) = match &deployment.way {
        Way::Echo(_) => {
            recording.record.attempts += 1;
            // Usage is asked for as of any provider, so that hiding it is exercised as well.
            echo(
                call.served.operation,
                &call.request.rewrite(deployment.model.as_str(), StreamOptions::Ask),
                call.now,
            )
        }
        Way::Http(way) => {
            let body = call.request.rewrite(deployment.model.as_str(), way.preset.stream_options());
            let target = way.uri(call.served, deployment.model.as_str()).map_err(|fault| (fault, true))?;
            let mut headers = heads::to_provider(call.headers, way, &recording.id);
            way.sign(&mut headers, &target, &body, call.now).map_err(|fault| (fault, true))?;
            let mut request = Request::new(Upload::Whole(body));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = target;
            *request.headers_mut() = headers;
            let patience = way.endpoint.patience(HEAD, call.timeout);
            let mut attempts = 0;
            let answer = retry::call(permit.permit(), &way.endpoint, request, patience, &mut attempts).await;
            recording.record.attempts = recording.record.attempts.saturating_add(attempts);
            answer.map_err(refuse)?
        }
    };
    recording.record.timing.first_byte = recording.elapsed();
    recording.record.upstream_status = Some(head.status.as_u16());
    let (head, body) = heads::to_caller(head, body);
    if head.status.is_success() {
        let scanner = UsageScanner::of(head.headers.get(header::CONTENT_TYPE), hide_usage);
        return Ok(read(head, body, scanner, call, recording, true));
    }
    judge(head, body, recording).await
}

/// An answer that is not a success: the provider's, or ours.
async fn judge(
    mut head: response::Parts,
    body: AnswerBody,
    recording: &Recording,
) -> Result<Answer, (Fault, bool)> {
    let (seen, body) = body.peek(LOOK).await.map_err(|cut| (Fault::new(cut.code).context(cut.why), true))?;
    let id = recording.record.id.to_string();
    let body = match openai::judge(head.status.as_u16(), &seen, &id) {
        ProviderAnswer::Pass => body,
        ProviderAnswer::Restated(bytes) => {
            head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            head.headers.remove(header::CONTENT_LENGTH);
            head.headers.remove(header::CONTENT_ENCODING);
            AnswerBody::whole(bytes)
        }
        ProviderAnswer::Refused(fault) => return Err((fault, true)),
    };
    Ok(Answer { head, body, reading: None, upload: None, capture: None, watch: None })
}

fn read(
    mut head: response::Parts,
    body: AnswerBody,
    scanner: UsageScanner,
    call: &AiCall<'_>,
    recording: &Recording,
    counts: bool,
) -> Answer {
    if scanner.is_stream() {
        // What is hidden, and what may have to be said in the middle, changes its length.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    let id = recording.record.id.to_string();
    let reading =
        Reading::new(scanner, call.dialect, call.request.text_bytes(), id, call.pages.clone(), counts);
    Answer { head, body, reading: Some(reading), upload: None, capture: None, watch: None }
}

/// The built-in provider, asked within the process.
fn echo(operation: Operation, body: &[u8], now: Timestamp) -> (response::Parts, AnswerBody) {
    let answer = echo::answer(operation, body, now);
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, body) = match answer.body {
        echo::Body::Json(bytes) => ("application/json", AnswerBody::Pieces(VecDeque::from([bytes]))),
        echo::Body::Stream(events) => {
            ("text/event-stream; charset=utf-8", AnswerBody::Made(Box::new(events)))
        }
    };
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    (head, body)
}

/// A failed exchange; whether another deployment may be asked: not when the caller's patience is what ended it.
fn refuse(failure: Failure) -> (Fault, bool) {
    match failure {
        Failure::Silent(_) | Failure::Caller(_) => (failure.into(), false),
        Failure::Connect(error) => {
            let fault =
                Fault::new(codes::PROVIDER_UNAVAILABLE).retry_after(Duration::from_secs(5)).source(error);
            (fault, true)
        }
        other => (other.into(), true),
    }
}

/// `base` and the operation's path as a target in origin form.
fn target(base: &str, path: &str) -> Result<Uri, Fault> {
    Uri::try_from(format!("{base}{path}")).map_err(|error| {
        Fault::new(codes::INTERNAL)
            .context("the provider's base URL has a path that cannot be called")
            .source(error)
    })
}
