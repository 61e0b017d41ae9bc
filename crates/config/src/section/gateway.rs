//! `[gateway]`: the callers' listener.

use super::{Tls, network};
use ipnet::IpNet;
use portcullis_model::{ByteSize, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use url::Url;

/// The callers' listener and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Address and port. Other than loopback needs `[gateway.tls]` or `behind_proxy = true`.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// A proxy in front ends TLS; nobody else can reach this listener. Name it in `trusted_proxies`.
    pub behind_proxy: bool,
    /// Where callers reach it from outside, for links: `https://gw.example.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// Serve HTTPS with this certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Every connection begins with a PROXY protocol version 2 header. Needs `trusted_proxies`.
    pub proxy_protocol: bool,
    /// Networks or addresses whose `Forwarded`, `X-Forwarded-For` and PROXY headers are believed.
    #[serde(with = "network")]
    #[schemars(with = "Vec<network::Network>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Largest header section of a request.
    pub max_header_bytes: ByteSize,
    /// Most header fields of a request.
    #[schemars(range(min = 1))]
    pub max_headers: u16,
    /// Largest request body of services that state none.
    pub max_body: ByteSize,
    /// Time for a request's header section to arrive.
    pub header_timeout: Span,
    /// Longest pause within a request's body.
    pub body_timeout: Span,
    /// How long a connection without a call is kept.
    pub idle_timeout: Span,
    /// Most open connections; more wait to be accepted.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// Most calls under way; more are refused with a 503.
    #[schemars(range(min = 1))]
    pub max_calls: u32,
    /// How long calls may run on after a request to stop.
    pub drain: Span,
    /// Failed credentials that one source address may present.
    pub failure_budget: FailureBudget,
    /// Memory for tokens that were verified before.
    pub token_cache: ByteSize,
    /// Threads; default: as many as the machine or its cgroup gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_024))]
    pub workers: Option<usize>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            behind_proxy: false,
            public_url: None,
            tls: None,
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            max_header_bytes: ByteSize(32 << 10),
            max_headers: 100,
            max_body: ByteSize(20 << 20),
            header_timeout: Span::seconds(10),
            body_timeout: Span::seconds(60),
            idle_timeout: Span::seconds(75),
            max_connections: 10_000,
            max_calls: 10_000,
            drain: Span::seconds(30),
            failure_budget: FailureBudget::default(),
            token_cache: ByteSize(32 << 20),
            workers: None,
        }
    }
}

/// How many failed credentials one source address (IPv6: its /64) may present before it is refused unheard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailureBudget {
    /// Failures within the window.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// The window.
    pub window: Span,
}

impl Default for FailureBudget {
    fn default() -> Self {
        Self { failures: 100, window: Span::seconds(60) }
    }
}
