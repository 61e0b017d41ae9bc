//! The crate as the gateway uses it.

mod catalog;
mod echo;
mod eventstream;
mod golden;
mod openai;
mod request;
mod stream;
