//! What hyper's parser lets through and a gateway must not: requests that two hops could read as two different ones.

use super::Limits;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Version};
use portcullis_fault::{Fault, codes};

/// Why a request is refused, if it is. hyper has checked the framing: conflicting or malformed `Content-Length`s,
/// `Transfer-Encoding` on HTTP/1.0 or not ending in `chunked`, folded headers and control characters do not get here,
/// and a connection that carried both framings is closed after its answer.
pub(super) fn screen<B>(request: &Request<B>, bare_lf: bool, limits: &Limits) -> Option<Fault> {
    let malformed = |detail: &'static str| Some(Fault::new(codes::REQUEST_MALFORMED).detail(detail));
    if bare_lf {
        return malformed("a line of the request's head ends in LF without CR");
    }
    let headers = request.headers();
    if headers.len() > limits.max_headers {
        return Some(
            Fault::new(codes::HEADERS_TOO_LARGE).detail(format!("more than {} headers", limits.max_headers)),
        );
    }
    if *request.method() == Method::CONNECT {
        return Some(
            Fault::new(codes::METHOD_NOT_ALLOWED).detail("`CONNECT` is not served: this is no forward proxy"),
        );
    }
    if !transfer_encoding_is_plain(headers) {
        return malformed("the only `Transfer-Encoding` that is served is `chunked`, once");
    }
    host(request).err().and_then(malformed)
}

/// RFC 9112 §6.1: codings beside `chunked` would have to be undone by somebody, and hops disagree who.
fn transfer_encoding_is_plain(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => value.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// RFC 9112 §3.2 and RFC 9113 §8.3.1: one host, said once or twice the same.
fn host<B>(request: &Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err("more than one `Host`");
    }
    if let Some(host) = host {
        // Enough to make every reader find the same host; what is a good name is the router's business.
        if !host.as_bytes().iter().all(|c| c.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(c)) {
            return Err("`Host` is not a host and port");
        }
    }
    let authority = request.uri().authority();
    match (authority, host) {
        (Some(authority), _) if authority.as_str().contains('@') => {
            Err("the target's authority has user information")
        }
        (Some(authority), Some(host))
            if !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()) =>
        {
            Err("the request's target and its `Host` name different hosts")
        }
        (None, None) if request.version() > Version::HTTP_10 => Err("no `Host`"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let http1 = |uri: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            screen(&request.body(()).unwrap(), false, &Limits::default()).map(|fault| fault.code().name())
        };
        let malformed = Some("request_malformed");
        assert_eq!(http1("/", &[("host", "a.example:8080")]), None);
        assert_eq!(http1("/", &[("host", "[::1]:8080")]), None);
        assert_eq!(http1("/", &[("host", "")]), None);
        assert_eq!(http1("http://a.example/", &[("host", "A.example")]), None);
        assert_eq!(http1("/", &[]), malformed);
        assert_eq!(http1("/", &[("host", "a"), ("host", "a")]), malformed);
        assert_eq!(http1("/", &[("host", "a/b")]), malformed);
        assert_eq!(http1("/", &[("host", "a@b")]), malformed);
        assert_eq!(http1("/", &[("host", "a, b")]), malformed);
        assert_eq!(http1("http://a/", &[("host", "b")]), malformed);
        assert_eq!(http1("http://u:p@a/", &[("host", "a")]), malformed);
        assert_eq!(http1("/", &[("host", "a"), ("transfer-encoding", "Chunked")]), None);
        for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
            assert_eq!(http1("/", &[("host", "a"), ("transfer-encoding", coding)]), malformed, "{coding}");
        }
        let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(http1("/", &twice), malformed);
        let many: Vec<_> = std::iter::repeat_n(("x", "y"), 101).collect();
        assert_eq!(http1("/", &many), Some("headers_too_large"));
    }
}
