//! Several keys at one provider: which one takes a call, and which are to rest.

use super::draw::Draw;
use http::{HeaderName, HeaderValue};
use portcullis_model::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A rest is believed for no longer than this, whatever the provider says.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A key of ours at a provider; one without a header stands for whatever else tells the provider who we are.
pub(crate) struct Key {
    /// Sensitive.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    pub(crate) weight: u32,
    /// Calls per minute.
    pub(crate) rpm: Option<u32>,
    pub(crate) rest: Arc<Rest>,
}

/// Until when a key is not to be used. Lives longer than a configuration.
#[derive(Debug, Default)]
pub(crate) struct Rest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Timestamp>,
    /// When the calls of this minute will be used up, as far as they are (the generic cell rate algorithm).
    used: Option<Timestamp>,
}

impl Rest {
    /// Until when it rests; `None`: it can be used.
    pub(crate) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until.filter(|until| *until > now)
    }

    /// Lets it rest for so long. A longer rest stays.
    pub(crate) fn rest(&self, now: Timestamp, span: Duration) {
        let until = now.plus(span.min(LONGEST));
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until = state.until.max(Some(until));
    }

    /// Uses it for one call, if it has one left; otherwise, when it will.
    fn take(&self, now: Timestamp, rpm: Option<u32>) -> Result<(), Timestamp> {
        let Some(rpm) = rpm else { return Ok(()) };
        let minute = Duration::from_secs(60);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = state.used.map_or(now, |used| used.max(now)).plus(minute / rpm.max(1));
        if used > now.plus(minute) {
            return Err(used.minus(minute));
        }
        state.used = Some(used);
        Ok(())
    }
}

/// Until when all of `keys` rest; `None`: one of them can be used.
pub(crate) fn resting(keys: &[Key], now: Timestamp) -> Option<Timestamp> {
    let mut first = None;
    for key in keys {
        let until = key.rest.until(now)?;
        first = Some(first.map_or(until, |first: Timestamp| first.min(until)));
    }
    first
}

/// Takes a key for a call, by weight among those that were not `tried` and do not rest; with `even_resting`, the one that
/// rests shortest when all do. `Err`: until when it makes no sense, where that is known.
pub(crate) fn pick(
    keys: &[Key],
    tried: &[bool],
    even_resting: bool,
    now: Timestamp,
    draw: &mut Draw,
) -> Result<usize, Option<Timestamp>> {
    let fresh = |at: &usize| !tried.get(*at).copied().unwrap_or(false);
    // Most providers have one key, and then there is nothing to be drawn.
    if let ([key], true) = (keys, fresh(&0)) {
        return match key.rest.until(now) {
            None => key.rest.take(now, key.rpm).map(|()| 0).map_err(Some),
            Some(_) if even_resting => Ok(0),
            Some(_) => Err(None),
        };
    }
    let mut usable: Vec<(bool, f64, usize)> = (0..keys.len())
        .filter(fresh)
        .filter(|at| keys[*at].rest.until(now).is_none())
        .map(|at| {
            let weight = keys[at].weight;
            (weight == 0, -draw.unit().ln() / f64::from(weight.max(1)), at)
        })
        .collect();
    usable.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut soonest: Option<Timestamp> = None;
    for (_, _, at) in usable {
        match keys[at].rest.take(now, keys[at].rpm) {
            Ok(()) => return Ok(at),
            Err(until) => soonest = Some(soonest.map_or(until, |soonest| soonest.min(until))),
        }
    }
    if soonest.is_some() || !even_resting {
        return Err(soonest);
    }
    (0..keys.len()).filter(fresh).min_by_key(|at| keys[*at].rest.until(now)).ok_or(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(rows: &[(u32, Option<u32>)]) -> Vec<Key> {
        let key = |(weight, rpm): &(u32, Option<u32>)| Key {
            header: None,
            weight: *weight,
            rpm: *rpm,
            rest: Arc::default(),
        };
        rows.iter().map(key).collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_resting_key_leaves_its_calls_to_the_others() {
        let keys = keys(&[(1, None), (3, None), (0, None)]);
        let mut draw = Draw::new(7);
        let mut counts = [0; 3];
        for _ in 0..4_000 {
            counts[pick(&keys, &[], false, at(0), &mut draw).unwrap()] += 1;
        }
        assert!((800..1_200).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
        keys[1].rest.rest(at(0), Duration::from_secs(30));
        keys[1].rest.rest(at(0), Duration::from_secs(5));
        assert_eq!(pick(&keys, &[], false, at(29), &mut draw), Ok(0));
        assert_eq!(pick(&keys, &[true, false, false], false, at(29), &mut draw), Ok(2));
        assert_eq!(resting(&keys, at(29)), None);
        keys[0].rest.rest(at(0), Duration::from_secs(90_000));
        keys[2].rest.rest(at(0), Duration::from_secs(60));
        assert_eq!(resting(&keys, at(29)), Some(at(30)));
        assert_eq!(pick(&keys, &[], false, at(29), &mut draw), Err(None));
        assert_eq!(pick(&keys, &[], true, at(29), &mut draw), Ok(1), "the one that rests shortest");
        assert_eq!(keys[0].rest.until(at(0)), Some(at(3_600)), "no rest is for ever");
    }

    #[test]
    fn a_key_takes_its_calls_of_a_minute_and_no_more() {
        let keys = keys(&[(1, Some(6))]);
        let mut draw = Draw::new(1);
        for _ in 0..6 {
            assert_eq!(pick(&keys, &[], true, at(0), &mut draw), Ok(0));
        }
        assert_eq!(pick(&keys, &[], true, at(0), &mut draw), Err(Some(at(10))));
        assert_eq!(pick(&keys, &[], true, at(10), &mut draw), Ok(0));
        assert_eq!(pick(&keys, &[], true, at(10), &mut draw), Err(Some(at(20))));
        assert_eq!(pick(&keys, &[true], true, at(60), &mut draw), Err(None), "it was tried");
        keys[0].rest.rest(at(60), Duration::from_secs(5));
        assert_eq!(pick(&keys, &[], false, at(60), &mut draw), Err(None));
        assert_eq!(pick(&keys, &[], true, at(60), &mut draw), Ok(0), "rather than nobody");
    }
}
