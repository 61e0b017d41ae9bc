//! `sticky`: a conversation stays at one deployment, whose prompt cache knows it. By rendezvous hashing: one that goes away
//! moves its own conversations only, and each of them goes where it would have gone next.

use super::weighted::Weighted;
use super::{Candidate, Strategy, Turn, share};
use crate::upstream::ai::route::draw::{mix, unit};

#[derive(Debug)]
pub(super) struct Sticky;

impl Strategy for Sticky {
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn) {
        let Some(conversation) = turn.conversation else { return Weighted.order(candidates, turn) };
        // As in `weighted`, but the wait comes from who the two are.
        let wait =
            |candidate: &Candidate| -unit(mix(conversation ^ candidate.identity)).ln() / share(candidate);
        candidates.sort_by(|a, b| wait(a).total_cmp(&wait(b)));
    }
}
