//! Why a token could not be taken apart, and why its signature does not count.

use std::fmt;

use crate::b64::Base64Error;
use crate::json::{JsonError, Kind};
use crate::jwa::{Alg, AlgError, Algs};
use crate::members::shape;

/// A part of a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of RFC 7515 §3.1")]
pub enum Part {
    Header,
    Payload,
    Signature,
    /// A header outside of what is signed, in a JSON serialisation.
    Unprotected,
    /// The JSON serialisation itself.
    Message,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Header => "header",
            Part::Payload => "payload",
            Part::Signature => "signature",
            Part::Unprotected => "unprotected header",
            Part::Message => "serialisation",
        })
    }
}

/// The token's shape is wrong. Nothing in it was believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than the limit; nothing was looked at.
    #[error("token of {len} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes of the token.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
    /// Nothing there.
    #[error("token is empty")]
    Empty,
    /// Not three parts: cut off, an opaque token, or two tokens pasted together.
    #[error("token has {0} parts separated by dots instead of 3")]
    Parts(usize),
    /// Five parts: a JWE. It has to be decrypted first.
    #[error("token has 5 parts: it is encrypted (JWE), a signed token (JWS) has 3")]
    Encrypted,
    /// The header, the payload (or a part that must not be) is empty.
    #[error("token {0} is empty")]
    EmptyPart(Part),
    /// A part is not base64url in its one spelling. The offset counts from the start of the token.
    #[error("token {part} is not base64url: {error}")]
    Base64 {
        /// Which part.
        part: Part,
        /// What and where, from the start of the token.
        error: Base64Error,
    },
    /// A part decodes to something that is not strict JSON. The offset counts from the start of the decoded part.
    #[error("token {part} is not valid json: {error}")]
    Json {
        /// Which part.
        part: Part,
        /// What and where, from the start of the decoded part.
        error: JsonError,
    },
    /// A part is JSON, but no object.
    #[error("token {part} is {found} instead of an object")]
    NotAnObject {
        /// Which part.
        part: Part,
        /// What it is.
        found: Kind,
    },
    /// The header has no `alg` (RFC 7515 §4.1.1).
    #[error("token header has no `alg`")]
    AlgMissing,
    /// A header parameter has another type than its definition says.
    #[error("token header parameter `{name}` is {found} instead of {expected}")]
    ParameterType {
        /// The parameter.
        name: &'static str,
        /// What its definition asks for.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// `kid` is longer than any real key id: not worth looking up.
    #[error("token header parameter `kid` of {len} bytes exceeds the limit of {limit}", limit = super::header::KID_LIMIT)]
    KidTooLong {
        /// Bytes of the `kid`.
        len: usize,
    },
    /// `crit` is empty, repeats itself or names what is not in the header or is no extension (RFC 7515 §4.1.11).
    #[error("token header parameter `crit` is malformed")]
    CritMalformed,
    /// `crit` demands an extension that is not understood here. Ignoring it would be forging its meaning.
    #[error("token demands an extension that is not supported: `{}`", .0.escape_debug())]
    CritUnknown(Box<str>),
    /// `b64` is there (RFC 7797): an unencoded payload is not allowed in a JWT (§7 there).
    #[error("token uses `b64` (unencoded payload), which a jwt must not")]
    UnencodedPayload,
    /// `b64` is no boolean, is not in `crit` (RFC 7797 §6), or differs between signatures (§3).
    #[error("header parameter `b64` is malformed, not critical, or not the same for all signatures")]
    UnencodedMalformed,
    /// A member of a JSON serialisation has another type than it must.
    #[error("member `{name}` is {found} instead of {expected}")]
    Member {
        /// The member.
        name: &'static str,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// `signatures` beside `signature`: two serialisations at once (RFC 7515 §7.2.2).
    #[error("flattened and general serialisation are mixed")]
    Mixed,
    /// More signatures than are looked at.
    #[error("message has {found} signatures, at most {limit} are read")]
    TooManySignatures {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A parameter stands in two headers (RFC 7515 §7.2.1): two readers could take either.
    #[error("header parameter stands in two headers: `{}`", .0.escape_debug())]
    ParameterTwice(Box<str>),
    /// A parameter has to be protected and is not (`crit`, `b64`).
    #[error("header parameter `{0}` is not protected")]
    Unprotected(&'static str),
    /// The message carries no payload and none was given.
    #[error("message carries no payload: it is detached")]
    PayloadMissing,
    /// The message carries a payload where a detached one was given.
    #[error("message carries a payload beside the detached one")]
    PayloadTwice,
}

impl ParseError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "token_too_large",
            Self::Empty => "token_empty",
            Self::Parts(_) => "token_parts",
            Self::Encrypted => "token_encrypted",
            Self::EmptyPart(_) => "token_part_empty",
            Self::Base64 { error, .. } => error.name(),
            Self::Json { error, .. } => error.kind.name(),
            Self::NotAnObject { .. } => "json_not_an_object",
            Self::AlgMissing => "alg_missing",
            Self::ParameterType { .. } => "header_parameter_type",
            Self::KidTooLong { .. } => "kid_too_long",
            Self::CritMalformed => "crit_malformed",
            Self::CritUnknown(_) => "crit_unknown",
            Self::UnencodedPayload => "payload_unencoded",
            Self::UnencodedMalformed => "payload_unencoded_malformed",
            Self::Member { .. } => "jws_member",
            Self::Mixed => "jws_mixed",
            Self::TooManySignatures { .. } => "jws_too_many_signatures",
            Self::ParameterTwice(_) => "header_parameter_twice",
            Self::Unprotected(_) => "header_parameter_unprotected",
            Self::PayloadMissing => "payload_missing",
            Self::PayloadTwice => "payload_twice",
        }
    }

    /// In which part of the token, where that is known.
    pub fn part(&self) -> Option<Part> {
        match *self {
            Self::EmptyPart(part)
            | Self::Base64 { part, .. }
            | Self::Json { part, .. }
            | Self::NotAnObject { part, .. } => Some(part),
            Self::AlgMissing
            | Self::ParameterType { .. }
            | Self::KidTooLong { .. }
            | Self::CritMalformed
            | Self::CritUnknown(_)
            | Self::UnencodedPayload
            | Self::UnencodedMalformed => Some(Part::Header),
            Self::Unprotected(_) | Self::ParameterTwice(_) => Some(Part::Unprotected),
            Self::PayloadMissing | Self::PayloadTwice => Some(Part::Payload),
            Self::Member { .. } | Self::Mixed | Self::TooManySignatures { .. } => Some(Part::Message),
            Self::TooLarge { .. } | Self::Empty | Self::Parts(_) | Self::Encrypted => None,
        }
    }

    /// The byte where it went wrong, where that is known: for base64url from the start of the token, for JSON from
    /// the start of the decoded part.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Base64 { error, .. } => Some(error.offset()),
            Self::Json { error, .. } => Some(error.at),
            _ => None,
        }
    }
}

shape!(ParseError, Part, std::convert::identity);

/// The signature does not make the token trustworthy. In the order in which the reasons are looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// `alg` names nothing that can be used, or `none`.
    #[error(transparent)]
    Alg(#[from] AlgError),
    /// The caller does not allow this algorithm.
    #[error("algorithm is not allowed here: `{alg}`, allowed: {allowed}")]
    NotAllowed {
        /// What the token says.
        alg: Alg,
        /// What the caller allows.
        allowed: Algs,
    },
    /// The key is for other algorithms: by its own `alg`, its type or its curve.
    #[error("key does not go with algorithm `{alg}`, it takes: {accepts}")]
    KeyMismatch {
        /// What the token says.
        alg: Alg,
        /// What the key takes.
        accepts: Algs,
    },
    /// The signature has a length that this algorithm and key never produce: cut off, or ECDSA in DER form.
    #[error("signature has {found} bytes instead of {expected}")]
    Length {
        /// What algorithm and key make.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// The mathematics says no: another key, or altered content.
    #[error("signature does not match")]
    Mismatch,
}

impl SignatureError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Alg(error) => error.name(),
            Self::NotAllowed { .. } => "alg_not_allowed",
            Self::KeyMismatch { .. } => "key_mismatch",
            Self::Length { .. } => "signature_length",
            Self::Mismatch => "signature_mismatch",
        }
    }
}
