//! A second attempt, where it cannot do anything twice.

use super::answer::AnswerBody;
use super::endpoint::{Endpoint, Line};
use super::error::Failure;
use super::exchange::{Patience, exchange};
use super::upload::Upload;
use http::{Method, Request, response};
use portcullis_identity::Permit;
use std::sync::Arc;
use std::time::Duration;

/// Attempts at one call, the first included.
const ATTEMPTS: u8 = 3;

/// Calls an endpoint. `attempts` counts what was tried, also on the way to a failure.
///
/// Tried again: what the upstream cannot have seen (no connection, or an idle one that had been closed), and an
/// idempotent call (RFC 9110 §9.2.2) with a body at hand whose connection broke without a byte of an answer. Time-outs
/// and answers, whatever their status, are not.
pub(crate) async fn call(
    _: &Permit,
    endpoint: &Arc<Endpoint>,
    request: Request<Upload>,
    patience: Patience,
    attempts: &mut u8,
) -> Result<(response::Parts, AnswerBody), Failure> {
    let mut next = Some(request);
    let mut refused = false;
    loop {
        let Some(request) = next.take() else { return Err(Failure::Silent(Duration::ZERO)) };
        *attempts = attempts.saturating_add(1);
        let last = *attempts >= ATTEMPTS;
        let mut line = match endpoint.line(*attempts > 1).await {
            Ok(line) => Some(line),
            Err(failure) => {
                // Once more after a breath: an upstream that restarts is back in a moment, or in a while.
                if refused || last || !is_refusal(&failure) {
                    return Err(failure);
                }
                refused = true;
                tokio::time::sleep(Duration::from_millis(100)).await;
                next = Some(request);
                continue;
            }
        };
        // Copied only where it may be needed: on a connection that may have died while it was idle.
        let stale = line.as_ref().is_some_and(Line::may_be_stale);
        let spare = if stale && !last && is_idempotent(request.method()) { again(&request) } else { None };
        match exchange(endpoint, &mut line, request, patience).await {
            Ok(answer) => return Ok(answer),
            Err((failure, back)) => {
                next = match (&failure, back) {
                    _ if last => None,
                    (Failure::Unsent(_), Some(request)) => Some(request),
                    (Failure::Broken(_), _) => spare,
                    _ => None,
                };
                if next.is_none() {
                    return Err(failure);
                }
            }
        }
    }
}

fn is_refusal(failure: &Failure) -> bool {
    use portcullis_net::egress::ConnectError;
    matches!(failure, Failure::Connect(ConnectError::Connect { source, .. }) if source.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// A copy, where the body is at hand.
pub(super) fn again(request: &Request<Upload>) -> Option<Request<Upload>> {
    let mut copy = Request::new(request.body().again()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
