//! Whole calls: a gateway on a loopback port in front of upstreams that behave, or do not; a real directory behind it.

mod ai;
mod client;
mod dialects;
mod endings;
mod exchanges;
mod explain;
mod fetching;
mod hedging;
mod held;
mod house;
mod http2;
mod media;
mod pool;
mod quirks;
mod refusals;
mod retries;
mod routes;
mod routing;
mod smuggling;
mod spans;
mod streams;
mod teams;
mod upstream;
mod vertex;
mod websocket;
mod wires;
