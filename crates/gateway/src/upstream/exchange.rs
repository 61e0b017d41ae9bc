//! One attempt: a request out, the head of its answer back.

use super::answer::AnswerBody;
use super::endpoint::{Endpoint, Line};
use super::error::Failure;
use super::upload::Upload;
use super::watchdog::Watchdog;
use http::{HeaderMap, HeaderName, Request, StatusCode, Uri, Version, header, response, uri};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How long an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until the answer's head.
    pub(crate) head: Duration,
    /// Between two pieces of the answer.
    pub(crate) pause: Duration,
    /// For the whole of it; streams are excepted.
    pub(crate) end: Option<Instant>,
}

/// What became of an attempt that failed; with the request, when it can be sent again as it is.
pub(super) type Failed = (Failure, Option<Request<Upload>>);

/// Sends `request`, whose target is in origin form, over `line`.
pub(super) async fn exchange(
    endpoint: &Arc<Endpoint>,
    line: &mut Option<Line>,
    mut request: Request<Upload>,
    patience: Patience,
) -> Result<(response::Parts, AnswerBody), Failed> {
    // Left in place on failure, for whoever decides whether to try again.
    match line {
        Some(Line::Lane(lane)) => {
            *request.version_mut() = Version::HTTP_11;
            request.headers_mut().insert(header::HOST, endpoint.host.clone());
            if let Some(credentials) = &lane.proxy {
                absolute(&mut request, endpoint);
                if let Some(credentials) = credentials {
                    request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials.clone());
                }
            }
            let answer = lane.send(request, patience.head, patience.end).await?;
            let (head, incoming) = answer.into_parts();
            lane.keep = announced(&head.headers);
            lane.watchdog.watch(patience.pause, patience.end.filter(|_| !is_stream(&head)));
            let Some(Line::Lane(lane)) = line.take() else {
                return Err((Failure::Silent(Duration::ZERO), None));
            };
            Ok((head, AnswerBody::Lane { incoming, lane, endpoint: endpoint.clone() }))
        }
        Some(Line::Seat(seat)) => {
            *request.version_mut() = Version::HTTP_2;
            absolute(&mut request, endpoint);
            for name in [header::HOST, header::CONNECTION] {
                request.headers_mut().remove(name);
            }
            let gauge = request.body().gauge();
            let answer = std::pin::pin!(seat.sender().try_send_request(request));
            let answer = head_in_time(answer, gauge.as_deref(), patience).await?;
            let (head, incoming) = answer.into_parts();
            let mut watchdog = Watchdog::new();
            watchdog.watch(patience.pause, patience.end.filter(|_| !is_stream(&head)));
            let Some(Line::Seat(seat)) = line.take() else {
                return Err((Failure::Silent(Duration::ZERO), None));
            };
            Ok((head, AnswerBody::Seat { incoming, watchdog, _seat: seat }))
        }
        None => Err((Failure::Silent(Duration::ZERO), Some(request))),
    }
}

type Sent = Result<http::Response<hyper::body::Incoming>, hyper::client::conn::TrySendError<Request<Upload>>>;

async fn head_in_time(
    mut answer: std::pin::Pin<&mut impl Future<Output = Sent>>,
    gauge: Option<&super::Gauge>,
    patience: Patience,
) -> Result<http::Response<hyper::body::Incoming>, Failed> {
    loop {
        let due = Instant::now() + patience.head;
        let due = patience.end.map_or(due, |end| end.min(due));
        match tokio::time::timeout_at(due, answer.as_mut()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(mut error)) => {
                let back = error.take_message();
                return Err((Failure::of(error.into_error(), back.is_some()), back));
            }
            Err(_) => {
                let uploading = gauge.is_some_and(|gauge| !gauge.is_done());
                if !uploading || patience.end.is_some_and(|end| end <= Instant::now()) {
                    return Err((Failure::Silent(patience.head), None));
                }
            }
        }
    }
}

fn absolute(request: &mut Request<Upload>, endpoint: &Endpoint) {
    let mut parts = uri::Parts::default();
    parts.scheme = Some(endpoint.origin.0.clone());
    parts.authority = Some(endpoint.origin.1.clone());
    parts.path_and_query = request.uri().path_and_query().cloned();
    // All three parts are there: they always make a target.
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Whether an answer goes on for as long as it has something to say: the limit for the whole is not for these.
pub(crate) fn is_stream(head: &response::Parts) -> bool {
    const KINDS: [&[u8]; 3] =
        [b"text/event-stream", b"application/x-ndjson", b"application/vnd.amazon.eventstream"];
    head.status == StatusCode::OK
        && head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.as_bytes();
            KINDS
                .iter()
                .any(|known| kind.get(..known.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(known)))
        })
}

/// `Keep-Alive: timeout=5`: how long the upstream keeps the connection.
fn announced(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&KEEP_ALIVE)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|member| member.trim().strip_prefix("timeout="))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}
