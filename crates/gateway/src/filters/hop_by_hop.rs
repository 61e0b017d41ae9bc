//! Fields that are for one connection only (RFC 9110 §7.6.1), and those that `Connection` nominates.

use super::Passage;
use http::{HeaderMap, HeaderName, HeaderValue, header, request};

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    let headers = &mut head.headers;
    let trailers = wants_trailers(headers);
    let upgrade = if passage.upgrade { headers.remove(header::UPGRADE) } else { None };
    strip(headers);
    // Answered by us: the body is asked for when the upstream takes it.
    headers.remove(header::EXPECT);
    headers.remove(header::PROXY_AUTHORIZATION);
    headers.remove(&HTTP2_SETTINGS);
    if let Some(upgrade) = upgrade {
        headers.insert(header::UPGRADE, upgrade);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    } else if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

pub(super) fn on_response(headers: &mut HeaderMap, upgrade: bool) {
    let protocol = if upgrade { headers.remove(header::UPGRADE) } else { None };
    strip(headers);
    headers.remove(header::PROXY_AUTHENTICATE);
    if let Some(protocol) = protocol {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Whether the sender takes trailers (`TE: trailers`, RFC 9110 §6.5.1).
fn wants_trailers(headers: &HeaderMap) -> bool {
    headers.get_all(header::TE).iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|member| member.trim().eq_ignore_ascii_case("trailers")))
    })
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let nominated: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|c| *c == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            // `Host` and the body's framing are no business of `Connection`; taking them away would change the message.
            .filter(|name| !matches!(*name, header::HOST | header::CONTENT_LENGTH | header::CONTENT_TYPE))
            .collect();
        for name in nominated {
            headers.remove(name);
        }
        headers.remove(header::CONNECTION);
    }
    if headers.remove(header::TRANSFER_ENCODING).is_some() {
        // It counted (RFC 9112 §6.3); a length beside it would be believed by the next reader.
        headers.remove(header::CONTENT_LENGTH);
    }
    headers.remove(header::UPGRADE);
    headers.remove(header::TE);
    headers.remove(&KEEP_ALIVE);
    headers.remove(&PROXY_CONNECTION);
}
