//! One connection from its first byte to its last.

use super::answer::{Answer, Call};
use super::connection::canonical;
use super::io::{Place, Watched, Wire};
use super::proxy_protocol::{self, ProxyHeaderError};
use super::pulse::Verdict;
use super::screen::screen;
use super::server::Server;
use super::socket::Accepted;
use super::streams::StreamPulse;
use super::tls::HandshakeError;
use super::{Connection, ListenOptions, Service};
use crate::cause::with_causes;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_fault::defect::outlive;
use portcullis_fault::{Fault, Problem, codes};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long an idle HTTP/2 connection has to close after GOAWAY.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection.
pub(super) async fn serve<S: Service>(server: Arc<Server<S>>, accepted: Accepted, place: Place) {
    let limits = &server.options.limits;
    // A connection without a call has nothing to finish: it goes when the listener does.
    let opened = tokio::select! {
        biased;
        () = server.shutdown.cancelled() => return,
        opened = tokio::time::timeout(limits.handshake_timeout, open(&server, accepted)) => opened,
    };
    let (wire, connection) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return error.report(&server.options),
        Err(_) => return Unopened::TimedOut.report(&server.options),
    };
    let alpn = connection.tls.as_ref().map(|tls| tls.alpn);
    let connection = Arc::new(connection);
    let mut watched = Watched::new(wire, connection.clone(), place);
    let http2 = match alpn {
        Some(alpn) => alpn == Some("h2"),
        None => {
            let sniffed = {
                let sniff = tokio::time::timeout(limits.header_timeout, watched.prefers_http2());
                tokio::select! {
                    biased;
                    sniffed = sniff => Some(sniffed),
                    () = server.shutdown.cancelled() => None,
                }
            };
            match sniffed {
                Some(Ok(Ok(Some(http2)))) => http2,
                Some(Err(_)) => return closed(&server, "header_timeout"),
                None if !watched.untouched() => false,
                // Nothing was asked: it left, broke, or the listener goes.
                _ => return,
            }
        }
    };
    let io = TokioIo::new(watched);
    let service = hyper::service::service_fn({
        let (server, connection) = (server.clone(), connection.clone());
        move |request| answer(&server, &connection, request)
    });
    // Boxed: the two are large, and the caller's future should not be.
    if http2 {
        connection.pulse.speaks_http2();
        let http = Box::pin(server.http2.serve_connection(io, service));
        drive(&server, &connection, http, |http| http.graceful_shutdown()).await;
    } else {
        connection.pulse.speaks_http1();
        let http = Box::pin(server.http1.serve_connection(io, service).with_upgrades());
        drive(&server, &connection, http, |http| http.graceful_shutdown()).await;
        connection.pulse.retire();
    }
}

/// PROXY header and TLS.
async fn open<S>(server: &Server<S>, accepted: Accepted) -> Result<(Wire, Connection), Unopened> {
    let options = &server.options;
    let Accepted { mut wire, peer, unix } = accepted;
    let mut connection = Connection::open(options.name.clone(), peer, server.shutdown.child_token());
    connection.unix = unix;
    if let Wire::Tcp(stream) = &mut wire
        && options.proxy_protocol
        && options.trusted_proxies.contains(connection.peer.ip())
    {
        // Boxed, as a handshake is below: room that is needed once.
        let proxied = Box::pin(proxy_protocol::read(stream)).await;
        connection.proxied = proxied.map_err(Unopened::ProxyHeader)?.map(canonical);
    }
    match (&options.tls, wire) {
        (Some(tls), Wire::Tcp(stream)) => {
            // Boxed: a connection has as little room as can be, for as long as it lasts.
            let (stream, facts) = Box::pin(tls.accept(stream)).await.map_err(Unopened::Handshake)?;
            connection.tls = Some(facts);
            Ok((Wire::Tls(Box::new(stream)), connection))
        }
        (_, wire) => Ok((wire, connection)),
    }
}

/// Runs the HTTP machinery beside the connection's one timer and the listener's end.
async fn drive<S, C>(
    server: &Server<S>,
    connection: &Connection,
    mut http: Pin<Box<C>>,
    goodbye: impl Fn(Pin<&mut C>),
) where
    C: Future<Output = Result<(), hyper::Error>>,
    S: Service,
{
    let first = match connection.pulse.verdict(&server.options.limits, server.full()) {
        Verdict::LookAgain(after) => after,
        _ => Duration::ZERO,
    };
    let mut timer = pin!(tokio::time::sleep(first));
    // Once it is idle for too long or the listener drains, the peer has been told; then:
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            result = http.as_mut() => return ended(server, connection, result),
            () = connection.draining.cancelled(), if !told => {
                told = true;
                goodbye(http.as_mut());
            }
            () = server.cut.cancelled(), if told => return closed(server, "drain"),
            () = timer.as_mut() => match connection.pulse.verdict(&server.options.limits, server.full()) {
                Verdict::LookAgain(after) => timer.as_mut().reset(Instant::now() + after),
                Verdict::HeadTimedOut => return closed(server, "header_timeout"),
                Verdict::WriteTimedOut => return closed(server, "write_timeout"),
                Verdict::Idle if !told => {
                    told = true;
                    goodbye(http.as_mut());
                    timer.as_mut().reset(Instant::now() + FAREWELL);
                }
                Verdict::Idle => return closed(server, "idle"),
            },
        }
    }
}

/// Answers one request.
fn answer<S: Service>(
    server: &Arc<Server<S>>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Answer<S::Body>>, Infallible>> + Send + use<S> {
    // At once, not when the future is first polled: from here on the connection is not idle.
    let (call, bare_lf) = Call::begin(connection, request.body().size_hint().exact());
    let (server, connection) = (server.clone(), connection.clone());
    async move {
        let version = request.version();
        let (answered, last) = match screen(&request, bare_lf, &server.options.limits) {
            // Boxed: the HTTP machinery keeps room for this future for as long as the connection lasts, and a call is
            // only this large until its answer begins.
            None => (outlive(Box::pin(server.service.call(request, connection))).await, server.full()),
            Some(fault) => (outlive(Box::pin(server.service.refuse(fault, request, connection))).await, true),
        };
        let stream = if version == Version::HTTP_2 { StreamPulse::current() } else { None };
        // What panicked costs its own call, not the others of the connection.
        let (mut response, last) = match answered {
            Ok(response) => (response.map(|body| Answer::new(body, call, stream)), last),
            Err(defect) => {
                call.failed(&defect, "the handling of a call panicked");
                (failed().map(|text| Answer::instead(text, call, stream)), true)
            }
        };
        if last && version < Version::HTTP_2 && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

/// What is said for a service that cannot say anything: no more than that.
fn failed() -> Response<Bytes> {
    let fault = Fault::new(codes::INTERNAL);
    let mut response = Response::new(Bytes::from(Problem::new(&fault, "", "/-/errors").to_json()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn ended<S>(server: &Server<S>, connection: &Connection, result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        let text = with_causes(&error);
        if let Some(reason) = unread(&error) {
            metrics::counter!("portcullis_requests_unread_total", "listener" => server.options.name.to_string(), "reason" => reason)
                .increment(1);
        }
        tracing::debug!(listener = &*server.options.name, peer = %connection.peer, error = text, "connection ended with an error");
        metrics::counter!("portcullis_connections_closed_total", "listener" => server.options.name.to_string(), "reason" => "protocol")
            .increment(1);
    }
}

/// Why there was no request to serve, to refuse or to record: hyper could not read a head. It has answered by itself with
/// 400, 414 or 431 and no body, and offers no place for one.
fn unread(error: &hyper::Error) -> Option<&'static str> {
    match error {
        error if error.is_parse_too_large() => Some("head_too_large"),
        error if error.is_parse() => Some("head_malformed"),
        _ => None,
    }
}

fn closed<S>(server: &Server<S>, reason: &'static str) {
    metrics::counter!("portcullis_connections_closed_total", "listener" => server.options.name.to_string(), "reason" => reason)
        .increment(1);
}

/// Why a connection never got to HTTP.
#[derive(Debug)]
enum Unopened {
    ProxyHeader(ProxyHeaderError),
    Handshake(HandshakeError),
    TimedOut,
}

impl Unopened {
    fn report(self, options: &ListenOptions) {
        let listener = &*options.name;
        let (what, reason, text) = match self {
            Self::ProxyHeader(error) => {
                ("portcullis_proxy_header_failures_total", error.reason(), error.to_string())
            }
            Self::Handshake(error) => ("portcullis_tls_failures_total", error.reason(), error.to_string()),
            // Without TLS, only a PROXY header can be late.
            Self::TimedOut if options.tls.is_none() => {
                ("portcullis_proxy_header_failures_total", "timeout", "no PROXY header in time".to_owned())
            }
            Self::TimedOut => ("portcullis_tls_failures_total", "timeout", "no handshake in time".to_owned()),
        };
        metrics::counter!(what, "listener" => listener.to_owned(), "reason" => reason).increment(1);
        tracing::debug!(listener, reason, error = text, "connection refused before HTTP");
    }
}
