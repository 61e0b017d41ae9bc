//! Making JSON serialisations, detached and unencoded signatures.

use serde_json::{Map, Value, json};

use super::sign::{Protected, SignError};
use crate::b64;
use crate::jwk::SigningKey;

/// Where the payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Into the message, base64url.
    Attached,
    /// Nowhere: the reader has it by other means (RFC 7515 appendix F). Signed base64url.
    Detached,
    /// Nowhere, and signed as it is (RFC 7797). Never for a JWT.
    Unencoded,
}

/// Signs into the flattened JSON serialisation. Everything in the header is protected.
///
/// # Errors
/// An unencoded JWT; the cryptographic library refused.
pub fn sign_flattened(
    header: &Protected,
    payload: &[u8],
    key: &SigningKey,
    placement: Placement,
) -> Result<String, SignError> {
    let mut all = one(header, payload, key, placement)?;
    attach(&mut all, payload, placement);
    Ok(Value::Object(all).to_string())
}

/// Signs with several keys into the general JSON serialisation.
///
/// # Errors
/// No key; an unencoded JWT; the cryptographic library refused.
pub fn sign_general(
    payload: &[u8],
    signers: &[(&Protected, &SigningKey)],
    placement: Placement,
) -> Result<String, SignError> {
    if signers.is_empty() {
        return Err(SignError::NoKey);
    }
    let each = signers.iter().map(|(header, key)| one(header, payload, key, placement).map(Value::Object));
    let mut all = Map::new();
    all.insert("signatures".into(), Value::Array(each.collect::<Result<_, _>>()?));
    attach(&mut all, payload, placement);
    Ok(Value::Object(all).to_string())
}

/// Signs into a compact token with nothing between its dots. `unencoded`: the payload is signed as it is (RFC 7797).
///
/// # Errors
/// An unencoded JWT; the cryptographic library refused.
pub fn sign_detached(
    header: &Protected,
    payload: &[u8],
    key: &SigningKey,
    unencoded: bool,
) -> Result<String, SignError> {
    let placement = if unencoded { Placement::Unencoded } else { Placement::Detached };
    let (protected, signature) = sign(header, payload, key, placement)?;
    Ok(format!("{protected}..{signature}"))
}

fn one(
    header: &Protected,
    payload: &[u8],
    key: &SigningKey,
    placement: Placement,
) -> Result<Map<String, Value>, SignError> {
    let (protected, signature) = sign(header, payload, key, placement)?;
    let mut all = Map::new();
    all.insert("protected".into(), protected.into());
    all.insert("signature".into(), signature.into());
    Ok(all)
}

/// The protected header and the signature, both base64url.
fn sign(
    header: &Protected,
    payload: &[u8],
    key: &SigningKey,
    placement: Placement,
) -> Result<(String, String), SignError> {
    let mut members = header.members(key.alg().name(), key.kid(), &["b64", "crit"]);
    if placement == Placement::Unencoded {
        if members.get("typ").and_then(Value::as_str).is_some_and(super::header::is_jwt) {
            return Err(SignError::UnencodedJwt);
        }
        members.insert("b64".into(), false.into());
        members.insert("crit".into(), json!(["b64"]));
    }
    let protected = b64::encode(Value::Object(members).to_string().as_bytes());
    let encoded = (placement != Placement::Unencoded).then(|| b64::encode(payload));
    let signed = encoded.as_ref().map_or(payload, |text| text.as_bytes());
    let signature = key.sign(&[protected.as_bytes(), b".", signed].concat())?;
    Ok((protected, b64::encode(&signature)))
}

fn attach(all: &mut Map<String, Value>, payload: &[u8], placement: Placement) {
    if placement == Placement::Attached {
        all.insert("payload".into(), b64::encode(payload).into());
    }
}
