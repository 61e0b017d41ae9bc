//! Calls to AI providers: deployments in their order, our key in the provider's way, the answer read while it passes.
//!
//! Where caller and provider speak the same dialect, bytes pass; otherwise what the caller said is read once, and
//! written anew for each deployment. A provider gets a head of our making: what a caller sends to us (cookies,
//! addresses, our own ids) is none of a vendor's business.

mod ask;
mod bills;
mod claimed;
mod count;
mod deployment;
mod disguised;
mod exchange;
mod explain;
mod fetch;
pub(crate) mod files;
mod heads;
pub(crate) mod held;
mod journey;
mod list;
mod moderator;
mod no;
mod object;
mod pass;
mod plan;
mod reach;
pub(crate) mod realtime;
pub(crate) mod route;
mod states;
mod translated;

pub(crate) use ask::AiCall;
pub(crate) use claimed::Claimed;
pub(crate) use deployment::{Deployment, Way};
pub use explain::explain_cold;
pub(crate) use fetch::{Fetched, Fetcher};
pub(crate) use journey::{Models, call};
pub(crate) use list::list;
pub(crate) use moderator::moderator;
pub(crate) use object::object;

use self::held::Held;
use self::plan::Plan;
use self::route::Class;
use super::error::Failure;
use super::google::Tokens;
use super::{AnswerBody, Upload, retry};
use crate::meter::Answer;
use crate::record::Recording;
use bytes::Bytes;
use deployment::HttpWay;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, response};
use portcullis_fault::{Fault, codes};
use portcullis_identity::ModelPermit;
use portcullis_jose::sha256;
use portcullis_llm::dialect::Operation;
use portcullis_llm::providers::echo;
use portcullis_model::Timestamp;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time to the head of a provider's answer, where nothing is said: without a stream, the head comes with the last token.
const HEAD: Duration = Duration::from_secs(600);

/// An attempt that failed.
struct Refusal {
    class: Class,
    /// What the caller is told: in the provider's words, or in ours.
    said: Result<Answer, Fault>,
    /// How long the provider asks to be left alone.
    rest: Option<Duration>,
    /// It was sent, and what became of it is not known: it may have run, and cost what it costs.
    may_have_run: bool,
}

type Refused = Box<Refusal>;

/// A failure that is told in our words.
fn refused(class: Class, fault: Fault) -> Refused {
    Box::new(Refusal { class, said: Err(fault), rest: None, may_have_run: false })
}

impl Refusal {
    /// In words for whoever runs the gateway.
    fn why(&self) -> String {
        match &self.said {
            Ok(answer) if answer.head.status.is_success() => "its answer began with an error".to_owned(),
            Ok(answer) => format!("it answered {}", answer.head.status.as_u16()),
            Err(fault) => fault.private_context().unwrap_or_else(|| fault.code().title().to_owned()),
        }
    }
}

/// One call to one deployment.
struct Attempt<'a> {
    permit: &'a ModelPermit,
    deployment: &'a Deployment,
    call: &'a AiCall<'a>,
    /// The key that is used, of several.
    key: Option<usize>,
    /// When the call's time is over.
    end: Option<Instant>,
    /// Whose something is that lives at the provider.
    held: &'a Arc<Held>,
}

/// A request on its way to a provider.
struct Outgoing {
    method: Method,
    path: Cow<'static, str>,
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
        let Outgoing { method, path, mut headers, body } = outgoing;
        let target = way.uri(&path).map_err(|fault| refused(Class::Refused, fault))?;
        if let Some((name, value)) = way.credential(self.key) {
            headers.insert(name.clone(), value.clone());
        }
        if way.signs() {
            let bytes = body.clone();
            let digest = self.call.work(body.len(), move || sha256(&bytes)).await;
            let digest = digest.map_err(|fault| refused(Class::Refused, fault))?;
            way.sign(&method, &mut headers, &target, digest, self.call.now)
                .map_err(|fault| refused(Class::KeyRefused, fault))?;
        }
        let mut request = Request::new(if body.is_empty() { Upload::Empty } else { Upload::Whole(body) });
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let Some(tokens) = &way.tokens else { return self.over(way, request, recording).await };
        let token = self.token(tokens, recording).await?;
        let again = retry::again(&request);
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        let answer = self.over(way, request, recording).await?;
        let Some(mut again) = again.filter(|_| answer.0.status == StatusCode::UNAUTHORIZED) else {
            return Ok(answer);
        };
        // Taken back before its time: once more with a new one.
        tokens.refused(&token);
        drop(answer);
        let token = self.token(tokens, recording).await?;
        again.headers_mut().insert(header::AUTHORIZATION, token);
        self.over(way, again, recording).await
    }

    async fn over(
        &self,
        way: &HttpWay,
        request: Request<Upload>,
        recording: &mut Recording,
    ) -> Result<(response::Parts, AnswerBody), Refused> {
        let mut patience = way.endpoint.patience(HEAD, None);
        patience.end = self.end;
        let mut attempts = 0;
        let permit = self.permit.permit();
        let answer = retry::call(permit, &way.endpoint, request, patience, &mut attempts).await;
        recording.record.attempts = recording.record.attempts.saturating_add(attempts);
        let answer = answer.map_err(refuse)?;
        came(&answer.0, recording);
        Ok(answer)
    }

    /// An access token of our account, within the call's time. That there is none is our failure, or the provider's.
    async fn token(&self, tokens: &Arc<Tokens>, recording: &Recording) -> Result<HeaderValue, Refused> {
        let token = tokens.header(recording.now());
        let token = match self.end {
            Some(end) => tokio::time::timeout_at(end, token).await.unwrap_or_else(|_| {
                Err(Fault::new(codes::UPSTREAM_TIMEOUT)
                    .context("no access token came within the time for the call"))
            }),
            None => token.await,
        };
        token.map_err(|fault| {
            let ours = fault.code() == codes::PROVIDER_CREDENTIAL_REFUSED;
            let class = if ours { Class::KeyRefused } else { Class::Outage };
            refused(class, fault)
        })
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

/// A failed exchange.
fn refuse(failure: Failure) -> Refused {
    match failure {
        Failure::Caller(_) => refused(Class::Refused, failure.into()),
        Failure::Connect(error) => {
            let fault =
                Fault::new(codes::PROVIDER_UNAVAILABLE).retry_after(Duration::from_secs(5)).source(error);
            refused(Class::Outage, fault)
        }
        other => {
            let may_have_run = matches!(other, Failure::Broken(_) | Failure::Silent(_));
            Box::new(Refusal { may_have_run, ..*refused(Class::Outage, other.into()) })
        }
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
