//! The corpus of what is fuzzed of this crate, replayed, and a little of it changed at random from a fixed seed. Long runs
//! are `scripts/fuzz eventstream chat scan vectors multipart`.

#[path = "../../../../fuzz/llm/lib.rs"]
mod targets;

#[path = "../../../../fuzz/replay.rs"]
mod replay;

use replay::Replay;

/// Changed inputs per target.
const CHANGED: usize = 1500;

/// Pieces that decide something somewhere.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-1",
    b"1e400",
    b"\"type\":",
    b"\n\n",
    b"data: ",
    b"\xff",
    b"\r\n",
    b"--b",
    b"\r\n--b\r\n",
    b"\n--b\n",
    b"\r\n--b--",
    b"; name=\"model\"",
    b"filename=",
    b"Content-Disposition: form-data",
];

fn replay(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("a target of that name");
    Replay { name, run: target.run, pieces: &PIECES, bits: 8, changed: CHANGED }.all();
}

#[test]
fn every_target_is_replayed() {
    let here = ["eventstream", "chat", "scan", "vectors", "multipart"];
    assert_eq!(targets::ALL.map(|target| target.name), here);
}

#[test]
fn eventstream() {
    replay("eventstream");
}

#[test]
fn chat() {
    replay("chat");
}

#[test]
fn scan() {
    replay("scan");
}

#[test]
fn vectors() {
    replay("vectors");
}

#[test]
fn multipart() {
    replay("multipart");
}
