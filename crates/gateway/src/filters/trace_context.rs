//! W3C trace context towards the service: our own span as the parent; `tracestate` goes along when its trace does.

use super::Passage;
use http::{HeaderName, request};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    let trace = passage.trace;
    if let Some(value) = passage.ink.value(|to| to.extend_from_slice(&trace.traceparent())) {
        head.headers.insert(&TRACEPARENT, value);
    }
    if passage.trace.is_new() {
        // It would belong to a trace that was not continued.
        head.headers.remove(&TRACESTATE);
    }
}
