//! A way out, compiled per target.

use super::connect::{Rules, connect};
use super::proxy::Proxy;
use super::resolve::{Resolve, SystemResolver};
use super::{Alpn, Authority, ConnectError, ProxyEnvironment, Stream, tls};
use portcullis_model::{Clock, issuer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What all ways out share: trust anchors, name resolution, the environment's proxies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    environment: ProxyEnvironment,
    resolver: Arc<dyn Resolve>,
    /// Read when first needed: some machines have a thousand files of them.
    public_roots: OnceLock<Arc<RootCertStore>>,
}

/// Who named the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The operator, in the configuration: it may be private.
    Operator,
    /// A document (discovery, a redirect): it must be public ([`super::refused_for_documents`]).
    Document,
}

/// A way out to one target. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) way: Arc<Way>,
    pub(super) trust: Trust,
}

/// What a target's settings come to.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) route: Route,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) connect_timeout: Duration,
    response_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    http1: Arc<ClientConfig>,
    either: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

/// Directly or not.
#[derive(Debug)]
pub(super) enum Route {
    Direct,
    Proxy(Arc<Proxy>),
    Environment(ProxyEnvironment),
}

impl Egress {
    /// Certificates are checked against `clock`; proxies of `environment` are used where a target names none.
    pub fn new(clock: Arc<dyn Clock>, environment: ProxyEnvironment) -> Self {
        Self::resolving(clock, environment, Arc::new(SystemResolver::default()))
    }

    /// With a resolver other than the machine's.
    pub fn resolving(
        clock: Arc<dyn Clock>,
        environment: ProxyEnvironment,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        Self(Arc::new(Shared { clock, environment, resolver, public_roots: OnceLock::new() }))
    }

    /// Compiles a way out; reads its files. The error says which setting or file is wrong and what to do.
    pub fn client(&self, settings: &issuer::Egress, trust: Trust) -> Result<Client, String> {
        let shared = &*self.0;
        let route = match settings.proxy.as_deref() {
            None => Route::Environment(shared.environment.clone()),
            Some("none") => Route::Direct,
            Some(text) => {
                Route::Proxy(Arc::new(Proxy::parse(text).map_err(|error| format!("`proxy`: {error}"))?))
            }
        };
        let public = || shared.public_roots.get_or_init(tls::public_roots).clone();
        let base = tls::compile(settings, public, shared.clock.clone())?;
        let offering = |protocols: &[&[u8]]| {
            let mut config = base.clone();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        let span = |span: Option<portcullis_model::Span>| span.map(|span| span.0);
        let way = Way {
            route,
            resolver: shared.resolver.clone(),
            connect_timeout: span(settings.connect_timeout).unwrap_or(Duration::from_secs(5)),
            response_timeout: span(settings.response_timeout),
            idle_timeout: span(settings.idle_timeout),
            http1: offering(&[b"http/1.1"]),
            either: offering(&[b"h2", b"http/1.1"]),
            http2: offering(&[b"h2"]),
        };
        Ok(Client { way: Arc::new(way), trust })
    }
}

impl Way {
    pub(super) fn tls(&self, alpn: Alpn) -> &Arc<ClientConfig> {
        match alpn {
            Alpn::Http1 => &self.http1,
            Alpn::Either => &self.either,
            Alpn::Http2 => &self.http2,
        }
    }
}

impl Client {
    /// The same way for hosts that somebody else named.
    #[must_use]
    pub fn trusting(&self, trust: Trust) -> Self {
        Self { way: self.way.clone(), trust }
    }

    /// Time to the answer's head; `default` when the target sets none.
    pub fn response_timeout(&self, default: Duration) -> Duration {
        self.way.response_timeout.unwrap_or(default)
    }

    /// Time between two pieces of an answer; `default` when the target sets none.
    pub fn idle_timeout(&self, default: Duration) -> Duration {
        self.way.idle_timeout.unwrap_or(default)
    }

    /// Connects, TLS included, within the target's connect time-out.
    ///
    /// Behind a proxy it is the proxy that connects: a host that a document named is then checked as far as it can be
    /// resolved here, and the proxy's own rules are the rest.
    pub async fn connect(&self, authority: &Authority, alpn: Alpn) -> Result<Stream, ConnectError> {
        connect(&self.way, authority, alpn, Rules { trust: self.trust, plain_http_anywhere: true }).await
    }
}
