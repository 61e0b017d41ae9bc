//! Who is calling, for the service to read: `X-User-Id` (our id), `X-User-External-Id`, `X-User-Roles`, `X-Tenant`,
//! `X-Application-Id`.

use super::Passage;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, request};
use uuid::Uuid;

static USER_ID: HeaderName = HeaderName::from_static("x-user-id");
static USER_EXTERNAL_ID: HeaderName = HeaderName::from_static("x-user-external-id");
static USER_ROLES: HeaderName = HeaderName::from_static("x-user-roles");
static TENANT: HeaderName = HeaderName::from_static("x-tenant");
static APPLICATION_ID: HeaderName = HeaderName::from_static("x-application-id");

pub(super) fn on_request(passage: &Passage<'_>, head: &mut request::Parts) {
    let Some(principal) = passage.principal else { return };
    let headers = &mut head.headers;
    put(headers, &TENANT, principal.tenant.name.as_str());
    if let Some(user) = &principal.user {
        headers.insert(&USER_ID, id(user.id.0));
        if let Some(external) = &user.external_id {
            put(headers, &USER_EXTERNAL_ID, external);
        }
    }
    if let Some(application) = &principal.application {
        headers.insert(&APPLICATION_ID, id(application.id.0));
    }
    if !principal.roles.is_empty() {
        put(headers, &USER_ROLES, &list(&principal.roles));
    }
}

fn put(headers: &mut HeaderMap, name: &HeaderName, text: &str) {
    // UTF-8 stands in a header as opaque bytes (RFC 9110 §5.5). What has control characters cannot stand there at all.
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(name, value);
    }
}

/// An id as a header's value.
pub(crate) fn id(uuid: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let text = uuid.as_hyphenated().encode_lower(&mut buffer);
    // Hexadecimal digits and hyphens are always a value.
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()))
        .unwrap_or(HeaderValue::from_static("-"))
}

/// Roles, separated by commas. A comma within a role would be read as two roles, and an issuer's tokens may carry any
/// text: so it is percent-encoded there, as are `%` and what cannot stand in a header.
fn list(roles: &[String]) -> String {
    let mut text = String::with_capacity(roles.iter().map(|role| role.len() + 1).sum());
    for role in roles {
        if !text.is_empty() {
            text.push(',');
        }
        for c in role.chars() {
            if c.is_control() || matches!(c, ',' | '%') {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(percent_encoding::percent_encode_byte(byte));
                }
            } else {
                text.push(c);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_cannot_be_two() {
        assert_eq!(
            list(&["reader".to_owned(), "x,admin".to_owned(), "a%\n".to_owned()]),
            "reader,x%2Cadmin,a%25%0A"
        );
    }
}
