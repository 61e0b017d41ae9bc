//! `weighted`: by chance, in proportion to weight; the rest in the same way, so that what one leaves behind when it fails is
//! shared out by weight as well.

use super::{Candidate, Strategy, Turn, share};

#[derive(Debug)]
pub(super) struct Weighted;

impl Strategy for Weighted {
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn) {
        // Each waits for a time drawn from the exponential distribution of its weight: the first to come is drawn in
        // proportion to its weight, and so is each after it among those that are left.
        let mut waits: Vec<(f64, Candidate)> = candidates
            .iter()
            .map(|candidate| (-turn.draw.unit().ln() / share(candidate), candidate.clone()))
            .collect();
        waits.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (to, (_, candidate)) in candidates.iter_mut().zip(waits) {
            *to = candidate;
        }
    }
}
