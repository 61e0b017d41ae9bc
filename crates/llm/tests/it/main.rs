//! The crate as the gateway uses it.

mod echo;
mod request;
mod stream;
