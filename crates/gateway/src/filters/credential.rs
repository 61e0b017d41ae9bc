//! The caller's own credential: not for the service, unless the service says so, and API keys of ours never.

use super::{Passage, without_parameter};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request};
use portcullis_model::service::{CredentialPlaces, Forward};

/// Where credentials may be on a service's calls, and what becomes of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrub {
    forward: bool,
    header: Option<HeaderName>,
    cookie: Option<Box<str>>,
}

impl Scrub {
    /// From the service's settings; the header's name must be one.
    pub(crate) fn new(forward: Forward, places: &CredentialPlaces) -> Result<Self, String> {
        let header = match &places.header {
            Some(name) => Some(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| format!("a header's name was expected, not `{name}`"))?,
            ),
            None => None,
        };
        Ok(Self {
            forward: forward == Forward::Caller,
            header,
            cookie: places.cookie.as_deref().map(Into::into),
        })
    }
}

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    let scrub = passage.scrub;
    scrub_header(&mut head.headers, &header::AUTHORIZATION, scrub.forward);
    if let Some(name) = &scrub.header {
        scrub_header(&mut head.headers, name, scrub.forward);
    }
    if let Some(cookie) = &scrub.cookie
        && !scrub.forward
    {
        scrub_cookie(&mut head.headers, cookie);
    }
    scrub_query(&mut head.uri);
}

fn scrub_header(headers: &mut HeaderMap, name: &HeaderName, forward: bool) {
    let Some(value) = headers.get(name) else { return };
    if !forward || holds_our_key(value.as_bytes()) {
        headers.remove(name);
    }
}

fn holds_our_key(value: &[u8]) -> bool {
    memchr::memmem::find(value, b"pck_").is_some()
}

/// Removes one cookie and leaves the others (RFC 6265 §4.2.1).
fn scrub_cookie(headers: &mut HeaderMap, name: &str) {
    if !headers.contains_key(header::COOKIE) {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| {
            let mut left: Vec<u8> = Vec::with_capacity(line.len());
            for pair in
                line.as_bytes().split(|c| *c == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
            {
                let key = pair.split(|c| *c == b'=').next().unwrap_or_default().trim_ascii();
                if key != name.as_bytes() {
                    if !left.is_empty() {
                        left.extend_from_slice(b"; ");
                    }
                    left.extend_from_slice(pair);
                }
            }
            if left.is_empty() { None } else { HeaderValue::from_bytes(&left).ok() }
        })
        .collect();
    headers.remove(header::COOKIE);
    for line in kept {
        headers.append(header::COOKIE, line);
    }
}

/// A key of ours in the query (`?key=pck_…`, as some AI clients send theirs) does not travel on.
fn scrub_query(uri: &mut Uri) {
    if uri.query().is_some_and(|query| holds_our_key(query.as_bytes()))
        && let Some(clean) = without_parameter(uri, "key")
    {
        *uri = clean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cookie_goes_and_the_others_stay() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; session=secret ;b=2".parse().unwrap());
        headers.append(header::COOKIE, "session=again".parse().unwrap());
        scrub_cookie(&mut headers, "session");
        assert_eq!(headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn our_keys_never_travel() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Bearer pck_1_2".parse().unwrap());
        scrub_header(&mut headers, &header::AUTHORIZATION, true);
        assert!(headers.is_empty());
        headers.insert(header::AUTHORIZATION, "Bearer a.b.c".parse().unwrap());
        scrub_header(&mut headers, &header::AUTHORIZATION, true);
        assert_eq!(headers.len(), 1);
        scrub_header(&mut headers, &header::AUTHORIZATION, false);
        assert!(headers.is_empty());
        let mut uri: Uri = "/a?x=1&key=pck_1_2&y=2".parse().unwrap();
        scrub_query(&mut uri);
        assert_eq!(uri, "/a?x=1&y=2");
    }
}
