//! `latency`: the quicker of two drawn by chance. To always take the quickest would send everybody there at once, and make
//! it the slowest; two draws are enough to leave the slow ones alone.

use super::weighted::Weighted;
use super::{Candidate, Strategy, Turn, share};
use std::time::Duration;

/// What counts for one that nobody knows yet: little, so that it is asked soon.
const UNKNOWN: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Latency;

impl Strategy for Latency {
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn) {
        // The time to the first byte, as often as calls are waiting there: what stands in line counts before it shows.
        let score = |candidate: &Candidate| {
            let latency = candidate.latency.unwrap_or(UNKNOWN).max(UNKNOWN).as_secs_f64();
            latency * (f64::from(candidate.under_way) + 1.0) / share(candidate)
        };
        Weighted.order(candidates, turn);
        let (first, rest) = candidates.split_at_mut(2.min(candidates.len()));
        first.sort_by(|a, b| score(a).total_cmp(&score(b)));
        rest.sort_by(|a, b| score(a).total_cmp(&score(b)));
    }
}
