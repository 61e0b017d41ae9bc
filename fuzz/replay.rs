//! A target's corpus, replayed, and a little of it changed at random from a fixed seed: what the ordinary tests of a crate do
//! with its targets, with the ordinary compiler, so that what was found once is looked for in every run.
//!
//! Not for long runs: those are `scripts/fuzz`. Each crate's `fuzz_corpus.rs` includes this file; it is nobody's dependency.

use std::path::Path;

/// A target, and how its corpus is changed.
pub struct Replay<'a> {
    /// Its name: the corpus lies under `corpus/<name>`.
    pub name: &'a str,
    /// Runs one input; panics when something does not hold.
    pub run: fn(&[u8]),
    /// Pieces that decide something somewhere, put in here and there.
    pub pieces: &'a [&'a [u8]],
    /// The bits of a byte that are changed: 8, or 7 where only text gets anywhere.
    pub bits: usize,
    /// Changed inputs.
    pub changed: usize,
}

impl Replay<'_> {
    /// Runs the corpus, then what is made of it. A failure says which input it was.
    pub fn all(&self) {
        let corpus = self.corpus();
        assert!(corpus.len() >= 10, "the corpus of {} is missing", self.name);
        for (name, input) in &corpus {
            self.one(input, name);
        }
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for round in 0..self.changed {
            let mut input = corpus[chance.below(corpus.len())].1.clone();
            for _ in 0..=chance.below(4) {
                let other = chance.below(corpus.len());
                self.change(&mut chance, &mut input, &corpus[other].1);
            }
            self.one(&input, &format!("round {round}"));
        }
    }

    fn corpus(&self) -> Vec<(String, Vec<u8>)> {
        // Of the crate that includes this file; all of them lie beside each other.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(self.name);
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // In the same order everywhere, so that a failure is the same failure everywhere.
        files.sort();
        files.iter().map(|file| (file.display().to_string(), std::fs::read(file).unwrap())).collect()
    }

    fn one(&self, input: &[u8], what: &str) {
        if std::panic::catch_unwind(|| (self.run)(input)).is_err() {
            panic!("{}, {what}, fails on {:?}", self.name, String::from_utf8_lossy(input));
        }
    }

    fn change(&self, chance: &mut Chance, input: &mut Vec<u8>, other: &[u8]) {
        let at = chance.below(input.len() + 1);
        match chance.below(7) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(self.bits),
            1 if at < input.len() => input[at] = chance.below(1 << self.bits) as u8,
            2 => input.truncate(at),
            3 if at < input.len() => {
                let to = (at + 1 + chance.below(40)).min(input.len());
                input.drain(at..to);
            }
            4 if !other.is_empty() => {
                let from = chance.below(other.len());
                let len = chance.below(other.len() - from + 1).min(200);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            5 if at < input.len() => {
                let to = (at + 1 + chance.below(16)).min(input.len());
                let again = input[at..to].to_vec();
                input.splice(at..at, again);
            }
            _ => {
                input.splice(at..at, self.pieces[chance.below(self.pieces.len())].iter().copied());
            }
        }
    }
}

/// Xorshift: the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}
