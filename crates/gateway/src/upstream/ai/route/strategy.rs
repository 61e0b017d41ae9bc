//! The strategies: each puts deployments of the same priority into the order in which they are tried. One file each, one
//! line in [`ALL`].
//!
//! A strategy sees only those that may be asked; it decides nothing about breakers, conditions or abilities.

mod cheapest;
mod latency;
mod least_busy;
mod priority;
mod sticky;
mod weighted;

use super::draw::Draw;
use portcullis_model::provider;
use std::fmt;
use std::time::Duration;

/// A way of choosing.
pub(crate) trait Strategy: Send + Sync + fmt::Debug {
    /// Puts the best first. `candidates` come in the order in which they are written; a weight of 0 goes behind all
    /// others, whatever else speaks for it ([`order`] sees to that).
    fn order(&self, candidates: &mut [Candidate], turn: &mut Turn);
}

/// Every strategy, by its name in the configuration.
static ALL: &[(provider::Strategy, &dyn Strategy)] = &[
    (provider::Strategy::Priority, &priority::Priority),
    (provider::Strategy::Weighted, &weighted::Weighted),
    (provider::Strategy::LeastBusy, &least_busy::LeastBusy),
    (provider::Strategy::Latency, &latency::Latency),
    (provider::Strategy::Cheapest, &cheapest::Cheapest),
    (provider::Strategy::Sticky, &sticky::Sticky),
];

/// A deployment that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Its place among the model's deployments.
    pub(crate) at: usize,
    /// Who it is, whatever its place: the same in every process and configuration.
    pub(crate) identity: u64,
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    /// Calls under way there.
    pub(crate) under_way: u32,
    /// How long it lately took to begin its answers; `None`: nobody knows.
    pub(crate) latency: Option<Duration>,
    /// What a call like this costs there, to be compared with others only; `None`: nobody knows.
    pub(crate) price: Option<u128>,
}

/// What a choice is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Chance.
    pub(crate) draw: Draw,
    /// The conversation that the call belongs to.
    pub(crate) conversation: Option<u64>,
}

/// Puts candidates into the order in which they are tried: by priority, then as the strategy says.
pub(crate) fn order(strategy: provider::Strategy, candidates: &mut [Candidate], turn: &mut Turn) {
    let strategy = ALL
        .iter()
        .find(|(name, _)| *name == strategy)
        .map_or(&priority::Priority as &dyn Strategy, |row| row.1);
    candidates.sort_by_key(|candidate| (candidate.priority, candidate.weight == 0));
    for group in candidates
        .chunk_by_mut(|a, b| (a.priority, a.weight == 0) == (b.priority, b.weight == 0))
        .filter(|group| group.len() > 1)
    {
        strategy.order(group, turn);
    }
}

/// A weight as a factor; 0 counts as 1 among its like.
fn share(candidate: &Candidate) -> f64 {
    f64::from(candidate.weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn candidate(at: usize, weight: u32) -> Candidate {
        let identity = super::super::draw::mix(at as u64 + 1);
        Candidate { at, identity, priority: 0, weight, under_way: 0, latency: None, price: None }
    }

    fn first(
        strategy: provider::Strategy,
        candidates: &[Candidate],
        seed: u64,
        conversation: Option<u64>,
    ) -> usize {
        let mut candidates = candidates.to_vec();
        order(strategy, &mut candidates, &mut Turn { draw: Draw::new(seed), conversation });
        candidates[0].at
    }

    #[test]
    fn every_strategy_has_its_line() {
        for name in ["priority", "weighted", "least_busy", "latency", "cheapest", "sticky"] {
            assert!(ALL.iter().any(|(strategy, _)| strategy.as_str() == name), "{name}");
        }
    }

    proptest! {
        /// Whatever the strategy: nobody is lost, priorities hold, a weight of 0 comes last, and the same seed draws the same.
        #[test]
        fn orders_are_whole_and_repeatable(
            rows in prop::collection::vec((0_u32..3, 0_u32..4, 0_u32..9, prop::option::of(0_u64..900), prop::option::of(0_u128..50)), 1..9),
            seed: u64, conversation: Option<u64>,
        ) {
            let candidates: Vec<Candidate> = rows.iter().enumerate().map(|(at, (priority, weight, under_way, latency, price))| Candidate {
                priority: *priority, under_way: *under_way, latency: latency.map(Duration::from_millis), price: *price,
                ..candidate(at, *weight)
            }).collect();
            for (strategy, _) in ALL {
                let run = || {
                    let mut all = candidates.clone();
                    order(*strategy, &mut all, &mut Turn { draw: Draw::new(seed), conversation });
                    all
                };
                let ordered = run();
                let places = |all: &[Candidate]| all.iter().map(|candidate| candidate.at).collect::<Vec<_>>();
                prop_assert_eq!(places(&ordered), places(&run()));
                let mut sorted = places(&ordered);
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..candidates.len()).collect::<Vec<_>>());
                prop_assert!(ordered.is_sorted_by_key(|candidate| (candidate.priority, candidate.weight == 0)));
            }
        }

        /// Shares come out as weights say, and nobody starves.
        #[test]
        fn weights_hold(weights in prop::collection::vec(1_u32..10, 2..6), seed: u64) {
            let candidates: Vec<_> = weights.iter().enumerate().map(|(at, weight)| candidate(at, *weight)).collect();
            let total: u32 = weights.iter().sum();
            let rounds = 4_000;
            for strategy in [provider::Strategy::Weighted, provider::Strategy::Sticky] {
                let mut counts = vec![0_u32; weights.len()];
                let mut draw = Draw::new(seed);
                for _ in 0..rounds {
                    // Of the sticky one, a new conversation each.
                    counts[first(strategy, &candidates, draw.next(), Some(draw.next()))] += 1;
                }
                for (count, weight) in counts.iter().zip(&weights) {
                    let expected = f64::from(rounds) * f64::from(*weight) / f64::from(total);
                    let off = (f64::from(*count) - expected).abs();
                    // More than six standard deviations off is not chance.
                    prop_assert!(off < 6.5 * expected.sqrt() + 1.0, "{counts:?} for {weights:?}");
                }
            }
        }

        /// A conversation stays where it is; a deployment that goes away moves its own conversations only.
        #[test]
        fn conversations_stay(count in 2_usize..8, gone in 0_usize..8, conversation: u64, seeds: (u64, u64)) {
            let candidates: Vec<_> = (0..count).map(|at| candidate(at, 1)).collect();
            let sticky = provider::Strategy::Sticky;
            let home = first(sticky, &candidates, seeds.0, Some(conversation));
            prop_assert_eq!(home, first(sticky, &candidates, seeds.1, Some(conversation)));
            let left: Vec<_> = candidates.iter().filter(|candidate| candidate.at != gone % count).cloned().collect();
            if home != gone % count {
                prop_assert_eq!(home, first(sticky, &left, seeds.1, Some(conversation)));
            }
        }
    }

    #[test]
    fn the_idle_the_quick_and_the_cheap_come_first() {
        let mut a = candidate(0, 1);
        let mut b = candidate(1, 1);
        (a.under_way, b.under_way) = (3, 2);
        assert_eq!(first(provider::Strategy::LeastBusy, &[a.clone(), b.clone()], 1, None), 1);
        // Twice the weight takes twice the calls.
        a.weight = 2;
        assert_eq!(first(provider::Strategy::LeastBusy, &[a.clone(), b.clone()], 1, None), 0);
        a.weight = 1;
        (a.under_way, b.under_way) = (0, 0);
        (a.latency, b.latency) = (Some(Duration::from_millis(900)), Some(Duration::from_millis(300)));
        assert_eq!(first(provider::Strategy::Latency, &[a.clone(), b.clone()], 1, None), 1);
        // Peak-aware: what waits there already counts.
        b.under_way = 9;
        assert_eq!(first(provider::Strategy::Latency, &[a.clone(), b.clone()], 1, None), 0);
        (a.price, b.price) = (None, Some(7));
        assert_eq!(first(provider::Strategy::Cheapest, &[a.clone(), b.clone()], 1, None), 1);
        a.price = Some(3);
        assert_eq!(first(provider::Strategy::Cheapest, &[a, b], 1, None), 0);
    }
}
