//! The whole crate over real sockets on loopback.

mod bounds;
mod connect;
mod fetch;
mod http2;
mod life;
mod panics;
mod proxy_protocol;
mod smuggling;
mod support;
mod tls;
