//! `cheapest`: what costs least by the catalogue's prices; what has no price there comes last. Equal ones by weight.

use super::weighted::Weighted;
use super::{Candidate, Strategy, Turn};

#[derive(Debug)]
pub(super) struct Cheapest;

impl Strategy for Cheapest {
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn) {
        Weighted.order(candidates, turn);
        candidates.sort_by_key(|candidate| candidate.price.unwrap_or(u128::MAX));
    }
}
