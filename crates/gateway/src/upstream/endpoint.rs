//! One upstream origin: where it is, how it is reached, and the connections that are open to it.

use super::error::Failure;
use super::exchange::Patience;
use super::h2::{Seat, Shared};
use super::lane::Lane;
use super::pool::{Pool, PoolLimits};
use http::HeaderValue;
use http::uri;
use metrics::{Counter, Gauge};
use portcullis_model::issuer;
use portcullis_net::egress::{Alpn, Authority, Client, Egress, Protocol, Scheme, Trust};

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use url::Url;

/// An upstream origin.
pub(crate) struct Endpoint {
    authority: Authority,
    /// `Host` towards it.
    pub(crate) host: HeaderValue,
    /// For targets in absolute form.
    pub(crate) origin: (uri::Scheme, uri::Authority),
    client: Client,
    pub(super) pool: Pool,
    shared: Shared,
    /// It agreed on HTTP/2 before: wait for a connection under way rather than open another.
    speaks_h2: AtomicBool,
    dialing: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    opened: Counter,
    reused: Counter,
    failed: Counter,
    idle: Gauge,
}

/// A connection for one call.
pub(crate) enum Line {
    /// HTTP/1.1: ours alone.
    Lane(Box<Lane>),
    /// HTTP/2: shared.
    Seat(Seat),
}

impl Line {
    /// Whether it may have died before this call came to it.
    pub(super) fn may_be_stale(&self) -> bool {
        match self {
            Self::Lane(lane) => lane.calls > 0,
            Self::Seat(seat) => seat.is_shared(),
        }
    }
}

impl Endpoint {
    /// Compiles the way to `url`'s origin; reads the files that `settings` names.
    pub(super) fn new(
        url: &Url,
        settings: &issuer::Egress,
        egress: &Egress,
        tasks: TaskTracker,
    ) -> Result<Self, String> {
        let authority = Authority::of(url).map_err(|error| error.to_string())?;
        let scheme = match authority.scheme {
            Scheme::Http => uri::Scheme::HTTP,
            Scheme::Https => uri::Scheme::HTTPS,
        };
        // The port only where it is not the scheme's own, as clients write it.
        let text = match url.port() {
            Some(port) => format!("{}:{port}", authority.host),
            None => authority.host.to_string(),
        };
        let origin = uri::Authority::try_from(text.as_str())
            .map_err(|_| format!("`{text}` is no host to connect to"))?;
        let host =
            HeaderValue::try_from(text.as_str()).map_err(|_| format!("`{text}` is no host to connect to"))?;
        let client = egress.client(settings, Trust::Operator)?;
        let label = origin.to_string();
        Ok(Self {
            authority,
            host,
            origin: (scheme, origin),
            client,
            pool: Pool::new(PoolLimits::default()),
            shared: Shared::default(),
            speaks_h2: AtomicBool::new(false),
            dialing: tokio::sync::Mutex::new(()),
            tasks,
            opened: metrics::counter!("portcullis_upstream_connections_opened_total", "upstream" => label.clone()),
            reused: metrics::counter!("portcullis_upstream_connections_reused_total", "upstream" => label.clone()),
            failed: metrics::counter!("portcullis_upstream_connections_failed_total", "upstream" => label.clone()),
            idle: metrics::gauge!("portcullis_upstream_connections_idle", "upstream" => label),
        })
    }

    /// How long an exchange may take: `head` is the usual time to the answer's head, where the settings say nothing.
    pub(crate) fn patience(&self, head: Duration, whole: Option<Duration>) -> Patience {
        Patience {
            head: self.client.response_timeout(head),
            pause: self.client.idle_timeout(Duration::from_secs(120)),
            end: whole.map(|whole| Instant::now() + whole),
        }
    }

    /// How long a pause may last: `usual` where the settings say nothing.
    pub(crate) fn pause(&self, usual: Duration) -> Duration {
        self.client.idle_timeout(usual)
    }

    /// A connection: an idle one unless `fresh`, or a new one. Opening one is the rarer case, and needs far more room than
    /// anything else on a call's way: it has a box of its own.
    pub(super) async fn line(&self, fresh: bool) -> Result<Line, Failure> {
        if !fresh {
            if let Some(lane) = std::future::poll_fn(|cx| std::task::Poll::Ready(self.pool.take(cx))).await {
                self.reused.increment(1);
                return Ok(Line::Lane(lane));
            }
            if let Some(seat) = self.shared.seat() {
                self.reused.increment(1);
                return Ok(Line::Seat(seat));
            }
        }
        if !self.speaks_h2.load(Ordering::Relaxed) {
            return Box::pin(self.open(Alpn::Either)).await;
        }
        // A hundred calls at once need one connection, not a hundred.
        let _turn = self.dialing.lock().await;
        match self.shared.seat() {
            Some(seat) if !fresh => Ok(Line::Seat(seat)),
            _ => Box::pin(self.open(Alpn::Either)).await,
        }
    }

    /// An HTTP/1.1 connection that no other call has had or will have: for upgrades.
    pub(super) async fn dedicated(&self) -> Result<Box<Lane>, Failure> {
        match self.open(Alpn::Http1).await? {
            Line::Lane(lane) => Ok(lane),
            // The only protocol that was offered is HTTP/1.1.
            Line::Seat(_) => Err(Failure::Silent(Duration::ZERO)),
        }
    }

    async fn open(&self, alpn: Alpn) -> Result<Line, Failure> {
        let stream = self.client.connect(&self.authority, alpn).await.map_err(|error| {
            self.failed.increment(1);
            Failure::Connect(error)
        })?;
        self.opened.increment(1);
        match stream.protocol() {
            Protocol::Http1 => Lane::open(stream).await.map(Line::Lane).map_err(Failure::Unsent),
            Protocol::Http2 => {
                self.speaks_h2.store(true, Ordering::Relaxed);
                self.shared.open(stream, &self.tasks).await.map(Line::Seat).map_err(Failure::Unsent)
            }
        }
    }

    /// Closes connections that have been idle for too long.
    pub(super) fn sweep(&self) {
        let idle = self.pool.sweep() + self.shared.sweep();
        #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
        self.idle.set(idle as f64);
    }

    /// Closes idle connections; calls under way end on theirs.
    pub(super) fn close(&self) {
        self.pool.clear();
        self.shared.clear();
    }
}
