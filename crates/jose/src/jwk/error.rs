//! Why bytes are no key that can be used.

use crate::b64::Base64Error;
use crate::json::{JsonError, Kind};
use crate::jwa::{Alg, Algs, KeyManagement};

/// A key was refused. No variant carries key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not strict JSON.
    #[error("key is not valid json: {0}")]
    Json(JsonError),
    /// JSON, but no object; or `keys` is no array.
    #[error("key is {found} instead of {expected}")]
    Shape {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// A member that this type of key must have is not there.
    #[error("key has no `{0}`")]
    MemberMissing(&'static str),
    /// A member has the wrong type.
    #[error("key member `{name}` is {found} instead of {expected}")]
    MemberType {
        /// The member.
        name: &'static str,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: Kind,
    },
    /// A member is not base64url in its one spelling.
    #[error("key member `{name}` is not base64url: {error}")]
    Base64 {
        /// The member.
        name: &'static str,
        /// What and where, from the start of the value.
        error: Base64Error,
    },
    /// `kty` is none of `oct`, `RSA`, `EC`, `OKP`, `AKP`.
    #[error("key type is not supported: `{}`", .0.escape_debug())]
    UnknownType(Box<str>),
    /// `crv` (or the curve of a PEM key) is none that signs here.
    #[error("curve is not supported: `{}`", .0.escape_debug())]
    UnknownCurve(Box<str>),
    /// `alg` names no signature algorithm of this crate: an encryption key, or something new.
    #[error("key is for an algorithm that is not supported: `{}`", .0.escape_debug())]
    UnknownAlg(Box<str>),
    /// `alg` does not go with the key's type or curve.
    #[error("key names algorithm `{alg}`, but its type takes: {accepts}")]
    AlgMismatch {
        /// What the key, or the caller, names.
        alg: Alg,
        /// What its type and curve allow.
        accepts: Algs,
    },
    /// The key could sign with several algorithms and none was named.
    #[error("key names no algorithm, choose one of: {0}")]
    AlgAmbiguous(Algs),
    /// The key management algorithm does not go with the key's type or length; or it is `RSA1_5`, which is never
    /// written.
    #[error("key does not go with key management algorithm `{0}`")]
    ManagementMismatch(KeyManagement),
    /// The key could encrypt with several algorithms and none was named.
    #[error("key names no key management algorithm, name one")]
    ManagementAmbiguous,
    /// `key_ops` repeats itself (RFC 7517 §4.3).
    #[error("key member `key_ops` has duplicates")]
    OpsDuplicate,
    /// `use` or `key_ops` reserves the key for something else.
    #[error("key is not for {0}: its `use` or `key_ops` says otherwise")]
    NotFor(&'static str),
    /// RSA below 2048 bits (RFC 7518 §3.3).
    #[error("rsa key of {0} bits, at least 2048 are needed")]
    RsaTooSmall(usize),
    /// RSA beyond 8192 bits: a verification would keep a core busy.
    #[error("rsa key of {0} bits, at most 8192 are supported")]
    RsaTooLarge(usize),
    /// The public exponent is even, below 3 or beyond 33 bits, or the modulus is even.
    #[error("rsa modulus or exponent is not sound")]
    RsaExponent,
    /// More than two primes (`oth`), or a private key without its factors.
    #[error("rsa private key without its two factors is not supported")]
    RsaFactors,
    /// A coordinate, private value or key does not have the length that its curve or algorithm fixes.
    #[error("key member `{name}` has {found} bytes instead of {expected}")]
    Length {
        /// The member.
        name: &'static str,
        /// What it must have.
        expected: usize,
        /// What it has.
        found: usize,
    },
    /// The point is not on the curve, or so small that anybody can sign for it.
    #[error("public key is not a sound point of its curve")]
    Point,
    /// The private part is not sound or belongs to another public part.
    #[error("private key does not belong to its public key")]
    PrivateMismatch,
    /// Fewer bytes than the hash has (RFC 7518 §3.2): such a secret can be guessed.
    #[error("secret of {found} bytes, at least {needed} are needed")]
    SecretTooShort {
        /// What it has.
        found: usize,
        /// What the algorithm (or the weakest one) needs.
        needed: usize,
    },
    /// What was given as a secret is a key or certificate: whoever has the public half could forge every token.
    #[error("secret is the text of a key or certificate, configure it as a public key instead")]
    SecretIsKey,
    /// The private key is needed and only the public one is there.
    #[error("private key is needed, this is a public key")]
    NotPrivate,
    /// A private key lies in a set that is meant to be public. Everybody may have it: it is not used.
    #[error("private key in a public key set")]
    PrivateInPublicSet,
    /// A secret lies in a set that is meant to be public. Everybody may have it: it is not used.
    #[error("symmetric key in a public key set")]
    SymmetricInPublicSet,
    /// More keys than a set may have.
    #[error("key set has {found} keys, at most {limit} are read")]
    TooManyKeys {
        /// Keys in the set.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// No `-----BEGIN … -----` block.
    #[error("no pem block found")]
    PemMissing,
    /// A block is cut off, its lines do not match or its body is not base64.
    #[error("pem block is malformed, at byte {0}")]
    PemMalformed(usize),
    /// A block that is no key and no certificate.
    #[error("pem block is not supported: `{}`", .0.escape_debug())]
    PemLabel(Box<str>),
    /// The private key is encrypted.
    #[error("pem private key is encrypted, give its password")]
    PemEncrypted,
    /// The password does not open it, or it was damaged: which of the two cannot be known.
    #[error("encrypted key does not open with this password")]
    Password,
    /// Encrypted in a way that is not read: DES, RC2, scrypt, or nothing standard.
    #[error("key is encrypted in a way that is not supported: `{0}`")]
    EncryptionUnknown(Box<str>),
    /// Opening it would take more iterations than are spent on a key.
    #[error("encrypted key wants {0} iterations, at most 5000000 are spent")]
    Iterations(u64),
    /// One key was asked for and several are there.
    #[error("pem holds {0} keys, one is needed")]
    PemCount(usize),
    /// The ASN.1 inside is not what its label says.
    #[error("{0} is not valid der")]
    Der(&'static str),
    /// The cryptographic library refused: out of memory or entropy.
    #[error("key generation failed in the cryptographic library")]
    Library,
}

impl KeyError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json(error) => error.kind.name(),
            Self::Shape { .. } => "key_shape",
            Self::MemberMissing(_) => "key_member_missing",
            Self::MemberType { .. } => "key_member_type",
            Self::Base64 { error, .. } => error.name(),
            Self::UnknownType(_) => "key_type_unknown",
            Self::UnknownCurve(_) => "key_curve_unknown",
            Self::UnknownAlg(_) => "key_alg_unknown",
            Self::AlgMismatch { .. } => "key_alg_mismatch",
            Self::AlgAmbiguous(_) => "key_alg_ambiguous",
            Self::ManagementMismatch(_) => "key_management_mismatch",
            Self::ManagementAmbiguous => "key_management_ambiguous",
            Self::OpsDuplicate => "key_ops_duplicate",
            Self::NotFor(_) => "key_not_for",
            Self::RsaTooSmall(_) => "rsa_too_small",
            Self::RsaTooLarge(_) => "rsa_too_large",
            Self::RsaExponent => "rsa_exponent",
            Self::RsaFactors => "rsa_factors",
            Self::Length { .. } => "key_length",
            Self::Point => "key_point",
            Self::PrivateMismatch => "key_private_mismatch",
            Self::SecretTooShort { .. } => "secret_too_short",
            Self::SecretIsKey => "secret_is_key",
            Self::NotPrivate => "key_not_private",
            Self::PrivateInPublicSet => "private_in_public_set",
            Self::SymmetricInPublicSet => "symmetric_in_public_set",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::PemMissing => "pem_missing",
            Self::PemMalformed(_) => "pem_malformed",
            Self::PemLabel(_) => "pem_label",
            Self::PemEncrypted => "pem_encrypted",
            Self::Password => "key_password",
            Self::EncryptionUnknown(_) => "key_encryption_unknown",
            Self::Iterations(_) => "key_iterations",
            Self::PemCount(_) => "pem_count",
            Self::Der(_) => "der_malformed",
            Self::Library => "key_library",
        }
    }
}

/// The longest piece of an unknown name that is kept.
pub(super) fn cut(name: &str) -> Box<str> {
    name.chars().take(64).collect()
}
