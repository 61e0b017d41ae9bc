//! Keys: JSON Web Keys and sets of them (RFC 7517, 7518 §6, 8037, 9964), PEM and certificates, and what they are
//! prepared into for use: [`VerifyingKey`] and [`SigningKey`].
//!
//! A key is bound to what it may do when it is read: one algorithm if it names one, else one family by its type and
//! curve. Nothing turns a public key into an HMAC secret; those are only ever [`Secret`]s that somebody configured.

mod agreement;
mod asn1;
mod chain;
mod curve;
mod ed25519;
mod encrypt;
mod error;
mod export;
mod generate;
mod goldilocks;
mod material;
mod okp;
mod parse;
mod pbes2;
mod pem;
mod pkcs12;
mod rsa;
mod secret;
mod serialise;
mod set;
mod sign;
mod thumbprint;
mod verify;

pub(crate) use agreement::Party;
pub use chain::{ChainError, Roots};
pub use curve::Curve;
pub use encrypt::{DecryptionKey, EncryptionKey};
pub(crate) use encrypt::{Opener, Sealer};
pub use error::KeyError;
pub use generate::{KeyKind, RsaBits};
pub use material::{Jwk, KeyType, Op, Use};
pub use pkcs12::Pkcs12;
pub use secret::Secret;
pub(crate) use secret::is_key as looks_like_key;
pub use set::{JwkSet, KeySet, Note, NoteKind};
pub use sign::SigningKey;
pub use verify::VerifyingKey;
pub(crate) use verify::hmac_key;
