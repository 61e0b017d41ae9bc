//! What can go wrong on the way out.

use std::net::IpAddr;
use std::time::Duration;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none that leads anywhere.
    #[error("not a URL to connect to: {0}")]
    Url(String),
    /// The name could not be resolved.
    #[error("cannot resolve `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's word.
        #[source]
        source: std::io::Error,
    },
    /// The address rules forbid it.
    #[error("`{host}` is refused: {address} is {kind}, and a host that a document names must be public")]
    AddressRefused {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
        /// `private`, `loopback`, `link-local`, …
        kind: &'static str,
    },
    /// Behind a proxy, a name that exists only inside networks.
    #[error("`{host}` is refused: such names are private, and a host that a document names must be public")]
    NameRefused {
        /// The host.
        host: String,
    },
    /// Plain HTTP to somewhere else than this machine.
    #[error("`{host}` is refused: plain http is for this machine only; use https")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// No address took the connection.
    #[error("cannot connect to `{host}`")]
    Connect {
        /// Host and port.
        host: String,
        /// The last attempt's error.
        #[source]
        source: std::io::Error,
    },
    /// The proxy refused.
    #[error("the proxy `{proxy}` did not connect to `{host}`: {reason}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// Host and port behind it.
        host: String,
        /// What it said.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("TLS with `{host}` failed")]
    Tls {
        /// The host.
        host: String,
        /// What rustls says.
        #[source]
        source: std::io::Error,
    },
    /// It took too long.
    #[error("no connection to `{host}` within {} ms", after.as_millis())]
    TimedOut {
        /// Host and port.
        host: String,
        /// The limit.
        after: Duration,
    },
}

impl ConnectError {
    /// For metrics: a word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Resolve { .. } => "resolve",
            Self::AddressRefused { .. } | Self::NameRefused { .. } => "address_refused",
            Self::PlainHttp { .. } => "plain_http",
            Self::Connect { .. } => "connect",
            Self::Proxy { .. } => "proxy",
            Self::Tls { .. } => "tls",
            Self::TimedOut { .. } => "timeout",
        }
    }
}

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The whole took too long.
    #[error("`{url}` did not answer in full within {} ms", after.as_millis())]
    TimedOut {
        /// What was fetched.
        url: String,
        /// The limit.
        after: Duration,
    },
    /// The answer is larger than allowed.
    #[error("`{url}` answered with more than {limit} bytes")]
    TooLarge {
        /// What was fetched.
        url: String,
        /// Bytes allowed.
        limit: usize,
    },
    /// Another status than 200 (or 304 to a conditional request).
    #[error("`{url}` answered with status {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The status.
        status: u16,
        /// `Retry-After` in seconds, when it was given so.
        retry_after: Option<Duration>,
    },
    /// Too many redirects, or one that is refused.
    #[error("`{url}` redirects, and this is not followed: {reason}")]
    Redirect {
        /// What redirected.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The answer is not valid HTTP, or encoded though nobody asked for that.
    #[error("`{url}` gave an answer that cannot be read: {reason}")]
    Protocol {
        /// What was fetched.
        url: String,
        /// Why.
        reason: String,
    },
}

impl FetchError {
    /// For metrics: a word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Connect(error) => error.reason(),
            Self::TimedOut { .. } => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::Protocol { .. } => "protocol",
        }
    }
}
