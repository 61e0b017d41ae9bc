//! `least_busy`: the fewest calls under way for its weight; among equals by chance, so that not everybody runs to the first.

use super::weighted::Weighted;
use super::{Candidate, Strategy, Turn, share};

#[derive(Debug)]
pub(super) struct LeastBusy;

impl Strategy for LeastBusy {
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn) {
        Weighted.order(candidates, turn);
        // With the call that is to come: otherwise weights said nothing about those that are idle.
        let load = |candidate: &Candidate| (f64::from(candidate.under_way) + 1.0) / share(candidate);
        candidates.sort_by(|a, b| load(a).total_cmp(&load(b)));
    }
}
