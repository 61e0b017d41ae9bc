//! What goes wrong between us and an LDAP server, in words that say what to do. Never with a password in them.

use crate::sources::foreign::{Failure, FailureKind};
use ldap3::{LdapError, LdapResult};
use std::fmt;

/// What went wrong, and what is worth trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub kind: Kind,
    pub text: String,
}

/// What is worth trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// This server cannot be used now; another one may.
    Server,
    /// It does not answer in time. Another one may.
    Slow,
    /// The connection broke; a new one may do.
    Broken,
    /// Our name or password is refused. Asking again may lock the account.
    Refused,
    /// The question cannot be answered; neither here nor, in all likelihood, elsewhere.
    Question,
}

impl Trouble {
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// The server does not answer in time.
    pub fn slow(what: &str) -> Self {
        Self::new(Kind::Slow, format!("{what} took too long"))
    }

    /// What the driver says, while connecting to `url` and binding there.
    pub fn connecting(url: &str, host: &str, error: &LdapError) -> Self {
        let said = chain(error);
        let text = match error {
            LdapError::LdapResult { result } => {
                format!(
                    "{url} refuses StartTLS: {}; use `ldaps://`, or have StartTLS configured there",
                    named(result)
                )
            }
            // rustls's errors come wrapped in those of the socket.
            _ if said.contains("UnknownIssuer") => format!(
                "{url}: its certificate was not issued by anybody whom we trust; name the issuing authority's certificate with `ca_file`"
            ),
            _ if said.contains("NotValidForName") || said.contains("not valid for name") => {
                format!(
                    "{url}: its certificate is not for `{host}` ({said}); use a name that is in the certificate"
                )
            }
            _ if said.contains("Expired") || said.contains("expired") => {
                format!("{url}: its certificate has expired ({said})")
            }
            _ if said.contains("CaUsedAsEndEntity") => {
                format!(
                    "{url}: it presents an authority's certificate as its own; give the server a certificate that is signed by it"
                )
            }
            _ if said.contains("invalid peer certificate") => {
                format!("{url}: its certificate is not accepted: {said}")
            }
            _ if ["InvalidContentType", "corrupt message", "handshake eof"]
                .iter()
                .any(|sign| said.contains(sign)) =>
            {
                format!(
                    "{url} does not speak TLS there; use `start_tls = true` with `ldap://`, or the port of `ldaps`"
                )
            }
            _ => format!("{url}: {said}"),
        };
        Self::new(Kind::Server, text)
    }

    /// The answer to a bind that is none of success.
    pub fn binding(url: &str, result: &LdapResult) -> Self {
        match result.rc {
            49 => {
                let why =
                    active_directory_reason(&result.text).map_or(String::new(), |why| format!(": {why}"));
                Self::new(
                    Kind::Refused,
                    format!(
                        "{url} refuses `bind_dn` or its password{why} (invalidCredentials); correct `bind_dn` and `password`"
                    ),
                )
            }
            8 | 13 => Self::new(
                Kind::Refused,
                format!(
                    "{url} takes a password over TLS only ({}); use `ldaps://` or `start_tls = true`",
                    named(result)
                ),
            ),
            48 | 53 => {
                Self::new(Kind::Refused, format!("{url} does not let `bind_dn` in: {}", named(result)))
            }
            34 => Self::new(Kind::Refused, format!("{url}: `bind_dn` is no DN: {}", named(result))),
            _ => Self::new(Kind::Server, format!("{url} does not let us in: {}", named(result))),
        }
    }

    /// The answer to a search that is none of success.
    pub fn searching(url: &str, base: &str, result: &LdapResult) -> Self {
        let (kind, text) = match result.rc {
            1 if result.text.contains("bind must be completed") => (
                Kind::Question,
                format!("{url} answers nobody who has not said who they are; give `bind_dn` and `password`"),
            ),
            10 => {
                let to = result.refs.first().map_or(String::new(), |to| format!(" to `{to}`"));
                (
                    Kind::Question,
                    format!(
                        "{url} refers us{to}, and referrals are not followed; name that server in `urls`, or a `base` that this one holds"
                    ),
                )
            }
            11 | 3 | 4 => (
                Kind::Question,
                format!(
                    "{url} gave up: {}; raise its limits for `bind_dn`, or narrow the filter",
                    named(result)
                ),
            ),
            12 => (Kind::Question, format!("{url} does not page its answers (RFC 2696): {}", named(result))),
            32 => (Kind::Question, format!("{url}: there is no `{base}`, or `bind_dn` may not see it")),
            34 => (Kind::Question, format!("{url}: `{base}` is no DN")),
            50 => (Kind::Question, format!("{url}: `bind_dn` may not search below `{base}`")),
            2 | 51 | 52 | 80 => (Kind::Server, format!("{url} cannot answer now: {}", named(result))),
            _ => (Kind::Question, format!("{url}: {}", named(result))),
        };
        Self::new(kind, text)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let kind = match trouble.kind {
            Kind::Server | Kind::Broken => FailureKind::Unreachable,
            Kind::Slow => FailureKind::Slow,
            Kind::Refused => FailureKind::Refused,
            Kind::Question => FailureKind::Broken,
        };
        Self::new(kind, trouble.text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A result by name and number, with the server's own words.
fn named(result: &LdapResult) -> String {
    let shown = LdapResult {
        text: String::new(),
        matched: String::new(),
        refs: Vec::new(),
        ctrls: Vec::new(),
        ..result.clone()
    };
    let shown = shown.to_string();
    let name = shown.split(['(', ')']).nth(1).unwrap_or("unknown");
    let said: String = result.text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if said.is_empty() {
        format!("{name} ({})", result.rc)
    } else {
        format!("{name} ({}), `{said}`", result.rc)
    }
}

/// Active Directory says why in a number within its text.
fn active_directory_reason(text: &str) -> Option<&'static str> {
    let code = text.split("data ").nth(1)?.split([',', ' ']).next()?;
    Some(match code {
        "525" => "there is no such account",
        "52e" => "the password is wrong",
        "530" | "531" => "the account may not sign in now or from here",
        "532" => "the password has expired",
        "533" => "the account is disabled",
        "701" => "the account has expired",
        "773" => "the password has to be changed first",
        "775" => "the account is locked",
        _ => return None,
    })
}

fn chain(error: &LdapError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult {
            rc,
            matched: String::new(),
            text: text.to_owned(),
            refs: vec!["ldap://other".to_owned()],
            ctrls: Vec::new(),
        }
    }

    #[test]
    fn says_what_to_do() {
        let refused = Trouble::binding(
            "ldaps://a",
            &result(
                49,
                "80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data 532, v3839",
            ),
        );
        assert_eq!(refused.kind, Kind::Refused);
        assert!(refused.text.contains("the password has expired"), "{refused}");
        let referral = Trouble::searching("ldaps://a", "dc=x", &result(10, ""));
        assert!(
            referral.text.contains("`ldap://other`") && referral.text.contains("not followed"),
            "{referral}"
        );
        assert_eq!(Trouble::searching("ldaps://a", "dc=x", &result(51, "")).kind, Kind::Server);
        assert!(Trouble::searching("ldaps://a", "dc=x", &result(32, "")).text.contains("`dc=x`"));
        let odd = Trouble::searching("ldaps://a", "dc=x", &result(18, "a\u{1b}[31mb"));
        assert!(odd.text.contains("inappropriateMatching (18)") && !odd.text.contains('\u{1b}'), "{odd}");
    }
}
