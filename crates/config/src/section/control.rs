//! `[control]`: the operators' listener.

use super::Tls;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use url::Url;

/// The operators' listener: admin API, metrics, health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Address and port. Other than loopback needs `[control.tls]` or `behind_proxy = true`.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// Where operators reach it from outside, for links: `https://admin.example.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// Serve HTTPS with this certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// A proxy in front ends TLS; nobody else can reach this listener.
    pub behind_proxy: bool,
    /// The unix socket that the command line uses beside a running `serve`; default `control.sock` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Requests per second that one credential may make; more is refused with a 429.
    #[schemars(range(min = 1))]
    pub rate: u32,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            public_url: None,
            tls: None,
            behind_proxy: false,
            socket: None,
            rate: 50,
        }
    }
}
