//! The call's id, on both ways. One that comes from outside names another call, or nothing.

use super::Passage;
use http::{HeaderMap, HeaderName, HeaderValue, request};

pub(super) static NAME: HeaderName = HeaderName::from_static("x-request-id");

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    head.headers.insert(&NAME, passage.request_id.clone());
}

pub(super) fn on_response(headers: &mut HeaderMap, id: &HeaderValue) {
    headers.insert(&NAME, id.clone());
}
