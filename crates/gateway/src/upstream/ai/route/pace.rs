//! How long a deployment lately took to begin its answers: an average that forgets, and that believes bad news at once.

use portcullis_model::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// In so many seconds a value falls to a third of what it was.
const FORGET: f64 = 10.0;

/// A peak-aware moving average.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<(f64, Timestamp)>>);

impl Pace {
    /// An answer began after `took`.
    pub(crate) fn took(&self, took: Duration, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = took.as_secs_f64();
        let value = match *state {
            // A peak counts in full: the next caller is not to wait for an average.
            Some((old, _)) if took >= old => took,
            Some((old, at)) => {
                let keep = fade(now.since(at));
                old * keep + took * (1.0 - keep)
            }
            None => took,
        };
        *state = Some((value, now));
    }

    /// The average. Without news it fades, so that one that was slow once is tried again.
    pub(crate) fn value(&self, now: Timestamp) -> Option<Duration> {
        let state = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.map(|(value, at)| Duration::from_secs_f64(value * fade(now.since(at))))
    }
}

fn fade(span: Duration) -> f64 {
    (-span.as_secs_f64() / FORGET).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_count_at_once_and_fade() {
        let (pace, at) = (Pace::default(), Timestamp::from_seconds);
        assert_eq!(pace.value(at(0)), None);
        pace.took(Duration::from_millis(100), at(0));
        pace.took(Duration::from_secs(4), at(0));
        assert_eq!(pace.value(at(0)), Some(Duration::from_secs(4)));
        pace.took(Duration::from_millis(100), at(1));
        let value = pace.value(at(1)).unwrap();
        assert!(value < Duration::from_secs(4) && value > Duration::from_secs(3), "{value:?}");
        assert!(pace.value(at(60)).unwrap() < Duration::from_millis(50));
    }
}
