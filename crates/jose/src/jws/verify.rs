//! Whether a signature counts: each question a function of its own, in the order in which they are asked.

use super::compact::Compact;
use super::error::{ParseError, Part, SignatureError};
use super::header::Header;
use crate::jwa::{Alg, Algs};
use crate::jwk::VerifyingKey;

/// A compact JWS whose payload may be anything, verified: its header and its payload.
///
/// For JWTs there is [`crate::Unverified`], which reads the claims too.
///
/// # Errors
/// The shape (outer), or the signature (inner).
pub fn verify_compact(
    token: &[u8],
    limit: usize,
    key: &VerifyingKey,
    allowed: Algs,
) -> Result<Result<(Header, Vec<u8>), SignatureError>, ParseError> {
    let compact = Compact::parse(token, limit)?;
    let (mut header, mut payload, mut signature) = (Vec::new(), Vec::new(), Vec::new());
    compact.decode(Part::Header, &mut header)?;
    compact.decode(Part::Payload, &mut payload)?;
    compact.decode(Part::Signature, &mut signature)?;
    let header = Header::parse(&header)?;
    let checked = check_signature(&header, key, allowed, compact.signing_input(), &signature);
    Ok(checked.map(|_| (header, payload)))
}

/// All questions in a row.
pub(crate) fn check_signature(
    header: &Header,
    key: &VerifyingKey,
    allowed: Algs,
    signing_input: &[u8],
    signature: &[u8],
) -> Result<Alg, SignatureError> {
    let alg = check_alg(header, allowed)?;
    key.verify(alg, signing_input, signature)?;
    Ok(alg)
}

/// Is the algorithm one that we have, and that the caller allows?
pub(crate) fn check_alg(header: &Header, allowed: Algs) -> Result<Alg, SignatureError> {
    let alg = header.alg()?;
    if allowed.contains(alg) { Ok(alg) } else { Err(SignatureError::NotAllowed { alg, allowed }) }
}
