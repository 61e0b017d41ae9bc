//! The algorithms (RFC 7518, RFC 8037, RFC 8812, RFC 9864, RFC 9964): of signatures and sets of them, of key
//! management, of content encryption.
//!
//! `none` is not among them: no value of [`Alg`] means "unsigned", so no allow-list can contain it.

mod alg;
mod algs;
mod enc;
mod management;

pub use alg::{Alg, AlgError, Family};
pub use algs::Algs;
pub use enc::Enc;
pub use management::{KeyManagement, Mode, UnknownAlgorithm};
