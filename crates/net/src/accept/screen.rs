//! What hyper's parser lets through and a gateway must not: requests that two hops could read as two different ones.

use super::Limits;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Uri, Version};
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
    let too_large = |detail| Some(Fault::new(codes::HEADERS_TOO_LARGE).detail(detail));
    if headers.len() > limits.max_headers {
        return too_large(format!("more than {} headers", limits.max_headers));
    }
    if head_bytes(request) > limits.max_header_bytes {
        return too_large(format!(
            "request line and headers are larger than {} bytes",
            limits.max_header_bytes
        ));
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

/// The size of a head: as HTTP/1 writes it, optional white space aside, or as RFC 9113 §10.5.1 counts a header list.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let (line, field) = match request.version() {
        // Four fields of the request line, and a scheme without what is between it and a host.
        Version::HTTP_2 => (4 * 32 + ":method:scheme:authority:path".len() - "://".len(), 32),
        _ => ("  HTTP/1.1\r\n\r\n".len(), ": \r\n".len()),
    };
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + field);
    line + request.method().as_str().len() + target_bytes(request.uri()) + fields.sum::<usize>()
}

fn target_bytes(target: &Uri) -> usize {
    let origin = target.authority().map_or(0, |authority| authority.as_str().len());
    let scheme = target.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    scheme + origin + target.path_and_query().map_or(0, |path| path.as_str().len())
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

    #[test]
    fn a_head_is_as_large_as_it_is_written() {
        let limits = Limits { max_header_bytes: 1_000, ..Limits::default() };
        let code = |request: Request<()>| screen(&request, false, &limits).map(|fault| fault.code().name());
        let written =
            |uri: &str, value: &str| format!("GET {uri} HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n").len();
        let too_large = Some("headers_too_large");
        for uri in ["/", "/path?and=query", "http://a/absolute"] {
            let fits = "v".repeat(1_000 - written(uri, ""));
            let request = |value: &str| {
                Request::builder().uri(uri).header("host", "a").header("x", value).body(()).unwrap()
            };
            assert_eq!(
                (code(request(&fits)), code(request(&format!("{fits}v")))),
                (None, too_large),
                "{uri}"
            );
        }
        let http2 = |count: usize| {
            let mut request = Request::builder().version(Version::HTTP_2).uri("http://a/");
            for _ in 0..count {
                request = request.header("x", "");
            }
            code(request.body(()).unwrap())
        };
        // Each field counts 33 bytes there, and the four of the request line with it 166.
        assert_eq!((http2(25), http2(26)), (None, too_large));
    }
}
