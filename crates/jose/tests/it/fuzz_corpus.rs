//! What fuzzing has collected, replayed, and a little of it again with every run: the corpus under `fuzz/corpus` as it
//! is, then changed at random from a fixed seed. Long runs are `scripts/fuzz`.

#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

use targets::Target;

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
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.below(256) as u8,
            2 => input.truncate(at),
            3 if at < input.len() => {
                let to = (at + 1 + self.below(8)).min(input.len());
                input.drain(at..to);
            }
            4 if !other.is_empty() => {
                let from = self.below(other.len());
                let len = self.below(other.len() - from + 1).min(64);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            5 if at < input.len() => {
                let to = (at + 1 + self.below(16)).min(input.len());
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            _ => {
                input.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied());
            }
        }
    }
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    // In the same order everywhere, so that a failure is the same failure everywhere.
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs one input; when it fails, says which it was.
fn run(target: &Target, input: &[u8], what: &str) {
    let run = std::panic::catch_unwind(|| (target.run)(input));
    if run.is_err() {
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
