//! Headers that only we may set, in every spelling: a service behind CGI or WSGI cannot tell `X-User-Id` from
//! `x_user_id`, so neither may come from outside.

use super::Passage;
use http::{HeaderMap, HeaderName, request};

/// What services are told about the caller. Never taken from outside. Some are not set today; they are kept free.
pub(crate) const IDENTITY: [&str; 10] = [
    "x-user-id",
    "x-user-external-id",
    "x-user-roles",
    "x-user-teams",
    "x-user-name",
    "x-user-email",
    "x-tenant",
    "x-tenant-id",
    "x-application-id",
    "x-application",
];

/// What services are told about the way that the call came. In their one right spelling they have filters of their own.
const WAY: [&str; 10] = [
    "forwarded",
    "traceparent",
    "tracestate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// What a name is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing.
    Free,
    /// It tells who is calling, or is a misspelt name of ours: it does not pass.
    Forged,
    /// It tells about the way, in the right spelling: its own filter decides.
    Way,
}

pub(super) fn claim(name: &str) -> Claim {
    const LONGEST: usize = 18;
    let bytes = name.as_bytes();
    if bytes.len() > LONGEST || !matches!(bytes.first(), Some(b'x' | b'f' | b't')) {
        return Claim::Free;
    }
    let mut plain = [0; LONGEST];
    let mut misspelt = false;
    for (to, from) in plain.iter_mut().zip(bytes) {
        // Names are in lower case by now.
        *to = if from.is_ascii_alphanumeric() { *from } else { b'-' };
        misspelt |= to != from;
    }
    let plain = &plain[..bytes.len()];
    if IDENTITY.iter().any(|ours| ours.as_bytes() == plain) {
        Claim::Forged
    } else if WAY.iter().any(|ours| ours.as_bytes() == plain) {
        if misspelt { Claim::Forged } else { Claim::Way }
    } else {
        Claim::Free
    }
}

pub(super) fn on_request(_: &mut Passage<'_>, head: &mut request::Parts) {
    strip(&mut head.headers, |name| claim(name) == Claim::Forged);
}

/// Removes the fields whose name is `unwanted`.
pub(super) fn strip(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    // Nearly always there are none, and then nothing is allocated.
    let doomed: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name.as_str())).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_ours() {
        for name in [
            "x-user-id",
            "x_user_id",
            "x-user_id",
            "x.user.id",
            "x-tenant",
            "x_user_external_id",
            "x_forwarded_for",
            "x_request-id",
        ] {
            assert_eq!(claim(name), Claim::Forged, "{name}");
        }
        for name in
            ["x-user-agent", "user-agent", "x-user-identity-provider-hint", "x-tenants", "from", "te", ""]
        {
            assert_eq!(claim(name), Claim::Free, "{name}");
        }
        for name in WAY {
            assert_eq!(claim(name), Claim::Way, "{name}");
        }
        assert!(IDENTITY.iter().chain(&WAY).all(|name| name.len() <= 18));
    }
}
