//! What a listener hands its requests to.

use super::Connection;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use portcullis_fault::Fault;
use std::sync::Arc;

/// Answers the requests of a listener. Upgrades work through `hyper::upgrade::on`.
pub trait Service: Send + Sync + 'static {
    /// Body of the answers.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request. The future is dropped when the client goes away. When it panics, the client gets a plain 500;
    /// a service that has more to say, or to write down, outlives its panics itself.
    fn call(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers a request that the listener refuses (two framings, no or two hosts, …): it must not be served, only
    /// recorded and answered with `fault`. An HTTP/1.1 connection is closed afterwards.
    fn refuse(
        &self,
        fault: Fault,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}
