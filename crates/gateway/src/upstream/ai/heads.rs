//! Heads on the way to a provider and back: lists of what passes, since what a new header means to a vendor, or gives
//! away of us, cannot be known.

use super::deployment::HttpWay;
use http::{HeaderMap, HeaderName, HeaderValue, header, response};
use portcullis_llm::Dialect;

/// What any provider gets of a caller's head.
fn passes_out(name: &str) -> bool {
    matches!(name, "idempotency-key" | "user-agent")
}

/// What a provider of the caller's own dialect gets beside it. `x-stainless-…` is how the vendors' libraries describe
/// themselves.
fn passes_within(name: &str, dialect: &dyn Dialect) -> bool {
    matches!(name, "accept" | "content-type")
        || name.starts_with("x-stainless-")
        || dialect.headers().contains(&name)
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
            | "x-amzn-errortype"
    ) || says_when(name)
}

/// What says whether and when to try again.
fn says_when(name: &str) -> bool {
    matches!(name, "retry-after" | "retry-after-ms" | "x-should-retry")
}

/// The head of a call that passes as it is; `form`: how it is written, where it is a form.
pub(super) fn passing(
    caller: &HeaderMap,
    dialect: &dyn Dialect,
    form: Option<&str>,
    way: &HttpWay,
    id: &HeaderValue,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in caller {
        if passes_out(name.as_str()) || passes_within(name.as_str(), dialect) {
            headers.append(name.clone(), value.clone());
        }
    }
    // The boundary as we read it, in words that nobody reads otherwise.
    if let Some(form) = form.and_then(|form| HeaderValue::from_str(form).ok()) {
        headers.insert(header::CONTENT_TYPE, form);
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    ours(&mut headers, way, id);
    headers
}

/// The head of a call that was written anew.
pub(super) fn written(
    caller: &HeaderMap,
    written: &[(&'static str, String)],
    way: &HttpWay,
    stream: bool,
    id: &HeaderValue,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in caller {
        if passes_out(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    for (name, value) in written {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value.as_str())) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream { "text/event-stream, application/json, */*" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    ours(&mut headers, way, id);
    headers
}

/// What we say ourselves.
fn ours(headers: &mut HeaderMap, way: &HttpWay, id: &HeaderValue) {
    // A compressed answer could not be read for its usage.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // For the provider's support: their log and our record then have an id in common.
    headers.insert(HeaderName::from_static("x-client-request-id"), id.clone());
    for (name, value) in way.preset.headers {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    for (name, value) in &way.headers {
        headers.insert(name.clone(), value.clone());
    }
}

/// The head of an answer that passes as it is.
pub(super) fn to_caller(head: response::Parts) -> response::Parts {
    keep(head, passes_back)
}

/// The head of an answer that is written anew.
pub(super) fn anew(head: response::Parts) -> response::Parts {
    keep(head, |name| name == "cache-control" || says_when(name))
}

fn keep(mut head: response::Parts, passes: impl Fn(&str) -> bool) -> response::Parts {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in &head.headers {
        if passes(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    head.headers = headers;
    head.extensions = http::Extensions::default();
    head
}
