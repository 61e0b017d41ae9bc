//! Framings of streamed answers: what of the bytes is framing, and what is said.

pub mod boundary;
pub mod eventstream;
pub mod sse;
#[allow(dead_code, reason = "each format uses some of it")]
pub(crate) mod whole;
