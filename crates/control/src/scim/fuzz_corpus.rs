//! The corpus of what is fuzzed of SCIM, replayed, and a little of it changed at random from a fixed seed. Long runs are
//! `scripts/fuzz scim`.

#[path = "../../../../fuzz/scim/lib.rs"]
mod target;

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::Replay;

/// Changed inputs.
const CHANGED: usize = 5_000;

/// Pieces that decide something somewhere.
const PIECES: [&[u8]; 18] = [
    b"\"",
    b"\\",
    b"(",
    b")",
    b"[",
    b"]",
    b".",
    b" ",
    b" and ",
    b" or ",
    b"not (",
    b" eq ",
    b" pr",
    b"true",
    b"null",
    b"-1e9",
    b"userName",
    b"\xc3\xa9",
];

#[test]
fn scim() {
    // Filters are text: bytes that are none are passed over.
    Replay { name: target::NAME, run: target::run, pieces: &PIECES, bits: 7, changed: CHANGED }.all();
}
