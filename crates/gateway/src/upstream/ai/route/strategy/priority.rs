//! `priority`: in the order in which they are written.

use super::{Candidate, Strategy, Turn};

#[derive(Debug)]
pub(super) struct Priority;

impl Strategy for Priority {
    fn order(&self, candidates: &mut [Candidate], _: &mut Turn) {
        candidates.sort_by_key(|candidate| candidate.at);
    }
}
