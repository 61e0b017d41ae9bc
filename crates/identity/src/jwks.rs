//! The keys of issuers: where they come from, how long they are believed, and when they are fetched again.
//!
//! A `Ring` belongs to one key source and outlives configurations. Calls never fetch on their own account: they ask
//! the ring, which fetches at most once at a time and rations what strangers can make it do. Nothing waits for an
//! issuer at start.

mod document;
mod fetch;
mod life;
mod ring;
mod served;
mod source;

pub use life::DEFAULT as KEPT_BY_DEFAULT;
pub use ring::{History, KeySetFacts};
pub use served::{ClockOffset, Served};

pub(crate) use fetch::{Fetch, Fetched};
pub(crate) use ring::{Keys, Missing, Ring, RingParts};
pub(crate) use source::{KeySource, algorithms};
