//! Which code of the catalogue each error of `portcullis_jose` has. One place, for the gate and for the workbench: a
//! token is refused under the same code wherever it is looked at.
//!
//! Every variant is named and none is caught by a wildcard: a new way to fail does not compile until somebody has said
//! under which code it is known.
//!
//! Not here: what the caller may read of it, which is a question of who asks.

use portcullis_fault::{Code, codes};
use portcullis_jose::claims::{Refused, SubjectFault};
use portcullis_jose::jwa::UnknownAlgorithm;
use portcullis_jose::jwe::{self, DecryptError, EncryptError, NestedError, NestedSealError};
use portcullis_jose::jwk::{ChainError, NoteKind};
use portcullis_jose::jws::{PolicyError, SignError};
use portcullis_jose::jwt::TimeFault;
use portcullis_jose::{
    AlgError, Base64Error, JsonError, JsonErrorKind, KeyError, ParseError, SignatureError, Violation,
};

/// Something that has its place in the catalogue.
pub trait Catalogued {
    /// The code it is known under.
    fn code(&self) -> Code;
}

impl Catalogued for ParseError {
    fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => codes::TOKEN_TOO_LARGE,
            Self::Encrypted => codes::TOKEN_ENCRYPTED,
            Self::CritUnknown(_) | Self::UnencodedPayload => codes::TOKEN_CRITICAL_UNKNOWN,
            Self::Base64 { error, .. } => error.code(),
            Self::Json { error, .. } => error.code(),
            Self::Empty
            | Self::Parts(_)
            | Self::EmptyPart(_)
            | Self::NotAnObject { .. }
            | Self::AlgMissing
            | Self::ParameterType { .. }
            | Self::KidTooLong { .. }
            | Self::CritMalformed
            | Self::UnencodedMalformed
            | Self::Member { .. }
            | Self::Mixed
            | Self::TooManySignatures { .. }
            | Self::ParameterTwice(_)
            | Self::Unprotected(_)
            | Self::PayloadMissing
            | Self::PayloadTwice => codes::TOKEN_MALFORMED,
        }
    }
}

/// Of a token. What is wrong with a key is the key's ([`KeyError`]).
impl Catalogued for Base64Error {
    fn code(&self) -> Code {
        match self {
            Self::Padding(_)
            | Self::StandardAlphabet(_)
            | Self::WhiteSpace(_)
            | Self::Character(_)
            | Self::Length(_)
            | Self::TrailingBits(_) => codes::TOKEN_MALFORMED,
        }
    }
}

/// Of a token, as [`Base64Error`].
impl Catalogued for JsonError {
    fn code(&self) -> Code {
        match self.kind {
            JsonErrorKind::Utf8
            | JsonErrorKind::End
            | JsonErrorKind::Character
            | JsonErrorKind::Trailing
            | JsonErrorKind::String
            | JsonErrorKind::Number
            | JsonErrorKind::Duplicate
            | JsonErrorKind::Depth
            | JsonErrorKind::Members
            | JsonErrorKind::Size => codes::TOKEN_MALFORMED,
        }
    }
}

impl Catalogued for AlgError {
    fn code(&self) -> Code {
        match self {
            Self::None | Self::Unknown(_) => codes::ALGORITHM_NOT_ALLOWED,
        }
    }
}

impl Catalogued for SignatureError {
    fn code(&self) -> Code {
        match self {
            Self::Alg(error) => error.code(),
            Self::NotAllowed { .. } | Self::KeyMismatch { .. } => codes::ALGORITHM_NOT_ALLOWED,
            Self::Length { .. } | Self::Mismatch => codes::SIGNATURE_INVALID,
        }
    }
}

impl Catalogued for PolicyError {
    fn code(&self) -> Code {
        codes::SIGNATURE_INVALID
    }
}

impl Catalogued for Violation {
    fn code(&self) -> Code {
        match self {
            Self::Algorithm { .. } => codes::ALGORITHM_NOT_ALLOWED,
            Self::IssuerMissing { .. } | Self::IssuerMalformed { .. } | Self::Issuer { .. } => {
                codes::ISSUER_UNKNOWN
            }
            Self::TimeMissing { .. } => codes::CLAIM_MISSING,
            Self::TimeMalformed { fault, .. } => fault.code(),
            Self::Expired { .. } => codes::TOKEN_EXPIRED,
            Self::NotYetValid { .. } => codes::TOKEN_NOT_YET_VALID,
            Self::IssuedInFuture { .. } => codes::TOKEN_FROM_FUTURE,
            Self::TooOld { .. } => codes::TOKEN_TOO_OLD,
            Self::AudienceMissing { .. } | Self::Audience { .. } => codes::AUDIENCE_MISMATCH,
            Self::AudienceMalformed { .. } => codes::CLAIM_INVALID,
            Self::Type { .. } => codes::TOKEN_TYPE_MISMATCH,
            // Said as such, never as an unknown user.
            Self::ClaimMissing { claim } if **claim == *"sub" => codes::SUBJECT_MISSING,
            Self::ClaimMissing { .. } => codes::CLAIM_MISSING,
            Self::Subject { fault } => fault.code(),
        }
    }
}

impl Catalogued for TimeFault {
    fn code(&self) -> Code {
        match self {
            Self::NotANumber(_) | Self::Negative | Self::TooLarge => codes::CLAIM_INVALID,
        }
    }
}

impl Catalogued for SubjectFault {
    fn code(&self) -> Code {
        match self {
            Self::Missing | Self::Empty => codes::SUBJECT_MISSING,
            Self::Is(_) => codes::SUBJECT_INVALID,
        }
    }
}

impl Catalogued for Refused {
    fn code(&self) -> Code {
        match self {
            Self::Shape(error) => error.code(),
            Self::Issuer => codes::ISSUER_UNKNOWN,
            Self::Key => codes::KEY_UNKNOWN,
            Self::Signature(error) => error.code(),
            // There is at least one.
            Self::Claims(violations) => violations.first().map_or(codes::CLAIM_INVALID, Catalogued::code),
        }
    }
}

impl Catalogued for jwe::ParseError {
    fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => codes::TOKEN_TOO_LARGE,
            Self::Base64 { error, .. } => error.code(),
            Self::Json { error, .. } => error.code(),
            Self::Crit(error) => error.code(),
            Self::ZipUnknown(_) => codes::ALGORITHM_NOT_ALLOWED,
            Self::Empty
            | Self::Parts(_)
            | Self::Signed
            | Self::EmptyPart(_)
            | Self::NotAnObject { .. }
            | Self::Member { .. }
            | Self::Mixed
            | Self::TooManyRecipients { .. }
            | Self::ParameterTwice(_)
            | Self::Unprotected(_)
            | Self::ParameterMissing(_)
            | Self::ParameterType { .. }
            | Self::ParameterMalformed(_)
            | Self::Length { .. }
            | Self::EncryptedKey { .. }
            | Self::Recipients(_) => codes::TOKEN_MALFORMED,
        }
    }
}

impl Catalogued for UnknownAlgorithm {
    fn code(&self) -> Code {
        codes::ALGORITHM_NOT_ALLOWED
    }
}

impl Catalogued for DecryptError {
    fn code(&self) -> Code {
        match self {
            Self::Parse(error) => error.code(),
            Self::Unknown(error) => error.code(),
            // More work than is spent on a password is a way of encrypting that is not accepted.
            Self::AlgNotAllowed(_) | Self::EncNotAllowed(_) | Self::Iterations { .. } => {
                codes::ALGORITHM_NOT_ALLOWED
            }
            // There is no key here that opens it.
            Self::KeyMismatch(_) | Self::Failed => codes::TOKEN_ENCRYPTED,
            Self::ContentTooLarge(_) => codes::TOKEN_TOO_LARGE,
            Self::Compression => codes::TOKEN_MALFORMED,
        }
    }
}

impl Catalogued for NestedError {
    fn code(&self) -> Code {
        match self {
            Self::Decrypt(error) => error.code(),
            Self::ContentType => codes::TOKEN_TYPE_MISMATCH,
            Self::Parse(error) => error.code(),
            Self::Signature(error) => error.code(),
        }
    }
}

/// Keys come in as parameters: of the workbench, of the configuration.
impl Catalogued for KeyError {
    fn code(&self) -> Code {
        match self {
            Self::Library => codes::INTERNAL,
            Self::Json(_)
            | Self::Shape { .. }
            | Self::MemberMissing(_)
            | Self::MemberType { .. }
            | Self::Base64 { .. }
            | Self::UnknownType(_)
            | Self::UnknownCurve(_)
            | Self::UnknownAlg(_)
            | Self::AlgMismatch { .. }
            | Self::AlgAmbiguous(_)
            | Self::ManagementMismatch(_)
            | Self::ManagementAmbiguous
            | Self::OpsDuplicate
            | Self::NotFor(_)
            | Self::RsaTooSmall(_)
            | Self::RsaTooLarge(_)
            | Self::RsaExponent
            | Self::RsaFactors
            | Self::Length { .. }
            | Self::Point
            | Self::PrivateMismatch
            | Self::SecretTooShort { .. }
            | Self::SecretIsKey
            | Self::NotPrivate
            | Self::PrivateInPublicSet
            | Self::SymmetricInPublicSet
            | Self::TooManyKeys { .. }
            | Self::PemMissing
            | Self::PemMalformed(_)
            | Self::PemLabel(_)
            | Self::PemEncrypted
            | Self::Password
            | Self::EncryptionUnknown(_)
            | Self::Iterations(_)
            | Self::PemCount(_)
            | Self::Der(_) => codes::PARAMETER_INVALID,
        }
    }
}

impl Catalogued for NoteKind {
    fn code(&self) -> Code {
        match self {
            Self::Skipped(error) => error.code(),
            Self::DuplicateKid => codes::PARAMETER_INVALID,
        }
    }
}

impl Catalogued for ChainError {
    fn code(&self) -> Code {
        match self {
            Self::Key(error) => error.code(),
            Self::Length(_)
            | Self::Malformed(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Algorithm(_)
            | Self::Order(_)
            | Self::NotAuthority(_)
            | Self::Critical { .. }
            | Self::KeyUsage
            | Self::NoRoot => codes::PARAMETER_INVALID,
        }
    }
}

impl Catalogued for SignError {
    fn code(&self) -> Code {
        match self {
            Self::NoKey | Self::UnencodedJwt => codes::PARAMETER_INVALID,
            Self::Library => codes::INTERNAL,
        }
    }
}

impl Catalogued for EncryptError {
    fn code(&self) -> Code {
        match self {
            Self::NoRecipient | Self::OneRecipientOnly(_) | Self::KeyMismatch(_) | Self::AdditionalData => {
                codes::PARAMETER_INVALID
            }
            Self::Library => codes::INTERNAL,
        }
    }
}

impl Catalogued for NestedSealError {
    fn code(&self) -> Code {
        match self {
            Self::Sign(error) => error.code(),
            Self::Encrypt(error) => error.code(),
        }
    }
}
