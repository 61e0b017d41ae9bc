//! The workbench: tokens and keys, decoded, verified, explained, made and audited. One file per operation: what it is
//! asked (`Request`), what it says (`Answer`), and `run` between the two.
//!
//! `run` is pure: no network, no clock, no files. The HTTP API ([`serve`]) and the command line run the very same
//! operations and give the very same answers; they differ in where keys come from and in their [`Bounds`].
//!
//! A token that is not valid is an answer, not a [`Problem`]: a problem is a request that cannot be carried out.
//!
//! Nothing here is remembered or logged: what goes through are other people's tokens and keys.

mod at;
mod container;
mod content;
pub mod decode;
pub mod decrypt;
mod der;
pub mod encrypt;
mod expectations;
pub mod explain;
mod facts;
mod finding;
mod given;
mod hidden;
pub mod jwks;
pub mod keys;
mod kind;
mod moment;
mod problem;
mod remote;
mod serialization;
pub mod serve;
pub mod sign;
mod turns;
pub mod verify;

pub use at::{At, Bounds};
pub use content::{Content, Shown};
pub use expectations::{Expectations, Profile, SubjectForm};
pub use facts::{KeyFacts, LeftOut};
pub use finding::Finding;
pub use given::{Encoding, GivenKey};
pub use hidden::{Hidden, Json};
pub use kind::Kind;
pub use moment::{Moment, Times};
pub use problem::{Problem, Refusal};
pub(crate) use remote::Remote;
pub use serialization::Serialization;
pub(crate) use turns::Turns;
