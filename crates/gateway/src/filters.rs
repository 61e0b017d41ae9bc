//! What is changed on a call on its way to a service, and on the answer on its way back: one file each, one line each in
//! the lists below, which fix the order.
//!
//! Not here: what goes to AI providers. They get a head of their own making (`upstream::ai`), not the caller's.

mod credential;
mod enrich;
mod forwarded;
mod hop_by_hop;
mod ink;
mod names;
mod query;
mod request_id;
mod trace_context;
mod trailers;

pub(crate) use credential::Scrub;
pub(crate) use ink::Ink;
pub(crate) use query::without_parameter;
pub(crate) use trailers::{from_caller, from_upstream};

use crate::trace::Trace;
use http::{HeaderMap, HeaderValue, Version, request};
use portcullis_model::Principal;
use std::net::IpAddr;

/// What filters may look at: facts of the connection, of the call, and who it is by.
pub(crate) struct Passage<'a> {
    /// Who it is by; nobody on services that ask nothing, and in monitor mode when the check failed.
    pub(crate) principal: Option<&'a Principal>,
    /// What becomes of the caller's credential.
    pub(crate) scrub: &'a Scrub,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether that other end is a proxy whose forwarding headers are believed.
    pub(crate) trusted_peer: bool,
    /// Whether the caller's connection to us is TLS.
    pub(crate) https: bool,
    /// The protocol in which the call came.
    pub(crate) version: Version,
    /// `Host` as the caller wrote it.
    pub(crate) host: Option<HeaderValue>,
    /// The call's id, in text.
    pub(crate) request_id: &'a HeaderValue,
    /// The call's place in its trace.
    pub(crate) trace: &'a Trace,
    /// For values that are made here.
    pub(crate) ink: Ink,
    /// Whether the connection is to become a WebSocket: `Upgrade` is then for the upstream.
    pub(crate) upgrade: bool,
}

type OnRequest = fn(&mut Passage<'_>, &mut request::Parts);

/// In this order:
const ON_REQUEST: [OnRequest; 7] = [
    // what the caller nominates in `Connection` goes before anything of ours is added: it could nominate ours;
    hop_by_hop::on_request,
    // then whatever pretends to be from us, in any spelling;
    names::on_request,
    // then the caller's credential, before anything could copy it;
    credential::on_request,
    // then ours.
    forwarded::on_request,
    trace_context::on_request,
    request_id::on_request,
    enrich::on_request,
];

/// Prepares a call's head for its service.
pub(crate) fn on_request(mut passage: Passage<'_>, head: &mut request::Parts) {
    // One growth of the map instead of several: at most this many are added.
    head.headers.reserve(12);
    for filter in ON_REQUEST {
        filter(&mut passage, head);
    }
}

/// Prepares an answer's headers for the caller.
pub(crate) fn on_response(headers: &mut HeaderMap, request_id: &HeaderValue, upgrade: bool) {
    hop_by_hop::on_response(headers, upgrade);
    request_id::on_response(headers, request_id);
}
