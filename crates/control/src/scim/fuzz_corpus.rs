//! The corpus of what is fuzzed of SCIM, replayed, and a little of it changed at random from a fixed seed. Long runs are
//! `scripts/fuzz scim`.

#[path = "../../../../fuzz/scim/lib.rs"]
mod target;

use std::path::Path;

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
            0 if at < input.len() => input[at] = self.below(128) as u8,
            1 if at < input.len() => {
                let to = (at + 1 + self.below(20)).min(input.len());
                input.drain(at..to);
            }
            2 if !other.is_empty() => {
                let from = self.below(other.len());
                let len = self.below(other.len() - from + 1).min(100);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            3 => input.truncate(at),
            _ => {
                input.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied());
            }
        }
    }
}

/// Runs one input; when it fails, says which it was.
fn run(input: &[u8], what: &str) {
    if std::panic::catch_unwind(|| target::run(input)).is_err() {
        panic!("{what} fails on {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn scim() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target::NAME);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(corpus.len() >= 20, "the corpus is missing");
    for (file, input) in files.iter().zip(&corpus) {
        run(input, &file.display().to_string());
    }
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for round in 0..CHANGED {
        let mut input = corpus[chance.below(corpus.len())].clone();
        for _ in 0..=chance.below(4) {
            let other = chance.below(corpus.len());
            chance.change(&mut input, &corpus[other]);
        }
        run(&input, &format!("round {round}"));
    }
}
