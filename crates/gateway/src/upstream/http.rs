//! Calls to services: any HTTP API behind a path, streamed both ways.

use super::retry;
use super::{AnswerBody, Endpoint, Upload};
use crate::record::Recording;
use crate::route::CallPath;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri, request, response};
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use std::sync::Arc;
use std::time::Duration;

/// Time to the head of a service's answer, where nothing is said.
const HEAD: Duration = Duration::from_secs(60);

/// Where a service's calls go.
pub(crate) struct Target {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The upstream URL's own path, without a final slash.
    pub(crate) base: Box<str>,
    /// The service's path, when it is dropped before appending.
    pub(crate) strip: Option<Box<str>>,
    /// For one whole call; streams are excepted.
    pub(crate) timeout: Option<Duration>,
}

impl Target {
    /// The target of a call in origin form: exactly the path that was matched, and the query as it came.
    pub(crate) fn uri(&self, uri: &Uri, path: &CallPath<'_>) -> Result<Uri, Fault> {
        let as_it_came = self.base.is_empty() && self.strip.is_none() && !path.is_changed();
        let target = if as_it_came && let Some(target) = uri.path_and_query() {
            target.clone()
        } else {
            let rest = self.strip.as_deref().map_or(path.as_str(), |prefix| path.below(prefix));
            let mut text =
                String::with_capacity(self.base.len() + rest.len() + uri.query().map_or(0, str::len) + 2);
            text.push_str(&self.base);
            text.push_str(rest);
            if text.is_empty() {
                text.push('/');
            }
            if let Some(query) = uri.query() {
                text.push('?');
                text.push_str(query);
            }
            PathAndQuery::try_from(text).map_err(|error| {
                Fault::new(codes::PATH_REFUSED).detail("the path cannot be forwarded").source(error)
            })?
        };
        Ok(Uri::from(target))
    }
}

/// Sends a call whose head was filtered; the head and body of its answer.
pub(crate) async fn call(
    permit: &Permit,
    target: &Target,
    head: request::Parts,
    upload: Upload,
    recording: &mut Recording,
) -> Result<(response::Parts, AnswerBody), Fault> {
    let patience = target.endpoint.patience(HEAD, target.timeout);
    recording.record.timing.dispatched = recording.elapsed();
    let request = Request::from_parts(head, upload);
    let attempts = &mut recording.record.attempts;
    let (head, body) = retry::call(permit, &target.endpoint, request, patience, attempts).await?;
    recording.record.timing.first_byte = recording.elapsed();
    recording.record.upstream_status = Some(head.status.as_u16());
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(
            Fault::new(codes::UPSTREAM_INVALID).context("it switched protocols, and nobody had asked")
        );
    }
    Ok((head, body))
}
