//! The corpus of what is fuzzed of this crate, replayed, and a little of it changed at random from a fixed seed. Long runs
//! are `scripts/fuzz eventstream chat scan vectors multipart`.

#[path = "../../../../fuzz/llm/lib.rs"]
mod targets;

use std::path::Path;
use targets::Target;

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

/// Xorshift: the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        match self.below(5) {
            0 if at < input.len() => input[at] = self.below(256) as u8,
            1 if at < input.len() => {
                let to = (at + 1 + self.below(40)).min(input.len());
                input.drain(at..to);
            }
            2 if !other.is_empty() => {
                let from = self.below(other.len());
                let len = self.below(other.len() - from + 1).min(200);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            3 => input.truncate(at.max(2)),
            _ => {
                input.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied());
            }
        }
    }
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs one input; when it fails, says which it was.
fn run(target: &Target, input: &[u8], what: &str) {
    if std::panic::catch_unwind(|| (target.run)(input)).is_err() {
        panic!("{}, {what}, fails on {:?}", target.name, String::from_utf8_lossy(input));
    }
}

fn replay(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("a target of that name");
    let corpus = corpus(target);
    assert!(corpus.len() >= 10, "the corpus of {name} is missing");
    for (index, input) in corpus.iter().enumerate() {
        run(target, input, &format!("input {index}"));
    }
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for round in 0..CHANGED {
        let mut input = corpus[chance.below(corpus.len())].clone();
        for _ in 0..=chance.below(4) {
            let other = chance.below(corpus.len());
            chance.change(&mut input, &corpus[other]);
        }
        run(target, &input, &format!("round {round}"));
    }
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
