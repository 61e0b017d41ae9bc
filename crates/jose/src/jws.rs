//! JSON Web Signatures in compact form (RFC 7515): taking one apart, and making one.
//!
//! The JSON serialisations and detached payloads are not read here; a token in an `Authorization` header has neither.

mod compact;
mod error;
mod header;
mod sign;
mod verify;

pub use compact::{Compact, DEFAULT_LIMIT, signing_input_of};
pub use error::{ParseError, Part, SignatureError};
pub(crate) use header::critical;
pub use header::{AlgName, Header, KID_LIMIT, Pointers};
pub use sign::{Protected, SignError, sign_compact};
pub use verify::verify_compact;
pub(crate) use verify::{check_alg, check_signature};

/// SHA-256: the digest under which tokens and signing inputs are remembered (a token itself never is).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}
