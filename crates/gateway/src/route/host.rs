//! Which host a call names: one, in one form.

use http::{HeaderMap, Uri, Version, header};
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;

/// The host of a call in lower case, without port and final dot; empty for HTTP/1.0 without one. The request target's
/// authority counts before `Host` (RFC 9112 §3.2.2); two that differ are refused, since an upstream may look at the other one.
pub(crate) fn host_of<'a>(
    version: Version,
    uri: &'a Uri,
    headers: &'a HeaderMap,
) -> Result<Cow<'a, str>, Fault> {
    let refuse = |why: &'static str| Fault::new(codes::REQUEST_MALFORMED).detail(why);
    let mut values = headers.get_all(header::HOST).iter();
    let named = match (values.next(), values.next()) {
        (_, Some(_)) => return Err(refuse("the request has more than one `Host`")),
        (Some(value), None) => Some(plain(value.to_str().map_err(|_| refuse("`Host` is not a host name"))?)),
        (None, None) => None,
    };
    let target = uri.authority().map(|authority| plain(authority.as_str()));
    let host = match (target, named) {
        (Some(target), Some(named)) if target != named => {
            return Err(refuse("`Host` differs from the request target's authority"));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) if version < Version::HTTP_11 => return Ok(Cow::Borrowed("")),
        (None, None) => return Err(refuse("the request has no `Host`")),
    };
    let fits = host
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b':' | b'[' | b']'));
    if !fits {
        return Err(refuse("`Host` is not a host name"));
    }
    Ok(host)
}

fn plain(authority: &str) -> Cow<'_, str> {
    // A port follows the last colon, unless that colon is inside an IPv6 literal.
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|c| c.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(uri: &str, hosts: &[&str]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        host_of(Version::HTTP_11, &uri.parse().unwrap(), &headers)
            .map(Cow::into_owned)
            .map_err(|f| f.public_detail().to_owned())
    }

    #[test]
    fn one_host_in_one_form() {
        assert_eq!(host("/a", &["API.Example.com:8080"]).as_deref(), Ok("api.example.com"));
        assert_eq!(host("/a", &["api.example.com."]).as_deref(), Ok("api.example.com"));
        assert_eq!(host("/a", &["[::1]:80"]).as_deref(), Ok("[::1]"));
        assert_eq!(host("/a", &["[::1]"]).as_deref(), Ok("[::1]"));
        assert_eq!(host("http://a.example/x", &["a.example"]).as_deref(), Ok("a.example"));
        assert!(host("http://a.example/x", &["b.example"]).is_err());
        assert!(host("/a", &["a", "a"]).is_err());
        assert!(host("/a", &[]).is_err());
        assert!(host("/a", &["a/b"]).is_err());
        assert!(host("/a", &["user@a"]).is_err());
        assert_eq!(host_of(Version::HTTP_10, &"/".parse().unwrap(), &HeaderMap::new()).unwrap(), "");
    }
}
