//! The process's randomness.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::cell::RefCell;
use zeroize::Zeroize;

/// The cryptographic generator of the system's library.
#[derive(Debug)]
pub struct SystemRng(SystemRandom);

impl SystemRng {
    /// The generator.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemRng {
    fn default() -> Self {
        Self::new()
    }
}

impl portcullis_model::Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        // Every call needs a few bytes for its id and trace; a visit to the library costs the same for many as for few.
        POOL.with_borrow_mut(|pool| match pool.take(bytes.len()) {
            Some(kept) => {
                bytes.copy_from_slice(kept);
                // Given out once, and gone.
                kept.zeroize();
            }
            None if bytes.len() > LARGE => self.visit(bytes),
            None => {
                self.visit(&mut pool.bytes);
                pool.used = bytes.len();
                bytes.copy_from_slice(&pool.bytes[..bytes.len()]);
                pool.bytes[..bytes.len()].zeroize();
            }
        });
    }
}

impl SystemRng {
    fn visit(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            // The library aborts before it lacks entropy; were it otherwise, going on with what is in the buffer would make
            // secrets that can be guessed.
            tracing::error!("the system has no randomness");
            std::process::abort();
        }
    }
}

/// More than this is not kept for later.
const LARGE: usize = 64;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 1_024], used: 1_024 }) };
}

/// Random bytes of one thread that nobody has had yet.
struct Pool {
    bytes: [u8; 1_024],
    used: usize,
}

impl Pool {
    fn take(&mut self, count: usize) -> Option<&mut [u8]> {
        let from = self.used;
        let kept = self.bytes.get_mut(from..from + count).filter(|_| count <= LARGE)?;
        self.used = from + count;
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::Rng;

    #[test]
    fn fills() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        let rng = SystemRng::new();
        rng.fill(&mut a);
        rng.fill(&mut b);
        assert!(a != b && a != [0; 32]);
    }

    #[test]
    fn nothing_is_given_out_twice() {
        let rng = SystemRng::new();
        let mut seen = std::collections::HashSet::new();
        for size in [10, 34, 64, 65, 500, 16].into_iter().cycle().take(600) {
            let mut bytes = vec![0; size];
            rng.fill(&mut bytes);
            // Eight bytes meet by chance once in 2^64.
            for part in bytes.chunks_exact(8) {
                assert!(part != [0; 8] && seen.insert(part.to_vec()));
            }
        }
    }
}
