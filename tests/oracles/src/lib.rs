//! The other libraries behind one face each, with keys that both sides read.

pub mod josekit;
pub mod jsonwebtoken;
mod keys;

pub use keys::{for_encryption, key};
