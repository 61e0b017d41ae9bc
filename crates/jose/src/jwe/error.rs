//! Why a JWE could not be taken apart, and why it was not decrypted.

use std::fmt;

use crate::b64::Base64Error;
use crate::json::{JsonError, Kind};
use crate::jwa::{Enc, KeyManagement, UnknownAlgorithm};
use crate::jws;
use crate::members::shape;

/// A part of a JWE (RFC 7516 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of RFC 7516 §3.1 and §7.2.1")]
pub enum Part {
    /// The protected header.
    Header,
    /// A header outside of what is protected.
    Unprotected,
    EncryptedKey,
    Iv,
    Ciphertext,
    Tag,
    Aad,
    /// The JSON around all of it.
    Message,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Header => "header",
            Part::Unprotected => "unprotected header",
            Part::EncryptedKey => "encrypted key",
            Part::Iv => "initialisation vector",
            Part::Ciphertext => "ciphertext",
            Part::Tag => "tag",
            Part::Aad => "additional data",
            Part::Message => "json",
        })
    }
}

/// The shape is wrong. Nothing in the message was believed, and no key was used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than the limit; nothing was looked at.
    #[error("encrypted message of {len} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// Bytes of the message.
        len: usize,
        /// The limit in force.
        limit: usize,
    },
    /// Nothing there.
    #[error("encrypted message is empty")]
    Empty,
    /// Not five parts: cut off, or no JWE.
    #[error("token has {0} parts separated by dots instead of 5")]
    Parts(usize),
    /// Three parts: it is signed and not encrypted.
    #[error("token has 3 parts: it is signed (JWS), an encrypted token (JWE) has 5")]
    Signed,
    /// A part that must not be empty is.
    #[error("{0} is empty")]
    EmptyPart(Part),
    /// A part is not base64url in its one spelling. In a compact token the offset counts from its start, in JSON from
    /// the start of the member.
    #[error("{part} is not base64url: {error}")]
    Base64 {
        /// Which part.
        part: Part,
        /// What and where.
        error: Base64Error,
    },
    /// A part is not strict JSON. The offset counts from the start of the decoded part.
    #[error("{part} is not valid json: {error}")]
    Json {
        /// Which part.
        part: Part,
        /// What and where.
        error: JsonError,
    },
    /// A part is JSON, but no object.
    #[error("{part} is {found} instead of an object")]
    NotAnObject {
        /// Which part.
        part: Part,
        /// What it is.
        found: Kind,
    },
    /// A member of the JSON serialisation has another type than it must, or is missing.
    #[error("member `{name}` is {}instead of {expected}", .found.map_or("missing ".to_owned(), |kind| format!("{kind} ")))]
    Member {
        /// The member.
        name: &'static str,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: Option<Kind>,
    },
    /// `recipients` beside `header` or `encrypted_key`: two serialisations at once (RFC 7516 §7.2.2).
    #[error("flattened and general serialisation are mixed")]
    Mixed,
    /// More recipients than are looked at.
    #[error("message has {found} recipients, at most {limit} are read")]
    TooManyRecipients {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A parameter stands in two headers (RFC 7516 §7.2.1): two readers could take either.
    #[error("header parameter stands in two headers: `{}`", .0.escape_debug())]
    ParameterTwice(Box<str>),
    /// A parameter has to be protected and is not (`zip`, `crit`).
    #[error("header parameter `{0}` is not protected")]
    Unprotected(&'static str),
    /// A parameter that the algorithm needs is not there (`alg` and `enc` always are).
    #[error("header has no `{0}`")]
    ParameterMissing(&'static str),
    /// A parameter has another type than its definition says.
    #[error("header parameter `{name}` is {found} instead of {expected}")]
    ParameterType {
        /// The parameter.
        name: &'static str,
        /// What its definition asks for.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// A parameter has the right type and no sound value.
    #[error("header parameter `{0}` is malformed")]
    ParameterMalformed(&'static str),
    /// `zip` is something else than `DEF`.
    #[error("compression is not supported: `{}`", .0.escape_debug())]
    ZipUnknown(Box<str>),
    /// `crit` is malformed or demands an extension.
    #[error(transparent)]
    Crit(jws::ParseError),
    /// A part has a length that the algorithm never produces.
    #[error("{part} has {found} bytes instead of {expected}")]
    Length {
        /// Which part.
        part: Part,
        /// What the algorithm makes.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// An encrypted key where the algorithm has none, or none where it has one (RFC 7516 §5.2, step 10).
    #[error("encrypted key is {} with `{alg}`", if *.found { "there" } else { "missing" })]
    EncryptedKey {
        /// The algorithm.
        alg: KeyManagement,
        /// Whether it is there.
        found: bool,
    },
    /// `dir` or `ECDH-ES` with several recipients, or recipients with different `enc`.
    #[error("recipients do not share one content key: `{0}`")]
    Recipients(&'static str),
}

impl ParseError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "token_too_large",
            Self::Empty => "token_empty",
            Self::Parts(_) => "token_parts",
            Self::Signed => "token_signed",
            Self::EmptyPart(_) => "token_part_empty",
            Self::Base64 { error, .. } => error.name(),
            Self::Json { error, .. } => error.kind.name(),
            Self::NotAnObject { .. } => "json_not_an_object",
            Self::Member { .. } => "jwe_member",
            Self::Mixed => "jwe_mixed",
            Self::TooManyRecipients { .. } => "jwe_too_many_recipients",
            Self::ParameterTwice(_) => "header_parameter_twice",
            Self::Unprotected(_) => "header_parameter_unprotected",
            Self::ParameterMissing("alg") => "alg_missing",
            Self::ParameterMissing("enc") => "enc_missing",
            Self::ParameterMissing(_) => "header_parameter_missing",
            Self::ParameterType { .. } => "header_parameter_type",
            Self::ParameterMalformed(_) => "header_parameter_malformed",
            Self::ZipUnknown(_) => "zip_unknown",
            Self::Crit(error) => error.name(),
            Self::Length { .. } => "jwe_length",
            Self::EncryptedKey { .. } => "jwe_encrypted_key",
            Self::Recipients(_) => "jwe_recipients",
        }
    }

    /// The byte where it went wrong, where that is known.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Base64 { error, .. } => Some(error.offset()),
            Self::Json { error, .. } => Some(error.at),
            _ => None,
        }
    }
}

shape!(ParseError, Part, Some);

/// The message was not decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Its shape is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// `alg` or `enc` names nothing that can be used.
    #[error(transparent)]
    Unknown(#[from] UnknownAlgorithm),
    /// The caller does not allow this key management.
    #[error("key management algorithm is not allowed here: `{0}`")]
    AlgNotAllowed(KeyManagement),
    /// The caller does not allow this content encryption.
    #[error("content encryption algorithm is not allowed here: `{0}`")]
    EncNotAllowed(Enc),
    /// The key is for other algorithms: by its own `alg`, its type, length or curve.
    #[error("key does not go with algorithm `{0}`")]
    KeyMismatch(KeyManagement),
    /// `p2c` is below 1000 (RFC 7518 §4.8.1.2), or would cost more than the caller spends.
    #[error("password iterations of {found} are not between {least} and {most}")]
    Iterations {
        /// What the message asks for, with several recipients what they ask for together.
        found: u64,
        /// The fewest.
        least: u32,
        /// The most.
        most: u32,
    },
    /// It does not decrypt: another key, or altered. Which step failed is nobody's to know.
    #[error("decryption failed")]
    Failed,
    /// The content is authentic and unpacks to more than the caller takes.
    #[error("decompressed content exceeds the limit of {0} bytes")]
    ContentTooLarge(usize),
    /// The content is authentic and is no DEFLATE.
    #[error("compressed content is malformed")]
    Compression,
}

impl DecryptError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Parse(error) => error.name(),
            Self::Unknown(_) => "encryption_alg_unknown",
            Self::AlgNotAllowed(_) => "encryption_alg_not_allowed",
            Self::EncNotAllowed(_) => "enc_not_allowed",
            Self::KeyMismatch(_) => "encryption_key_mismatch",
            Self::Iterations { .. } => "password_iterations",
            Self::Failed => "decryption_failed",
            Self::ContentTooLarge(_) => "content_too_large",
            Self::Compression => "compression_malformed",
        }
    }
}
