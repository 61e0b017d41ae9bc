//! WebSocket connections (RFC 6455): opened like any call, then bytes both ways. Frames are looked at only to know where
//! they end, so that a goodbye of ours can stand between two of them; messages are read where a model's session passes.

mod frame;
mod message;
mod pipe;
mod tunnel;

pub(crate) use message::{Assembler, Broken, Piece, Side, text};
pub(crate) use tunnel::{Goodbye, Tunnel, barring};

use super::endpoint::{Endpoint, Line};
use super::exchange::exchange;
use super::lane::Lane;
use super::{AnswerBody, Upload};
use crate::record::Recording;
use ::http::{HeaderMap, Method, Request, StatusCode, Version, header, request, response};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use portcullis_net::egress::Stream;
use std::sync::Arc;
use std::time::Duration;

/// Time to the upstream's agreement, where nothing is said.
const HEAD: Duration = Duration::from_secs(60);
/// How long both ends of a tunnel may be silent, where nothing is said. Most applications ping within a minute; what is
/// left behind by a machine that vanished must go some time.
const SILENCE: Duration = Duration::from_secs(3_600);

/// Whether a call asks to become a WebSocket.
pub(crate) fn is_wanted(head: &request::Parts) -> bool {
    let names = |name: header::HeaderName, wanted: &str| {
        head.headers.get_all(name).iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|text| text.split(',').any(|member| member.trim().eq_ignore_ascii_case(wanted)))
        })
    };
    head.version == Version::HTTP_11
        && head.method == Method::GET
        && head.headers.contains_key(header::UPGRADE)
        && names(header::UPGRADE, "websocket")
        && names(header::CONNECTION, "upgrade")
}

/// How long both ends of a tunnel may be silent.
pub(crate) fn pause(endpoint: &Endpoint) -> Duration {
    endpoint.pause(SILENCE)
}

/// What came of asking the upstream.
pub(crate) enum Opened {
    /// It agreed: the head for the caller, the connection, and what was said on it already.
    Switched(response::Parts, Box<(Stream, Bytes)>),
    /// It answered like any other call.
    Answered(response::Parts, AnswerBody),
}

/// Asks the upstream, over a connection of its own.
pub(crate) async fn open(
    permit: &Permit,
    endpoint: &Arc<Endpoint>,
    timeout: Option<Duration>,
    head: request::Parts,
    recording: &mut Recording,
) -> Result<Opened, Fault> {
    let _: &Permit = permit;
    let patience = endpoint.patience(HEAD, timeout);
    recording.record.timing.dispatched = recording.elapsed();
    recording.record.attempts += 1;
    let lane = endpoint.dedicated().await?;
    let request = Request::from_parts(head, Upload::Empty);
    let (head, body) = exchange(endpoint, &mut Some(Line::Lane(lane)), request, patience)
        .await
        .map_err(|(failure, _)| failure)?;
    recording.record.timing.first_byte = recording.elapsed();
    recording.record.upstream_status = Some(head.status.as_u16());
    match body {
        AnswerBody::Lane { lane, .. } if head.status == StatusCode::SWITCHING_PROTOCOLS => {
            if !agreed(&head.headers) {
                return Err(Fault::new(codes::UPSTREAM_INVALID)
                    .context("it switched to another protocol than WebSocket"));
            }
            Ok(Opened::Switched(head, Box::new(take(lane).await?)))
        }
        body => Ok(Opened::Answered(head, body)),
    }
}

fn agreed(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The bare connection, once HTTP is done with it.
async fn take(mut lane: Box<Lane>) -> Result<(Stream, Bytes), Fault> {
    let done = tokio::time::timeout(Duration::from_secs(5), std::future::poll_fn(|cx| lane.drive(cx))).await;
    match done {
        Ok(Ok(())) => Ok(lane.into_stream()),
        Ok(Err(error)) => Err(Fault::new(codes::UPSTREAM_INVALID).source(error)),
        Err(_) => {
            Err(Fault::new(codes::UPSTREAM_TIMEOUT)
                .context("it switched protocols and did not let go of HTTP"))
        }
    }
}
