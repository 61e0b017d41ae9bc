//! The process's randomness.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

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
        if self.0.fill(bytes).is_err() {
            // The library aborts before it lacks entropy; were it otherwise, going on with what is in the buffer would make
            // secrets that can be guessed.
            tracing::error!("the system has no randomness");
            std::process::abort();
        }
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
}
