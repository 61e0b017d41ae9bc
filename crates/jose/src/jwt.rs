//! JSON Web Tokens (RFC 7519) signed in compact form: from bytes to claims that a key has vouched for.

mod payload;
mod time;
mod unverified;
mod values;
mod verified;

pub use payload::Claims;
pub use time::{Time, TimeFault};
pub use unverified::{Claimed, Unverified};
pub use values::{Audience, Confirmation, Subject, Text};
pub use verified::Verified;

use crate::jwk::SigningKey;
use crate::jws::{Protected, SignError, sign_compact};

/// Signs a claims set, given as JSON, into a token.
///
/// What is in the claims is the caller's business: an issuer of tokens checks its own.
///
/// # Errors
/// The cryptographic library refused.
pub fn encode(header: &Protected, claims: &[u8], key: &SigningKey) -> Result<String, SignError> {
    sign_compact(header, claims, key)
}
