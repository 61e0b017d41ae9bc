//! The control plane's own rate limit: a token bucket per operator credential, so that a script in a loop cannot keep
//! the control plane, and the database behind it, from everybody else.

use portcullis_model::{OperatorId, Timestamp};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Credentials remembered. Only credentials that were found valid get here, so the map cannot be filled from outside;
/// the bound is for deployments that make operators by the thousand.
const MOST: usize = 10_000;

/// A bucket per credential: `rate` per second, bursts of twice that.
#[derive(Debug)]
pub struct Rate {
    per_second: f64,
    buckets: Mutex<HashMap<OperatorId, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Rate {
    /// `per_second` requests per second and credential.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), buckets: Mutex::default() }
    }

    /// Takes one; the error is how long to wait for the next.
    pub fn take(&self, who: OperatorId, now: Timestamp) -> Result<(), Duration> {
        let burst = self.per_second * 2.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(&who) {
            // A full bucket says nothing that a new one would not.
            buckets.retain(|_, bucket| {
                bucket.left + now.since(bucket.at).as_secs_f64() * self.per_second < burst
            });
        }
        let bucket = buckets.entry(who).or_insert(Bucket { left: burst, at: now });
        bucket.left = (bucket.left + now.since(bucket.at).as_secs_f64() * self.per_second).min(burst);
        bucket.at = bucket.at.max(now);
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_credential_does_not_spend_anothers() {
        let rate = Rate::new(2);
        let (a, b) =
            (OperatorId::new(Timestamp::default(), [1; 10]), OperatorId::new(Timestamp::default(), [2; 10]));
        let now = Timestamp::from_seconds(100);
        for _ in 0..4 {
            rate.take(a, now).unwrap();
        }
        assert_eq!(rate.take(a, now), Err(Duration::from_millis(500)));
        rate.take(b, now).unwrap();
        rate.take(a, now.plus(Duration::from_millis(500))).unwrap();
        assert!(rate.take(a, now.plus(Duration::from_millis(500))).is_err());
        // A clock that steps back neither refills nor locks out for long.
        assert!(rate.take(a, now).is_err());
        rate.take(a, now.plus(Duration::from_secs(1))).unwrap();
    }
}
