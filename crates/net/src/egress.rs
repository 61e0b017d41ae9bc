//! The one guarded way out: every connection to an upstream, an issuer or a provider begins here, and the address that
//! is connected is the address that was checked.
//!
//! Not here: pools, retries, caching.

mod address;
mod authority;
mod client;
mod connect;
mod dial;
mod error;
mod exchange;
mod fetch;
mod proxy;
mod resolve;
mod stream;
mod tls;

pub use address::refused_for_documents;
pub use authority::{Authority, Scheme};
pub use client::{Client, Egress, Trust};
pub use error::{ConnectError, FetchError};
pub use exchange::{Answered, Exchange};
pub use fetch::{Fetch, Fetched};
pub use proxy::ProxyEnvironment;
pub use resolve::{Resolve, Resolving};
pub use stream::{Alpn, Protocol, Stream};
