//! The crate as the gateway uses it.

mod catalog;
mod echo;
mod request;
mod stream;
