//! JWS, JWE, JWK and JWT (RFC 7515–7519, 7638, 8037, 8725, 9278, 9864, 9964): strict parsing, verification, signing,
//! encryption.
//!
//! For: turning the bytes of a token or of a key into something that can be trusted, and saying precisely where and
//! why that was not possible. Pure and synchronous: no sockets, no clock, no configuration. Time is an argument.
//!
//! Not for: fetching keys, choosing issuers, remembering tokens. Whoever calls does that.
//!
//! The types say what has been established: [`Unverified`] (the shape is sound, nothing else) → [`Verified`] (a key
//! that the caller chose signed it with an algorithm that the caller allowed) → [`Rules::check`] (its claims are what
//! the caller expects). Nothing in a token relaxes a check: `jku`, `x5u`, `x5c` and `jwk` are facts to record, never
//! sources of keys.
//!
//! Beside verification stand [`explain`], which says why a token is refused and what to do about it, [`audit`], which
//! finds weak keys, and [`jwe`], which encrypts.
//!
//! ```
//! use portcullis_jose::{Alg, Algs, Protected, Rules, SigningKey, Unverified, encode};
//!
//! let key = SigningKey::generate(Alg::ES256)?;
//! let payload = br#"{"iss":"https://idp.example","sub":"ada","exp":1900000000}"#;
//! let token = encode(&Protected::new().typ("JWT"), payload, &key)?;
//!
//! let unverified = Unverified::parse(&token)?;
//! let verified = unverified.verify(&key.verifying_key(), Algs::of(&[Alg::ES256]))?;
//! let rules = Rules::new().issuer("https://idp.example");
//! rules.check(verified.claims(), verified.header(), 1_800_000_000 * 1_000_000).expect("within its life");
//! assert_eq!(verified.claims().sub().text().as_deref(), Some("ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audit;
mod b64;
pub mod claims;
mod der;
pub mod explain;
mod finding;
mod json;
pub mod jwa;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod jwt;
mod members;

pub use b64::Base64Error;
pub use claims::{Issuers, Profile, Refused, Rules, SubjectForm, Violation};
pub use finding::{Finding, Severity, Subject as FindingSubject};
pub use json::{JsonError, JsonErrorKind, Kind};
pub use jwa::{Alg, AlgError, Algs, Family};
pub use jwk::{Jwk, JwkSet, KeyError, KeySet, Secret, SigningKey, VerifyingKey};
pub use jws::{Header, ParseError, Protected, SignError, SignatureError, sha256};
pub use jwt::{Audience, Claimed, Claims, Confirmation, Subject, Text, Time, Unverified, Verified, encode};

/// What stands in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
