//! Calls to AI providers: deployments in their order, our key in the provider's way, the answer read while it passes.
//!
//! Where caller and provider speak the same dialect, bytes pass; otherwise what the caller said is read once, and
//! written anew for each deployment. A provider gets a head of our making: what a caller sends to us (cookies,
//! addresses, our own ids) is none of a vendor's business.

mod ask;
mod deployment;
mod heads;
mod no;
mod pass;
mod plan;
mod translated;

pub(crate) use ask::AiCall;
pub(crate) use deployment::{Deployment, Way};

use self::plan::Plan;
use super::error::Failure;
use super::{AnswerBody, Upload, retry};
use crate::meter::Answer;
use crate::record::Recording;
use bytes::Bytes;
use deployment::HttpWay;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, response};
use portcullis_fault::{Fault, codes};
use portcullis_identity::ModelPermit;
use portcullis_llm::dialect::Operation;
use portcullis_llm::providers::echo;
use portcullis_model::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Time to the head of a provider's answer, where nothing is said: without a stream, the head comes with the last token.
const HEAD: Duration = Duration::from_secs(600);

/// An attempt's refusal, and whether another deployment may be asked.
type Refused = (Fault, bool);

/// Sends a call to the first of the model's deployments that takes it.
pub(crate) async fn call(
    permit: &ModelPermit,
    deployments: &[Deployment],
    call: AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, Fault> {
    recording.record.timing.dispatched = recording.elapsed();
    let able = |from: usize| {
        let mut plans = (from..).zip(deployments.get(from..).unwrap_or_default());
        plans.find_map(|(at, deployment)| Some((at, Plan::of(deployment, &call)?)))
    };
    let mut next = able(0);
    while let Some((here, plan)) = next {
        let deployment = &deployments[here];
        next = able(here + 1);
        recording.record.provider = Some(deployment.provider.shared());
        recording.record.deployment = Some(deployment.model.shared());
        recording.known.clone_from(&deployment.known);
        let attempt = Attempt { permit, deployment, call: &call };
        let answered = match plan {
            Plan::Pass(row) => attempt.pass(row, recording).await,
            Plan::Translate(plan) => Box::pin(attempt.translate(plan, recording)).await,
        };
        match answered {
            // Not this one, then: the next may have room, or a better key.
            Ok(answer) if next.is_some() && is_elsewhere(recording) => drop(answer),
            Err((_, true)) if next.is_some() => {}
            Ok(answer) => return Ok(answer),
            Err((fault, _)) => return Err(fault),
        }
    }
    Err(plan::unserved(deployments, &call))
}

/// One call to one deployment.
struct Attempt<'a> {
    permit: &'a ModelPermit,
    deployment: &'a Deployment,
    call: &'a AiCall<'a>,
}

/// A request on its way to a provider.
struct Outgoing {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Attempt<'_> {
    /// Sends a request over HTTP and comes back with the head of the answer.
    async fn send(
        &self,
        way: &HttpWay,
        outgoing: Outgoing,
        recording: &mut Recording,
    ) -> Result<(response::Parts, AnswerBody), Refused> {
        let Outgoing { path, mut headers, body } = outgoing;
        let target = way.uri(&path).map_err(|fault| (fault, true))?;
        way.sign(&mut headers, &target, &body, self.call.now).map_err(|fault| (fault, true))?;
        let mut request = Request::new(Upload::Whole(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let patience = way.endpoint.patience(HEAD, self.call.timeout);
        let mut attempts = 0;
        let permit = self.permit.permit();
        let answer = retry::call(permit, &way.endpoint, request, patience, &mut attempts).await;
        recording.record.attempts = recording.record.attempts.saturating_add(attempts);
        let answer = answer.map_err(refuse)?;
        came(&answer.0, recording);
        Ok(answer)
    }

    /// Asks the built-in provider, within the process.
    fn echo(
        &self,
        operation: Operation,
        body: &[u8],
        recording: &mut Recording,
    ) -> (response::Parts, AnswerBody) {
        recording.record.attempts += 1;
        let answer = echo(operation, body, self.call.now);
        came(&answer.0, recording);
        answer
    }
}

/// The head of an answer came.
fn came(head: &response::Parts, recording: &mut Recording) {
    recording.record.timing.first_byte = recording.elapsed();
    recording.record.upstream_status = Some(head.status.as_u16());
}

/// Statuses with which a provider says that it is not the call that is wrong.
fn is_elsewhere(recording: &Recording) -> bool {
    matches!(recording.record.upstream_status, Some(429 | 500 | 502 | 503 | 504 | 529))
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
fn refuse(failure: Failure) -> Refused {
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

/// `base` and what is below it as a target in origin form.
fn target(base: &str, path: &str) -> Result<Uri, Fault> {
    Uri::try_from(format!("{base}{path}")).map_err(|error| {
        Fault::new(codes::INTERNAL)
            .context("the provider's base URL has a path that cannot be called")
            .source(error)
    })
}
