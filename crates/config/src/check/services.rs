//! Services: paths that can be read in one way only, and belong to one service only.

use super::models::egress;
use super::{Subject, positive, urls};
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::Service;
use portcullis_model::service::AuthMode;
use portcullis_model::team::check_team_path;
use std::collections::BTreeMap;
use url::Url;

/// First segments of paths that the gateway itself serves, now or by announcement.
pub const RESERVED_SEGMENTS: &[&str] =
    &["-", "v1", "openai", "anthropic", "gemini", "bedrock", "cohere", "ollama"];

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut routes: BTreeMap<(Option<String>, &str), &Service> = BTreeMap::new();
    for (at, service) in subject.each("services", &subject.config.services, &subject.index.services) {
        path(&service.path, at.key("path"), findings);
        if let Some(name) = &service.host {
            host(name, at.key("host"), findings);
        }
        let route = (service.host.as_ref().map(|host| host.to_lowercase()), service.path.as_str());
        if let Some(other) = routes.insert(route, service) {
            let message = format!(
                "the path is taken by service `{}` of tenant `{}`: `{}`",
                other.name,
                other.tenant,
                shown(&service.path)
            );
            findings.value(
                at.key("path"),
                message,
                Some("paths are unique over all tenants; choose another, or give each a `host`"),
            );
        }
        urls::plain(&service.upstream, &at.key("upstream"), findings);
        methods(&service.methods, &at.key("methods"), findings);
        scopes(&service.scopes, &at.key("scopes"), findings);
        teams(&service.allow.teams, &at.key("allow").key("teams"), findings);
        unasked(service, &at, findings);
        places(service, &at.key("credentials"), findings);
        if let Some(timeout) = service.timeout {
            positive(timeout, at.key("timeout"), findings);
        }
        egress(&service.http, &at.key("http"), findings);
    }
}

/// A prefix as the router matches it: bytes of whole segments, each of which means one thing to everybody.
fn path(path: &str, at: Path, findings: &mut Findings) {
    let (message, help) = if !path.starts_with('/') {
        ("a path begins with `/`", None)
    } else if path != "/" && path.ends_with('/') {
        (
            "a path does not end with `/`",
            Some("without it, the path itself and everything below it are served"),
        )
    } else if path.contains("//") {
        ("a path has no empty segments", None)
    } else if path.split('/').any(|segment| segment == "." || segment == "..") {
        ("a path has no `.` and `..` segments", None)
    } else if path.contains('%') || path.contains(';') || path.contains('\\') {
        ("a path has no `%`, `;` or `\\`: they can be read in more than one way", None)
    } else if path.contains(['?', '#']) {
        ("a path has no query or fragment", None)
    } else if path.contains(['*', '{', '}', ':']) {
        ("a path is a prefix, not a pattern", Some("`/orders` serves everything below it, too"))
    } else if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()+,=@".contains(&byte)) {
        ("a path has letters, digits and `-._~!$&'()+,=@` in its segments", None)
    } else if path.len() > 512 {
        ("a path has at most 512 bytes", None)
    } else if let Some(reserved) =
        RESERVED_SEGMENTS.iter().find(|reserved| path[1..].split('/').next() == Some(reserved))
    {
        let message = format!("`/{reserved}` belongs to the gateway itself, not `{}`", shown(path));
        findings.value(at, message, Some("choose another path"));
        return;
    } else {
        return;
    };
    findings.value(at, format!("{message}, not `{}`", shown(path)), help);
}

fn host(host: &str, at: Path, findings: &mut Findings) {
    let labels = host.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|rest| rest.parse::<std::net::Ipv6Addr>().is_ok());
    if !(labels && host.len() <= 253 || literal) {
        findings.value(
            at,
            format!("a host is a name without scheme, port or `*`, not `{}`", shown(host)),
            Some("write it as `api.example.com`"),
        );
    }
}

fn methods(methods: &[String], at: &Path, findings: &mut Findings) {
    for (i, method) in methods.iter().enumerate() {
        if !field_name(method) {
            findings.value(at.index(i), format!("this is no HTTP method: `{}`", shown(method)), None);
        } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let help = format!("methods are case-sensitive: write `{}`", method.to_uppercase());
            findings.value(
                at.index(i),
                format!("this method is not in upper case: `{}`", shown(method)),
                Some(&help),
            );
        } else if method == "CONNECT" || method == "TRACE" {
            findings.value(at.index(i), format!("this method is never served: `{method}`"), None);
        }
    }
}

fn scopes(scopes: &[String], at: &Path, findings: &mut Findings) {
    for (i, scope) in scopes.iter().enumerate() {
        // RFC 6749 §3.3.
        if scope.is_empty() || !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            findings.value(
                at.index(i),
                format!("a scope has no spaces, quotes or backslashes, not `{}`", shown(scope)),
                Some("write each scope as an element of its own"),
            );
        }
    }
}

/// What names a team: a name, or names that lead to it.
fn teams(teams: &[String], at: &Path, findings: &mut Findings) {
    for (i, team) in teams.iter().enumerate() {
        if let Err(error) = check_team_path(team) {
            findings.value(
                at.index(i),
                error,
                Some("write a team's name, or a path that ends with it: `platform/dev`"),
            );
        }
    }
}

/// Conditions on a caller whom nobody asks would look like protection and be none.
fn unasked(service: &Service, at: &Path, findings: &mut Findings) {
    if service.auth != AuthMode::None {
        return;
    }
    let allow = !service.allow.users.is_empty()
        || !service.allow.applications.is_empty()
        || !service.allow.roles.is_empty()
        || !service.allow.teams.is_empty();
    for (key, given) in
        [("scopes", !service.scopes.is_empty()), ("roles", !service.roles.is_empty()), ("allow", allow)]
    {
        if given {
            let message =
                format!("`{key}` has no effect with `auth = \"none\"`: nobody is asked who they are");
            findings.value(at.key(key), message, Some("use `auth = \"required\"`, or take it out"));
        }
    }
}

fn places(service: &Service, at: &Path, findings: &mut Findings) {
    let places = &service.credentials;
    if let Some(name) = &places.header {
        let lower = name.to_lowercase();
        if !field_name(name) {
            findings.value(
                at.key("header"),
                format!("this is not the name of a header: `{}`", shown(name)),
                None,
            );
        } else if matches!(
            lower.as_str(),
            "authorization"
                | "cookie"
                | "host"
                | "connection"
                | "content-length"
                | "transfer-encoding"
                | "te"
                | "upgrade"
        ) || lower.starts_with("x-user-")
            || lower.starts_with("x-forwarded-")
        {
            findings.value(
                at.key("header"),
                format!("this header cannot hold the credential: `{lower}`"),
                Some("`Authorization` is always looked at; name another header"),
            );
        }
    }
    if let Some(name) = &places.cookie {
        if !field_name(name) {
            findings.value(
                at.key("cookie"),
                format!("this is not the name of a cookie: `{}`", shown(name)),
                None,
            );
        }
    } else if !places.origins.is_empty() {
        findings.value(at.key("origins"), "`origins` has no effect without `cookie`", None);
    }
    for (i, origin) in places.origins.iter().enumerate() {
        let well_formed = Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *origin
        });
        if !well_formed {
            findings.value(at.key("origins").index(i), format!("this is not an origin: `{}`", shown(origin)), Some("an origin is scheme, host and port as a browser sends them, as `https://app.example.com`"));
        }
    }
}

/// Whether this is a token of RFC 9110 §5.6.2, which names of headers, cookies and methods are.
pub fn field_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
