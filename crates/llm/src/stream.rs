//! Streams of events, as bytes that pass by.

pub mod sse;
