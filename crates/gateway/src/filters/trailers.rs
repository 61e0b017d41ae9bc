//! Trailer sections, which arrive when all the checks are done: nothing in them may change what a head said.

use super::names::{self, Claim};
use http::{HeaderMap, HeaderName, header};

/// Cleans the trailers of a caller's request.
pub(crate) fn from_caller(trailers: &mut HeaderMap) {
    names::strip(trailers, |name| names::claim(name) != Claim::Free || !may_trail(name));
}

/// Cleans the trailers of an upstream's answer.
pub(crate) fn from_upstream(trailers: &mut HeaderMap) {
    names::strip(trailers, |name| !may_trail(name));
}

/// Fields of framing, routing, authentication and control do not belong into trailers (RFC 9110 §6.5.1).
fn may_trail(name: &str) -> bool {
    const NOT: [HeaderName; 18] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::HOST,
        header::MAX_FORWARDS,
        header::PROXY_AUTHORIZATION,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::WWW_AUTHENTICATE,
    ];
    !NOT.iter().any(|not| not.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_cannot_say_who_calls() {
        let mut trailers = HeaderMap::new();
        for name in
            ["x-user-id", "x_user_id", "authorization", "x-forwarded-for", "transfer-encoding", "x-checksum"]
        {
            trailers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), "1".parse().unwrap());
        }
        from_caller(&mut trailers);
        assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-checksum"]);
    }
}
