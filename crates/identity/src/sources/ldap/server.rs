//! Where one of a source's servers is, and how it is spoken to.

use portcullis_model::source::ldap::Ldap;
use portcullis_net::egress::Client;
use url::{Host, Url};

/// One server. Cheap enough to clone once per connection.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub url: Url,
    pub host: Host<String>,
    pub port: u16,
    pub start_tls: bool,
    pub way: Client,
}

impl Server {
    /// Reads a URL of the configuration. The error says what it should be.
    pub fn of(url: &Url, settings: &Ldap, way: &Client) -> Result<Self, String> {
        let (tls, port) = match url.scheme() {
            "ldaps" => (true, 636),
            "ldap" => (false, 389),
            other => return Err(format!("a server is `ldaps://host` or `ldap://host`, not `{other}:…`")),
        };
        let plain_path = matches!(url.path(), "" | "/");
        if !url.username().is_empty() || url.password().is_some() || !plain_path || url.query().is_some() {
            return Err("the URL of a server is its scheme, host and port; the rest has settings of its own"
                .to_owned());
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or("the URL of a server names its host")?;
        // The scheme is none of those whose hosts the URL parser looks into.
        let host = Host::parse(host).map_err(|error| format!("`{host}` is no host: {error}"))?;
        let here = match &host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(v4) => v4.is_loopback(),
            Host::Ipv6(v6) => v6.is_loopback(),
        };
        if tls && settings.start_tls {
            return Err("`ldaps://` is TLS from the beginning; `start_tls` is for `ldap://`".to_owned());
        }
        if !tls && !settings.start_tls && !here && !settings.allow_plain {
            return Err(
                "`ldap://` sends the password and people's data unencrypted; use `ldaps://` or `start_tls = true`, or say `allow_plain = true`".to_owned(),
            );
        }
        if (tls || settings.start_tls) && matches!(host, Host::Ipv6(_)) {
            return Err("a server with TLS is named by a host name or an IPv4 address".to_owned());
        }
        let port = url.port().unwrap_or(port);
        Ok(Self { url: url.clone(), host, port, start_tls: settings.start_tls, way: way.clone() })
    }

    /// As messages name it.
    pub fn shown(&self) -> String {
        format!("`{}://{}:{}`", self.url.scheme(), self.host, self.port)
    }
}
