//! Sending a call to a service: its head through the filters, then out.

use super::Outcome;
use super::call::Call;
use super::prepare;
use super::watch::Watch;
use crate::body::Body;
use crate::filters::{self, Ink, Passage};
use crate::gateway::Gateway;
use crate::meter::{Answer, Capturing};
use crate::route::CallPath;
use crate::snapshot::{AiRoutes, ServiceRoute, Snapshot, Speech};
use crate::upstream::ai::realtime::{self, Gate};
use crate::upstream::http::Target;
use crate::upstream::websocket::{self, Goodbye, Opened, Tunnel};
use crate::upstream::{Upload, http as service_http};
use ::http::{HeaderValue, Request, Response, header, request, response};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use portcullis_model::{Clock, Timestamp};
use portcullis_net::egress::Stream;
use std::sync::Arc;
use std::time::Duration;

/// The call's head as the service gets it.
fn filtered(
    snapshot: &Snapshot,
    service: &ServiceRoute,
    path: &CallPath<'_>,
    permit: &Permit,
    upgrade: bool,
    call: &mut Call,
) -> Result<request::Parts, Fault> {
    let uri = service.target.uri(&call.head.uri, path)?;
    let version = call.head.version;
    // HTTP/2 says it in the target.
    let host = call.head.headers.get(header::HOST).cloned();
    let host = host.or_else(|| HeaderValue::from_str(call.head.uri.authority()?.as_str()).ok());
    let mut head = std::mem::replace(&mut call.head, Request::new(()).into_parts().0);
    call.head.version = version;
    head.uri = uri;
    let peer = call.connection.source().ip();
    let ink = call.recording.ink.take().unwrap_or_else(Ink::new);
    let passage = Passage {
        principal: permit.principal().map(Arc::as_ref),
        scrub: &service.scrub,
        peer,
        trusted_peer: snapshot.settings.trusted.contains(peer),
        https: call.connection.tls.is_some(),
        version,
        host,
        request_id: &call.recording.id,
        trace: &call.recording.trace,
        ink,
        upgrade,
    };
    filters::on_request(passage, &mut head);
    Ok(head)
}

/// Sends a plain call.
pub(super) async fn to_service(
    snapshot: &Snapshot,
    service: &ServiceRoute,
    path: &CallPath<'_>,
    permit: &Permit,
    upload: Upload,
    call: &mut Call,
) -> Result<Answer, Fault> {
    let head = filtered(snapshot, service, path, permit, false, call)?;
    let answer = service_http::call(permit, &service.target, head, upload, &mut call.recording).await;
    if let (Err(_), Some(gauge)) = (&answer, &call.upload) {
        call.recording.record.bytes_in = gauge.bytes();
    }
    let (head, body) = answer?;
    let capture = service.capture.map(Capturing::new);
    Ok(Answer { head, body, reading: None, upload: call.upload.take(), capture, watch: None })
}

/// An upstream that agreed to a WebSocket.
pub(crate) struct Switched {
    head: response::Parts,
    upstream: Box<(Stream, Bytes)>,
    client: OnUpgrade,
    watch: Option<Watch>,
    /// The token's `exp`.
    expires: Option<Timestamp>,
    pause: Duration,
    /// Reads what the caller says, where it is a model's session.
    gate: Option<Box<Gate>>,
}

/// The caller's connection, for when we have agreed.
fn client(call: &mut Call) -> Result<OnUpgrade, Fault> {
    let client = call.head.extensions.remove::<OnUpgrade>();
    client.ok_or_else(|| Fault::new(codes::UPGRADE_REFUSED).context("the connection cannot be upgraded"))
}

/// Asks a model's provider for a session.
pub(super) async fn session(
    gateway: &Gateway,
    snapshot: &Arc<Snapshot>,
    (routes, speech): (&Arc<AiRoutes>, &Speech),
    path: &str,
    permit: &Permit,
    watch: Option<Watch>,
    call: &mut Call,
) -> Result<Outcome, Fault> {
    let client = client(call)?;
    let (served, model) = prepare::session(snapshot, speech.dialect, path, permit, call)?;
    let mut seed = [0; 8];
    gateway.rng.fill(&mut seed);
    let asked = realtime::Asked {
        dialect: speech.dialect,
        served,
        head: &call.head,
        permit: model,
        snapshot,
        routes,
        held: &gateway.held,
        clock: &gateway.clock,
        beside: &gateway.beside,
        now: gateway.clock.now(),
        seed: u64::from_ne_bytes(seed),
    };
    match realtime::open(asked, &mut call.recording).await? {
        realtime::Opened::Session(session) => {
            let realtime::Session { head, upstream, pause, gate } = *session;
            let expires = permit.principal().and_then(|principal| principal.expires_at);
            let gate = Some(Box::new(gate));
            Ok(Outcome::Switched(Box::new(Switched { head, upstream, client, watch, expires, pause, gate })))
        }
        realtime::Opened::Answered(answer) => Ok(Outcome::Answer(Answer { watch, ..*answer })),
    }
}

/// Asks the service for a WebSocket.
pub(super) async fn upgrade(
    snapshot: &Snapshot,
    service: &ServiceRoute,
    path: &CallPath<'_>,
    permit: &Permit,
    watch: Option<Watch>,
    call: &mut Call,
) -> Result<Outcome, Fault> {
    let client = client(call)?;
    let head = filtered(snapshot, service, path, permit, true, call)?;
    let Target { endpoint, timeout, .. } = &service.target;
    match websocket::open(permit, endpoint, *timeout, head, &mut call.recording).await? {
        Opened::Switched(head, upstream) => {
            let pause = websocket::pause(endpoint);
            let expires = permit.principal().and_then(|principal| principal.expires_at);
            let switched = Switched { head, upstream, client, watch, expires, pause, gate: None };
            Ok(Outcome::Switched(Box::new(switched)))
        }
        Opened::Answered(head, body) => {
            Ok(Outcome::Answer(Answer { head, body, reading: None, upload: None, capture: None, watch }))
        }
    }
}

impl Switched {
    /// Answers the caller, and begins to copy as soon as that is written.
    pub(super) fn begin(self, gateway: &Gateway, call: Call) -> Response<Body> {
        let Self { mut head, upstream, client, watch, expires, pause, gate } = self;
        let Call { mut recording, connection, .. } = call;
        recording.record.status = head.status.as_u16();
        filters::on_response(&mut head.headers, &recording.id, true);
        let mut mask = [0; 4];
        gateway.rng.fill(&mut mask);
        let clock = gateway.clock.clone();
        let tunnel = Tunnel { client, upstream, recording, pause, mask, gate };
        gateway.tasks.spawn(async move {
            let stop = async {
                let revoked = async {
                    match watch {
                        Some(watch) => watch.standing().lost().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    fault = revoked => Goodbye::barring(fault),
                    () = expired(&*clock, expires) => Goodbye::new(codes::TOKEN_EXPIRED.into(), 1008),
                    () = connection.draining().cancelled() => Goodbye::new(codes::SHUTTING_DOWN.into(), 1001),
                }
            };
            tunnel.run(stop).await;
        });
        Response::from_parts(head, Body::default())
    }
}

/// Ends at `exp`. The machine's clock may be set while we sleep, so it is asked again now and then.
async fn expired(clock: &dyn Clock, at: Option<Timestamp>) {
    let Some(at) = at else { return std::future::pending().await };
    loop {
        let left = at.since(clock.now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_secs(30))).await;
    }
}
