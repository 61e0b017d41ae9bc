//! Proxies on the way out, and for which hosts they are not used.

use super::{Authority, Scheme};
use base64::Engine;
use http::HeaderValue;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use url::{Host, Url};

/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` (either case; lower case wins) as they were at start.
#[derive(Clone, Debug, Default)]
pub struct ProxyEnvironment {
    https: Option<Arc<Proxy>>,
    http: Option<Arc<Proxy>>,
    no_proxy: Arc<[Exception]>,
}

/// An HTTP proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) authority: Authority,
    /// `Proxy-Authorization`; marked as sensitive, so that it is not shown.
    pub(super) authorization: Option<HeaderValue>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// This name and all below it.
    Below(String),
    Network(IpNet),
}

impl ProxyEnvironment {
    /// Picks them out of an environment. The error names the variable that is wrong.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let names = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"];
        let mut found: [Option<(String, String)>; 4] = [const { None }; 4];
        for (name, value) in variables {
            let value = value.trim();
            let Some(at) = names.iter().position(|known| known.eq_ignore_ascii_case(&name)) else { continue };
            let lower = name == names[at];
            if !value.is_empty() && (lower || found[at].is_none()) {
                found[at] = Some((name, value.to_owned()));
            }
        }
        let [https, http, all, no] = found;
        let proxy = |found: Option<(String, String)>| {
            let Some((name, value)) = found else { return Ok(None) };
            Proxy::parse(&value)
                .map(|proxy| Some(Arc::new(proxy)))
                .map_err(|error| format!("`{name}`: {error}"))
        };
        let all = proxy(all)?;
        let no_proxy = no.map(|(_, value)| value).unwrap_or_default();
        Ok(Self {
            https: proxy(https)?.or_else(|| all.clone()),
            http: proxy(http)?.or(all),
            no_proxy: exceptions(&no_proxy),
        })
    }

    /// The proxy for a target, if any. This machine is always reached directly.
    pub(super) fn proxy_for(&self, target: &Authority) -> Option<&Arc<Proxy>> {
        let proxy = match target.scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        let excepted = || {
            is_this_machine(&target.host) || self.no_proxy.iter().any(|exception| exception.covers(target))
        };
        proxy.as_ref().filter(|_| !excepted())
    }
}

/// `localhost` and loopback addresses.
pub(super) fn is_this_machine(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(v4) => v4.is_loopback(),
        Host::Ipv6(v6) => v6.to_canonical().is_loopback(),
    }
}

impl Proxy {
    /// `http://[user:password@]host[:port]`, or `host:port`. The error repeats no credentials.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wanted = "a proxy is written as `http://host:port`";
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let mut url = url.map_err(|error| format!("{wanted}: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("{wanted}; `{}` proxies are not supported", url.scheme()));
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let mut pair = decode(url.username());
            pair.push(b':');
            pair.extend(decode(url.password().unwrap_or_default()));
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        let authorization = authorization
            .map(|text| HeaderValue::try_from(text).map_err(|error| error.to_string()))
            .transpose()?;
        let authorization = authorization.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        // Neither fails on a URL with a host.
        let _ = (url.set_username(""), url.set_password(None));
        let authority = Authority::of(&url).map_err(|error| format!("{wanted}: {error}"))?;
        Ok(Self { authority, authorization })
    }
}

/// Entries that make no sense match nothing, as everywhere else.
fn exceptions(text: &str) -> Arc<[Exception]> {
    text.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).map(Exception::parse).collect()
}

impl Exception {
    fn parse(entry: &str) -> Self {
        let address = |text: &str| {
            let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
            bare.parse::<IpAddr>().ok().map(IpNet::from).or_else(|| text.parse::<IpNet>().ok())
        };
        let hosts = |text: &str| match address(text) {
            _ if text == "*" => Hosts::All,
            Some(network) => Hosts::Network(network),
            None => Hosts::Below(text.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase()),
        };
        if address(entry).is_none()
            && let Some((host, port)) = entry.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            return Self { hosts: hosts(host), port: Some(port) };
        }
        Self { hosts: hosts(entry), port: None }
    }

    fn covers(&self, target: &Authority) -> bool {
        if self.port.is_some_and(|port| port != target.port) {
            return false;
        }
        let address = match &target.host {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(IpAddr::V4(*v4)),
            Host::Ipv6(v6) => Some(IpAddr::V6(*v6).to_canonical()),
        };
        match (&self.hosts, &target.host, address) {
            (Hosts::All, ..) => true,
            (Hosts::Network(network), _, Some(address)) => network.contains(&address),
            (Hosts::Below(suffix), Host::Domain(name), _) => {
                let above = name.strip_suffix(suffix.as_str());
                !suffix.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<ProxyEnvironment, String> {
        ProxyEnvironment::from_variables(
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn proxy(environment: &ProxyEnvironment, url: &str) -> Option<String> {
        let target = Authority::of(&url.parse().unwrap()).unwrap();
        environment.proxy_for(&target).map(|proxy| proxy.authority.to_string())
    }

    #[test]
    fn variables() {
        let found = environment(&[
            ("HTTPS_PROXY", "http://upper:1"),
            ("https_proxy", "lower:2"),
            ("ALL_PROXY", "http://all:3"),
            ("PATH", "/"),
        ])
        .unwrap();
        assert_eq!(proxy(&found, "https://a.example/").as_deref(), Some("lower:2"));
        assert_eq!(proxy(&found, "http://a.example/").as_deref(), Some("all:3"));
        assert_eq!(proxy(&found, "https://localhost/"), None);
        assert_eq!(proxy(&found, "https://127.0.0.9/"), None);
        assert_eq!(proxy(&environment(&[("HTTPS_PROXY", "")]).unwrap(), "https://a.example/"), None);
        let error = environment(&[("HTTPS_PROXY", "socks5://me:hunter2@a:1")]).unwrap_err();
        assert!(error.starts_with("`HTTPS_PROXY`: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn exceptions_table() {
        for (rule, url, direct) in [
            ("*", "https://a.example/", true),
            ("example.com", "https://example.com/", true),
            ("example.com", "https://a.example.com/", true),
            (".example.com", "https://a.b.example.com/", true),
            ("*.example.com", "https://a.example.com/", true),
            ("example.com", "https://notexample.com/", false),
            ("EXAMPLE.com", "https://example.com/", true),
            ("example.com:8443", "https://example.com/", false),
            ("example.com:8443", "https://example.com:8443/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("192.0.2.1", "https://192.0.2.1/", true),
            ("192.0.2.1:444", "https://192.0.2.1/", false),
            ("2001:db8::/32", "https://[2001:db8::1]/", true),
            ("[2001:db8::1]:443", "https://[2001:db8::1]/", true),
            ("a.example, b.example c.example", "https://c.example/", true),
            (", .", "https://c.example/", false),
        ] {
            let found = environment(&[("https_proxy", "p:1"), ("NO_PROXY", rule)]).unwrap();
            assert_eq!(proxy(&found, url).is_none(), direct, "{rule} {url}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy.example:3128").unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        assert!(!format!("{proxy:?}").contains("bWU6"));
        assert!(!Proxy::parse("https://me:hunter2@a:1").unwrap_err().contains("hunter2"));
    }
}
