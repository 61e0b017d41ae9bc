//! LDAP sources: servers that are reached in secret, a name with its password, and bounds.

use super::field;
use crate::place::Path;
use crate::tree::Findings;
use portcullis_model::source::ldap::Ldap;

/// Connections to a directory that many share.
const CONNECTIONS: u32 = 64;
/// Active Directory gives at most so many entries in a page unless told otherwise.
const PAGE: u32 = 1_000;

pub fn check(ldap: &Ldap, at: &Path, findings: &mut Findings) {
    if ldap.urls.is_empty() {
        findings.value(
            at.key("urls"),
            "no server is named",
            Some("write `urls = [\"ldaps://ldap.example.com\"]`"),
        );
    }
    for (i, url) in ldap.urls.iter().enumerate() {
        let at = at.key("urls").index(i);
        match url.scheme() {
            "ldaps" => {}
            "ldap" => {
                let here = url.host_str().is_some_and(|host| {
                    host == "localhost"
                        || host
                            .trim_matches(['[', ']'])
                            .parse::<std::net::IpAddr>()
                            .is_ok_and(|ip| ip.is_loopback())
                });
                if !here && !ldap.start_tls && !ldap.allow_plain {
                    findings.value(
                        at,
                        "`ldap://` sends the password and people's data unencrypted",
                        Some("use `ldaps://` or `start_tls = true`; or say `allow_plain = true`"),
                    );
                }
            }
            other => {
                let message = format!("a server is `ldaps://host` or `ldap://host`, not `{other}://…`");
                findings.value(at, message, None);
            }
        }
    }
    match (&ldap.bind_dn, &ldap.password) {
        (Some(_), None) => findings.value(
            at.key("bind_dn"),
            "`bind_dn` without `password` would be an anonymous bind",
            Some("give `password`, or leave both out"),
        ),
        (None, Some(_)) => {
            findings.value(at.key("password"), "whose password is it?", Some("give `bind_dn` as well"));
        }
        _ => {}
    }
    match (&ldap.client_certificate_file, &ldap.client_key_file) {
        (Some(_), None) => {
            findings.value(
                at.key("client_certificate_file"),
                "a certificate without its key",
                Some("give `client_key_file`"),
            );
        }
        (None, Some(_)) => {
            findings.value(
                at.key("client_key_file"),
                "a key without its certificate",
                Some("give `client_certificate_file`"),
            );
        }
        _ => {}
    }
    for (key, value, most) in
        [("connections", ldap.connections, CONNECTIONS), ("page_size", ldap.page_size, PAGE)]
    {
        if value == 0 || value > most {
            findings.value(at.key(key), format!("`{key}` is 1 to {most}, not {value}"), None);
        }
    }
    for name in ldap.attributes.extra.keys() {
        field(&format!("attributes.{name}"), at.key("attributes").key("extra").key(name), findings);
    }
}
