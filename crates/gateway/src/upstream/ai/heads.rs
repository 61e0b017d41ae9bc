//! Heads on the way to a provider and back: lists of what passes, since what a new header means to a vendor, or gives
//! away of us, cannot be known.

use super::deployment::HttpWay;
use crate::upstream::AnswerBody;
use http::{HeaderMap, HeaderName, HeaderValue, header, response};

/// What a provider gets of a caller's head. `x-stainless-…` is how the vendors' libraries describe themselves.
fn passes_out(name: &str) -> bool {
    matches!(name, "accept" | "content-type" | "idempotency-key" | "openai-beta" | "user-agent")
        || name.starts_with("x-stainless-")
}

/// What a caller gets of a provider's head. Not the limits and names of our account there.
fn passes_back(name: &str) -> bool {
    matches!(
        name,
        "cache-control"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-type"
            | "openai-processing-ms"
            | "openai-version"
            | "retry-after"
            | "retry-after-ms"
            | "x-should-retry"
    )
}

/// The head of a call to a provider.
pub(super) fn to_provider(caller: &HeaderMap, way: &HttpWay, id: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in caller {
        if passes_out(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // A compressed answer could not be read for its usage.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // For the provider's support: their log and our record then have an id in common.
    headers.insert(HeaderName::from_static("x-client-request-id"), id.clone());
    for (name, value) in &way.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// An answer with what the caller may see of its head.
pub(super) fn to_caller(mut head: response::Parts, body: AnswerBody) -> (response::Parts, AnswerBody) {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in &head.headers {
        if passes_back(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    head.headers = headers;
    head.extensions = http::Extensions::default();
    (head, body)
}
