//! The way to services and providers: connections of our own keeping, one exchange at a time, nothing shared between
//! callers but a clean connection.
//!
//! Every way in takes a [`portcullis_identity::Permit`]: without authorisation there is nothing to call with.

pub(crate) mod ai;
mod answer;
mod endpoint;
mod endpoints;
mod error;
mod exchange;
pub mod google;
mod h2;
pub(crate) mod http;
mod lane;
mod pool;
mod retry;
pub(crate) mod sigv4;
mod upload;
mod watchdog;
pub(crate) mod websocket;

pub(crate) use answer::AnswerBody;
pub(crate) use endpoint::Endpoint;
pub(crate) use endpoints::Endpoints;
pub use error::Cut;
pub(crate) use upload::{Gauge, Upload};
