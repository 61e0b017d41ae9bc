//! W3C trace context towards the service: our own span as the parent; `tracestate` goes along when its trace does.

use super::Passage;
use http::{HeaderName, request};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

pub(super) fn on_request(passage: &Passage<'_>, head: &mut request::Parts) {
    head.headers.insert(&TRACEPARENT, passage.trace.header());
    if passage.trace.is_new() {
        // It would belong to a trace that was not continued.
        head.headers.remove(&TRACESTATE);
    }
}
