//! The crate as the gateway uses it.

mod anthropic;
mod catalog;
mod echo;
mod eventstream;
mod golden;
mod openai;
mod request;
mod stream;
