//! The sockets: what each listener is told, and how a request of the control listener becomes one of its router.

use crate::failure::{Done, Failure};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use portcullis_config::{Config, Gateway, Tls as Configured};
use portcullis_control::{Control, Entrance};
use portcullis_fault::Fault;
use portcullis_net::accept::{
    BindError, Connection, Limits, ListenOptions, Listener, Service, Tls, TlsOptions, TrustedProxies,
    UnixListener, client_address,
};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use tower::ServiceExt;

/// All sockets, bound.
pub struct Listeners {
    /// For callers.
    pub gateway: Listener,
    /// For operators.
    pub control: Listener,
    /// For the command line.
    pub socket: UnixListener,
    /// Where the last one is.
    pub socket_path: PathBuf,
}

impl Listeners {
    /// Binds them all.
    pub async fn bind(config: &Config) -> Done<Self> {
        let gateway = Listener::bind(gateway(&config.gateway)?)
            .await
            .map_err(|error| taken(error, "gateway.listen"))?;
        let mut options = ListenOptions::new("control", config.control.listen);
        options.tls = tls(config.control.tls.as_ref(), "control.tls")?;
        options.limits = control_limits();
        let control = Listener::bind(options).await.map_err(|error| taken(error, "control.listen"))?;
        let socket_path = config.socket();
        let socket = UnixListener::bind("socket", &socket_path, control_limits())
            .await
            .map_err(|error| taken(error, "control.socket"))?;
        Ok(Self { gateway, control, socket, socket_path })
    }
}

/// Whether the certificates of the listeners can be had.
pub fn certificates(config: &Config) -> [Done; 2] {
    [(&config.gateway.tls, "gateway.tls"), (&config.control.tls, "control.tls")]
        .map(|(configured, at)| tls(configured.as_ref(), at).map(drop))
}

fn gateway(config: &Gateway) -> Done<ListenOptions> {
    let mut options = ListenOptions::new("gateway", config.listen);
    options.tls = tls(config.tls.as_ref(), "gateway.tls")?;
    options.proxy_protocol = config.proxy_protocol;
    options.trusted_proxies = TrustedProxies::new(config.trusted_proxies.clone());
    options.limits = Limits {
        max_header_bytes: config.max_header_bytes.bytes(),
        max_headers: usize::from(config.max_headers),
        header_timeout: config.header_timeout.0,
        idle_timeout: config.idle_timeout.0,
        max_connections: config.max_connections as usize,
        ..Limits::default()
    };
    Ok(options)
}

/// Operators are few; what they are not is worth a bound of its own.
fn control_limits() -> Limits {
    Limits { max_connections: 256, max_streams: 32, ..Limits::default() }
}

fn tls(configured: Option<&Configured>, at: &str) -> Done<Option<Tls>> {
    let Some(configured) = configured else { return Ok(None) };
    let options = TlsOptions {
        certificate_file: configured.certificate_file.clone(),
        key_file: configured.key_file.clone(),
        client_ca_file: None,
    };
    Tls::load(options).map(Some).map_err(|error| Failure::new(error.to_string()).at(at))
}

fn taken(error: BindError, setting: &str) -> Failure {
    Failure::new(format!("cannot listen: {}", error.reason))
        .at(error.at)
        .next(format!("stop what listens there, or choose another `{setting}` ({})", variable(setting)))
}

/// A setting of one value as the environment has it: whoever has no file yet, as in a demonstration, changes it there.
fn variable(setting: &str) -> String {
    format!("PORTCULLIS__{}", setting.to_uppercase().replace('.', "__"))
}

/// The control plane behind a listener.
pub struct Operators {
    control: Control,
    router: axum::Router,
    uid: u32,
    /// Whose word on the client's address counts; nobody's, unless the listener is behind a proxy.
    proxies: TrustedProxies,
}

impl Operators {
    /// Serves `control`.
    pub fn new(control: Control, config: &Config) -> Self {
        let proxies =
            if config.control.behind_proxy { config.gateway.trusted_proxies.clone() } else { Vec::new() };
        let router = control.router();
        Self {
            control,
            router,
            uid: rustix::process::getuid().as_raw(),
            proxies: TrustedProxies::new(proxies),
        }
    }

    /// How a connection got in.
    fn entrance(&self, headers: &HeaderMap, connection: &Connection) -> Entrance {
        match connection.unix {
            None => Entrance::Network(client_address(headers, connection, &self.proxies)),
            Some(peer) if peer.uid == self.uid || peer.uid == 0 => Entrance::Socket { uid: peer.uid },
            // The socket's mode keeps others out; whoever gets in all the same is as anybody on this machine, and needs
            // a credential.
            Some(_) => Entrance::Network(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        }
    }
}

impl Service for Operators {
    type Body = Body;

    async fn call(&self, request: Request<Incoming>, connection: Arc<Connection>) -> Response {
        let mut request = request.map(Body::new);
        let entrance = self.entrance(request.headers(), &connection);
        request.extensions_mut().insert(entrance);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn refuse(&self, fault: Fault, request: Request<Incoming>, _: Arc<Connection>) -> Response {
        self.control.refuse(fault, request.method(), request.uri().path())
    }
}
