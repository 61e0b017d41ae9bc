//! Scheme, host and port of a URL: what one connection leads to.

use super::ConnectError;
use url::{Host, Url};

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// What a connection leads to. Displayed as `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// A name (lower case, no trailing dot) or an address.
    pub host: Host<String>,
    /// TCP port.
    pub port: u16,
}

impl Authority {
    /// Of a URL. Refused: other schemes than `http` and `https`, user information.
    pub fn of(url: &Url) -> Result<Self, ConnectError> {
        let fail = |reason: &str| Err(ConnectError::Url(reason.to_owned()));
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return fail(&format!("the scheme is `http` or `https`, not `{other}`")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return fail(
                "user information in a URL ends up in logs; credentials have a setting of their own",
            );
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                if name.is_empty() {
                    return fail("the host is empty");
                }
                Host::Domain(name.to_ascii_lowercase())
            }
            Some(Host::Ipv4(v4)) => Host::Ipv4(v4),
            Some(Host::Ipv6(v6)) => Host::Ipv6(v6),
            None => return fail("there is no host"),
        };
        let port = url.port().unwrap_or(scheme.port());
        Ok(Self { scheme, host, port })
    }

    /// The value of `Host`: without the port when it is the scheme's own.
    pub fn host_header(&self) -> String {
        if self.port == self.scheme.port() { self.host.to_string() } else { self.to_string() }
    }
}

impl Scheme {
    /// Its own port.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (url, shown, header) in [
            ("https://A.Example/x", "a.example:443", "a.example"),
            ("http://a.example.:8080/", "a.example:8080", "a.example:8080"),
            ("http://[::1]/", "[::1]:80", "[::1]"),
            ("http://0x7f.1:81/", "127.0.0.1:81", "127.0.0.1:81"),
        ] {
            let authority = Authority::of(&url.parse().unwrap()).unwrap();
            assert_eq!(
                (authority.to_string(), authority.host_header()),
                (shown.to_owned(), header.to_owned())
            );
        }
        for url in ["ftp://a/", "https://u@a/", "https://:p@a/", "data:x", "http://./"] {
            assert!(Authority::of(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
