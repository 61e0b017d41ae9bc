//! What is fuzzed, and what has to hold for any input beyond "no panic": what is read says the same when it is written
//! again, two ways to one answer agree, and nothing that comes out is out of proportion to what went in.
//!
//! Each target is a plain function of bytes. `scripts/fuzz` hands them to libFuzzer; the tests of `crates/jose` include
//! this file and replay the corpus, so that what was found once is looked for without a nightly compiler too.
//!
//! Not for examples: those are the tests of `crates/jose`.

pub mod claims;
pub mod der;
pub mod explain;
pub mod jwe;
pub mod jwk;
pub mod jws;
mod keys;
mod pkcs12;

/// A target: its corpus lies under `corpus/<name>`.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them.
pub const ALL: [Target; 6] = [
    Target { name: "jws", run: jws::run },
    Target { name: "claims", run: claims::run },
    Target { name: "jwe", run: jwe::run },
    Target { name: "jwk", run: jwk::run },
    Target { name: "der", run: der::run },
    Target { name: "explain", run: explain::run },
];

/// Longer inputs take longer and find nothing else.
const LONGEST: usize = 16 << 10;

/// The time at which everything is looked at, in microseconds since 1970.
const NOW: i64 = 1_800_000_000 * 1_000_000;
