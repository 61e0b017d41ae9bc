//! A call that was accepted, and what became known of it: small facts, not a bag for everything.

use crate::gateway::Gateway;
use crate::record::{Accepted, Recording};
use crate::respond::{Manner, Surface};
use crate::snapshot::{Route, Snapshot, spoken_at};
use crate::upstream::Gauge;
use http::{HeaderValue, Method, Request, Version, header, request};
use http_body::Body as _;
use hyper::body::Incoming;
use portcullis_fault::{Code, Fault, codes};
use portcullis_model::RequestId;
use portcullis_net::accept::{Connection, client_address};
use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Bytes of a refused call's body that are read and forgotten, so that its connection can be kept.
const FORGOTTEN: u64 = 64 << 10;
/// How long that may take.
const FORGETTING: Duration = Duration::from_millis(100);

/// A call.
pub(crate) struct Call {
    pub(crate) head: request::Parts,
    pub(crate) connection: Arc<Connection>,
    /// The caller's address, after trusted proxies.
    pub(crate) client: IpAddr,
    pub(crate) recording: Box<Recording>,
    /// The URL below which the codes' pages are.
    pub(crate) pages: Arc<str>,
    body: Option<Incoming>,
    /// The body, once it is on its way to an upstream.
    pub(crate) upload: Option<Arc<Gauge>>,
    /// `None` until the route is known.
    surface: Option<Surface>,
    allow: Option<HeaderValue>,
}

impl Call {
    /// Opens a call, and with it its record.
    pub(super) fn open(
        gateway: &Gateway,
        snapshot: Option<&Snapshot>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Self {
        let (head, body) = request.into_parts();
        // One visit to the generator for all that this call needs.
        let mut entropy = [0; 34];
        gateway.rng.fill(&mut entropy);
        let mut part = entropy.iter().copied();
        let mut take = || part.next().unwrap_or(0);
        let id: [u8; 10] = std::array::from_fn(|_| take());
        let trace_id: [u8; 16] = std::array::from_fn(|_| take());
        let span: [u8; 8] = std::array::from_fn(|_| take());

        let at = gateway.clock.now();
        let client = match snapshot {
            Some(snapshot) => client_address(&head.headers, &connection, &snapshot.settings.trusted),
            None => connection.source().ip(),
        };
        let trace = crate::trace::Trace::of(&head.headers, (trace_id, span), gateway.keeper.spans.as_ref());
        let path = head.uri.path();
        let recording = Recording::open(
            gateway.keeper.clone(),
            connection.clone(),
            Accepted {
                id: RequestId::new(at, id),
                at,
                trace,
                method: method_name(&head.method),
                path: path[..path.floor_char_boundary(512)].to_owned(),
                source: client.to_string(),
            },
        );
        let pages = snapshot.map_or_else(|| "/-/errors".into(), |snapshot| snapshot.settings.pages.clone());
        let body = if body.is_end_stream() { None } else { Some(body) };
        Self { head, connection, client, recording, pages, body, upload: None, surface: None, allow: None }
    }

    /// The route is known.
    pub(super) fn routed(&mut self, route: &Route) {
        match route {
            Route::Service(service) => {
                self.surface = Some(Surface::Problem);
                self.recording.routed(service.name.clone(), service.rules.tenant_id(), &service.meters);
            }
            Route::Ai(ai, speech) => {
                self.surface = Some(Surface::Ai(speech.dialect));
                self.recording.routed(ai.name.clone(), None, &ai.meters);
            }
        }
    }

    /// Whether the service serves the call's method.
    pub(super) fn check_method(&mut self, route: &Route) -> Result<(), Fault> {
        let Route::Service(service) = route else { return Ok(()) };
        match &service.methods {
            Some((methods, allow)) if !methods.contains(&self.head.method) => {
                self.allow = Some(allow.clone());
                Err(codes::METHOD_NOT_ALLOWED.into())
            }
            // A tunnel through us would be to wherever the caller likes.
            None if self.head.method == Method::CONNECT => Err(codes::METHOD_NOT_ALLOWED.into()),
            _ => Ok(()),
        }
    }

    /// The methods that would have been served.
    pub(crate) fn allow(&mut self, methods: &str) {
        self.allow = HeaderValue::from_str(methods).ok();
    }

    /// The digest of the client's certificate.
    pub(crate) fn certificate(&self) -> Option<[u8; 32]> {
        self.connection.tls.as_ref().and_then(|tls| tls.peer_certificate_digest)
    }

    /// The body, if there is one that nobody took.
    pub(super) fn take_body(&mut self) -> Option<Incoming> {
        self.body.take()
    }

    /// The body cannot be made sense of; the listener closes the connection.
    pub(super) fn unreadable(&mut self) {
        self.body = None;
    }

    /// How a refusal of this call is said. A small body that nobody read is read now and forgotten, so that a client that
    /// was refused need not connect again.
    pub(super) async fn manner(&mut self) -> Manner {
        let left = match (self.body.take(), &self.upload) {
            (Some(body), _) => !self.forget(body).await,
            (None, Some(upload)) => !upload.is_done(),
            (None, None) => false,
        };
        // Without a route, by where AI clients call: a refused path is still said in words that they read.
        let guess = || spoken_at(self.head.uri.path()).map_or(Surface::Problem, Surface::Ai);
        Manner {
            surface: self.surface.unwrap_or_else(guess),
            allow: self.allow.take(),
            close: left && self.head.version < Version::HTTP_2,
        }
    }

    async fn forget(&self, mut body: Incoming) -> bool {
        // Whoever waits for `100 Continue` has not sent it, and is not to.
        if self.head.headers.contains_key(header::EXPECT) || body.size_hint().lower() > FORGOTTEN {
            return false;
        }
        let mut forgotten = 0;
        let read = std::future::poll_fn(|cx| {
            loop {
                match std::task::ready!(Pin::new(&mut body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        forgotten += frame.data_ref().map_or(0, |piece| piece.len() as u64);
                        if forgotten > FORGOTTEN {
                            return Poll::Ready(false);
                        }
                    }
                    Some(Err(_)) => return Poll::Ready(false),
                    None => return Poll::Ready(true),
                }
            }
        });
        tokio::time::timeout(FORGETTING, read).await.unwrap_or(false)
    }
}

fn method_name(method: &Method) -> Cow<'static, str> {
    Cow::Borrowed(match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => return Cow::Owned(method.as_str().chars().take(32).collect()),
    })
}

impl Gateway {
    /// Counts a credential that was no good against its source. One that has merely run out was good: its client is to get
    /// another, not to be locked out together with everybody behind its address. So was one for a single call that is used up.
    pub(crate) fn count_failure(&self, client: IpAddr, fault: &Fault) {
        const HARMLESS: [Code; 5] = [
            codes::CREDENTIAL_MISSING,
            codes::TOKEN_EXPIRED,
            codes::TOKEN_NOT_YET_VALID,
            codes::TOKEN_FROM_FUTURE,
            codes::TOKEN_REPLAYED,
        ];
        if fault.code().status() == 401 && !HARMLESS.contains(&fault.code()) {
            self.budget.record_failure(client);
        }
    }
}
