//! Where the call came from. What a stranger says about it is dropped; what a trusted proxy says is continued.

use super::Passage;
use bytes::BufMut;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header, request};
use std::fmt::Write as _;

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
static REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    let headers = &mut head.headers;
    let before = if passage.trusted_peer { joined(headers) } else { None };
    if !passage.trusted_peer {
        headers.remove(&PROTO);
        headers.remove(&HOST);
        headers.remove(&PORT);
        headers.remove(&PREFIX);
    }
    // One notation goes on, not two that an upstream could read differently.
    headers.remove(header::FORWARDED);
    headers.remove(&REAL_IP);

    let peer = passage.peer.to_canonical();
    let chain = passage.ink.value(|to| {
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            to.put_slice(before.as_bytes());
            to.put_slice(b", ");
        }
        // Writing to memory that grows cannot fail.
        let _ = write!(to, "{peer}");
    });
    if let Some(value) = chain {
        headers.insert(&FOR, value);
    }
    if !headers.contains_key(&PROTO) {
        headers.insert(&PROTO, HeaderValue::from_static(if passage.https { "https" } else { "http" }));
    }
    if !headers.contains_key(&HOST)
        && let Some(host) = &passage.host
    {
        headers.insert(&HOST, host.clone());
    }
    // RFC 9110 §7.6.3; a fixed pseudonym, since our own name says more than an upstream must know.
    let via = if passage.version == Version::HTTP_2 { "2 portcullis" } else { "1.1 portcullis" };
    headers.append(header::VIA, HeaderValue::from_static(via));
}

/// What trusted proxies have written so far, as one list.
fn joined(headers: &HeaderMap) -> Option<String> {
    let mut list = String::new();
    for value in headers.get_all(&FOR) {
        let text = value.to_str().ok()?;
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(text.trim());
    }
    Some(list)
}
