//! URLs: schemes, and no credentials in them.

use crate::place::Path;
use crate::shape::{shown, subject};
use crate::tree::Findings;
use url::{Host, Url};

/// An `http` or `https` URL with a host and without credentials, fragment or query.
pub fn plain(url: &Url, at: &Path, findings: &mut Findings) -> bool {
    let what = subject(at);
    let mut wrong = |message: String, help: &str| {
        findings.value(at.clone(), message, Some(help));
        false
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong(
            format!("{what} must begin with `https://` or `http://`, not `{}:`", shown(url.scheme())),
            "write it as `https://api.example.com`",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            format!("{what} has credentials in it"),
            "a URL is shown in logs and records; take the user and the password out of it",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(
            format!("{what} ends with a query or a fragment"),
            "only scheme, host, port and path are used",
        );
    }
    true
}

/// [`plain`], and `https` unless the host is this machine: what is fetched decides who is believed.
pub fn trusted(url: &Url, at: &Path, findings: &mut Findings) {
    if plain(url, at, findings) && url.scheme() == "http" && !loopback(url) {
        let message = format!(
            "{} must be `https`: over plain HTTP, whoever is on the way could give out their own keys",
            subject(at)
        );
        findings.value(
            at.clone(),
            message,
            Some("`http` is accepted for `localhost` and loopback addresses only"),
        );
    }
}

/// Whether the host is this machine.
pub fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
