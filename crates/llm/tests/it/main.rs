//! The crate as the gateway uses it.

mod catalog;
mod echo;
mod eventstream;
mod request;
mod stream;
