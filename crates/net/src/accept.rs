//! Listeners: TCP and TLS, PROXY protocol, Unix sockets, HTTP/1.1 and HTTP/2, with every bound that keeps one client
//! from harming another, and a drain that ends.
//!
//! What hyper's parser lets through and a gateway must not is screened here too ([`Service::refuse`] gets it). Not here:
//! routes, credentials, error bodies.

mod answer;
mod body;
mod client_address;
mod connection;
mod failure_budget;
mod forwarded;
mod head;
mod io;
mod listener;
mod options;
mod proxy_protocol;
mod pulse;
mod screen;
mod server;
mod service;
mod serving;
mod socket;
mod streams;
mod tls;
mod unix;

pub use body::{BodyError, Bounded};
pub use client_address::{TrustedProxies, client_address};
pub use connection::{Connection, TlsFacts, UnixPeer};
pub use failure_budget::{FailureBudget, FailureBudgetOptions};
pub use listener::{BindError, Drained, Listener};
pub use options::{Limits, ListenOptions};
pub use service::Service;
pub use tls::{Tls, TlsError, TlsOptions};
pub use unix::UnixListener;
