//! Who is calling, for the service to read: `X-User-Id` (our id), `X-User-External-Id`, `X-User-Roles`,
//! `X-User-Teams` (with those above them), `X-Tenant`, `X-Application-Id`.

use super::Passage;
use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, request};

static USER_ID: HeaderName = HeaderName::from_static("x-user-id");
static USER_EXTERNAL_ID: HeaderName = HeaderName::from_static("x-user-external-id");
static USER_ROLES: HeaderName = HeaderName::from_static("x-user-roles");
static USER_TEAMS: HeaderName = HeaderName::from_static("x-user-teams");
static TENANT: HeaderName = HeaderName::from_static("x-tenant");
static APPLICATION_ID: HeaderName = HeaderName::from_static("x-application-id");

pub(super) fn on_request(passage: &mut Passage<'_>, head: &mut request::Parts) {
    let Some(principal) = passage.principal else { return };
    let (headers, ink) = (&mut head.headers, &mut passage.ink);
    put(headers, &TENANT, ink.text(principal.tenant.name.as_str()));
    if let Some(user) = &principal.user {
        headers.insert(&USER_ID, ink.id(user.id.0));
        put(headers, &USER_EXTERNAL_ID, user.external_id.as_deref().and_then(|external| ink.text(external)));
    }
    if let Some(application) = &principal.application {
        headers.insert(&APPLICATION_ID, ink.id(application.id.0));
    }
    if !principal.roles.is_empty() {
        put(headers, &USER_ROLES, ink.value(|to| list(principal.roles.iter().map(String::as_str), to)));
    }
    if !principal.teams.is_empty() {
        let teams = principal.teams.iter().map(|team| team.name.as_str());
        put(headers, &USER_TEAMS, ink.value(|to| list(teams, to)));
    }
}

fn put(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

/// Roles or teams, separated by commas. A comma within a role would be read as two roles, and an issuer's tokens may carry any
/// text: so it is percent-encoded there, as are `%` and what cannot stand in a header.
fn list<'a>(texts: impl Iterator<Item = &'a str>, to: &mut BytesMut) {
    for (at, role) in texts.enumerate() {
        if at > 0 {
            to.put_u8(b',');
        }
        for byte in role.bytes() {
            if byte.is_ascii_control() || matches!(byte, b',' | b'%') {
                to.put_slice(percent_encoding::percent_encode_byte(byte).as_bytes());
            } else {
                to.put_u8(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_cannot_be_two() {
        let mut to = BytesMut::new();
        list(["reader", "x,admin", "a%\n"].into_iter(), &mut to);
        assert_eq!(&to[..], b"reader,x%2Cadmin,a%25%0A");
    }
}
