//! What is fuzzed of `crates/llm`, and what has to hold for any input beyond "no panic".
//!
//! Each target is a plain function of bytes. `scripts/fuzz` hands them to libFuzzer; the tests of `crates/llm` include this
//! file and replay the corpus.

pub mod chat;
pub mod eventstream;
pub mod multipart;
pub mod scan;
pub mod vectors;

/// A target: its corpus lies under `corpus/<name>`.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them.
pub const ALL: [Target; 5] = [
    Target { name: "eventstream", run: eventstream::run },
    Target { name: "chat", run: chat::run },
    Target { name: "scan", run: scan::run },
    Target { name: "vectors", run: vectors::run },
    Target { name: "multipart", run: multipart::run },
];

/// Longer inputs take longer and find nothing else.
const LONGEST: usize = 16 << 10;
