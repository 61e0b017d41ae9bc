//! What fuzzing of this crate has collected, replayed, and a little of it again with every run. Long runs are
//! `scripts/fuzz jws claims jwe jwk der explain`.

#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::Replay;

/// Changed inputs per target: about a second each without optimisation.
const CHANGED: usize = 2500;

/// Pieces that decide something somewhere.
const PIECES: [&[u8]; 24] = [
    b".",
    b"..",
    b"=",
    b"-",
    b"_",
    b"\"",
    b"{}",
    b"[]",
    b"null",
    b"-0",
    b"1e400",
    b"9007199254740993",
    b"\\u0000",
    b"\\ud800",
    b"\"alg\":\"none\"",
    b"\"crit\":[\"b64\"]",
    b"\"kty\":\"oct\"",
    b"-----BEGIN ",
    b"-----END ",
    b"\x30\x80",
    b"\x02\x01\x00",
    b"\xff",
    b"\0\0\0\0",
    b"Bearer ",
];

fn replay(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("a target of that name");
    Replay { name, run: target.run, pieces: &PIECES, bits: 8, changed: CHANGED }.all();
}

#[test]
fn every_target_is_replayed() {
    let here = ["jws", "claims", "jwe", "jwk", "der", "explain"];
    assert_eq!(targets::ALL.map(|target| target.name), here);
}

#[test]
fn jws() {
    replay("jws");
}

#[test]
fn claims() {
    replay("claims");
}

#[test]
fn jwe() {
    replay("jwe");
}

#[test]
fn jwk() {
    replay("jwk");
}

#[test]
fn der() {
    replay("der");
}

#[test]
fn explain() {
    replay("explain");
}
