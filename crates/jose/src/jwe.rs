//! JSON Web Encryption (RFC 7516): reading and making it, compact, flattened and general.
//!
//! Nothing in a message relaxes a check: the caller's [`Decryption`] says which algorithms count, how much work a
//! password may cost and how much may come out of compressed content. Once the shape is known to be sound, every
//! failure is one and the same error, in whichever step it happened: a key that does not unwrap is replaced by a random
//! one, so that the content fails instead (RFC 7516 §11.5).
//!
//! Not for: choosing keys. Encryption says nothing about who sent a message; for that it carries a signature
//! ([`Decryption::open_signed`]).
//!
//! ```
//! use portcullis_jose::jwa::{Enc, KeyManagement};
//! use portcullis_jose::jwe::{Decryption, Encryption};
//! use portcullis_jose::jwk::{Curve, Jwk, KeyKind};
//!
//! let key = Jwk::generate(KeyKind::Ec(Curve::P256))?;
//! let to = key.encryption_key(Some(KeyManagement::ECDH_ES_A128KW))?;
//! let token = Encryption::new(Enc::A128GCM).compact(b"for your eyes only", &to)?;
//!
//! let opened = Decryption::new().open(token.as_bytes(), &key.decryption_key()?)?;
//! assert_eq!(opened.content(), b"for your eyes only");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content;
mod decrypt;
mod deflate;
mod derive;
mod encrypt;
mod error;
mod header;
mod key;
mod message;
mod nested;
mod wrap;

pub use decrypt::{Decrypted, Decryption};
pub use encrypt::{EncryptError, Encryption};
pub use error::{DecryptError, ParseError, Part};
pub use header::Header;
pub use message::Encrypted;
pub use nested::{NestedError, NestedSealError, says_token};
