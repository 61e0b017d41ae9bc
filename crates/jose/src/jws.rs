//! JSON Web Signatures (RFC 7515): taking one apart, and making one.
//!
//! [`Compact`] is what a token in an `Authorization` header is. [`Message`] reads the JSON serialisations, detached and
//! unencoded payloads, with a stated [`Policy`] about several signatures; it is never tried where a compact token is
//! expected.

mod compact;
mod error;
mod header;
mod message;
mod policy;
mod sign;
mod verify;
mod write;

pub use compact::{Compact, DEFAULT_LIMIT, signing_input_of};
pub use error::{ParseError, Part, SignatureError};
pub(crate) use header::critical;
pub use header::{AlgName, Header, KID_LIMIT, Pointers};
pub use message::{Message, Reading, Signature};
pub use policy::{Policy, PolicyError, Signed, Signer};
pub use sign::{Protected, SignError, sign_compact};
pub use verify::verify_compact;
pub(crate) use verify::{check_alg, check_signature};
pub use write::{Placement, sign_detached, sign_flattened, sign_general};

/// SHA-256: the digest under which tokens and signing inputs are remembered (a token itself never is).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}
