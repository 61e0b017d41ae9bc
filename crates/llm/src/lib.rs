//! AI wire formats and providers: bytes in, bytes out.
//!
//! Here: what a request asks for ([`dialect`]), what a streamed answer says while it passes by ([`stream`]), which
//! vendors there are and how they differ ([`providers`]), which models they have and what those cost ([`catalog`]). Not
//! here: sockets, retries, credentials and who may call what; those are the gateway's.

pub mod canon;
pub mod catalog;
pub mod dialect;
mod json;
pub mod multipart;
pub mod providers;
pub mod stream;
pub mod translate;

pub use dialect::{CredentialPlace, Dialect};
pub use providers::Preset;
