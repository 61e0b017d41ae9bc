//! The signature algorithms (RFC 7518 §3, RFC 8037, RFC 8812, RFC 9864, RFC 9964) and sets of them.
//!
//! `none` is not among them: no value of [`Alg`] means "unsigned", so no allow-list can contain it.

mod alg;
mod algs;

pub use alg::{Alg, AlgError, Family};
pub use algs::Algs;
