//! How many failed credentials a source address may send: nobody keeps a core busy with garbage signatures.

use portcullis_model::Clock;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Parts with a lock each.
const SHARDS: usize = 64;

/// A budget's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureBudgetOptions {
    /// Failures per window; 0 turns the budget off.
    pub failures: u32,
    /// The window.
    pub window: Duration,
    /// Addresses remembered at most (about 40 bytes each). Beyond, the one with the fewest failures is forgotten.
    pub capacity: usize,
}

impl Default for FailureBudgetOptions {
    fn default() -> Self {
        Self { failures: 100, window: Duration::from_secs(60), capacity: 65_536 }
    }
}

/// Counts failures per source address, IPv6 per /64 (what one customer gets). A spent budget comes back evenly over the
/// window (GCRA), so that there is no edge to wait for.
///
/// Asking is an atomic load as long as nobody's budget in the address's shard is spent.
#[derive(Debug)]
pub struct FailureBudget {
    clock: Arc<dyn Clock>,
    window: i64,
    /// Microseconds of budget that one failure costs; 0: off.
    cost: i64,
    shard_capacity: usize,
    hasher: RandomState,
    shards: Box<[Shard]>,
}

#[derive(Debug, Default)]
struct Shard {
    /// Until when somebody here may be refused; microseconds.
    refusing_until: AtomicI64,
    /// When each source's budget is whole again; microseconds.
    whole_at: Mutex<HashMap<u128, i64>>,
}

impl FailureBudget {
    /// An unspent budget for everybody.
    pub fn new(options: FailureBudgetOptions, clock: Arc<dyn Clock>) -> Self {
        let window = i64::try_from(options.window.as_micros()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4);
        let cost = if options.failures == 0 { 0 } else { (window / i64::from(options.failures)).max(1) };
        Self {
            clock,
            window,
            cost,
            shard_capacity: (options.capacity / SHARDS).max(1),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// Whether `source` may try; otherwise, after how long it may again.
    pub fn check(&self, source: IpAddr) -> Result<(), Duration> {
        let (key, shard) = self.place(source);
        let until = shard.refusing_until.load(Relaxed);
        if until == 0 {
            return Ok(());
        }
        let now = self.clock.now().micros();
        if until <= now {
            return Ok(());
        }
        let whole_at = shard.whole_at.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        match whole_at.map(|whole_at| whole_at.saturating_add(self.cost) - self.window - now) {
            Some(wait) if wait > 0 => Err(Duration::from_micros(wait.unsigned_abs())),
            _ => Ok(()),
        }
    }

    /// Whether `source` may try.
    pub fn allowed(&self, source: IpAddr) -> bool {
        self.check(source).is_ok()
    }

    /// Counts a failure of `source`.
    pub fn record_failure(&self, source: IpAddr) {
        if self.cost == 0 {
            return;
        }
        let (key, shard) = self.place(source);
        let now = self.clock.now().micros();
        let mut sources = shard.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= self.shard_capacity && !sources.contains_key(&key) {
            sources.retain(|_, whole_at| *whole_at > now);
            if sources.len() >= self.shard_capacity
                && let Some(least) =
                    sources.iter().min_by_key(|(_, whole_at)| **whole_at).map(|(key, _)| *key)
            {
                sources.remove(&least);
            }
        }
        let whole_at = sources.entry(key).or_insert(now);
        // At most one window ahead: failures that were under way when the budget was spent do not lengthen the refusal.
        *whole_at = (*whole_at).max(now).saturating_add(self.cost).min(now.saturating_add(self.window));
        let refused_until = whole_at.saturating_add(self.cost) - self.window;
        if refused_until > now {
            shard.refusing_until.fetch_max(refused_until, Relaxed);
        }
    }

    fn place(&self, source: IpAddr) -> (u128, &Shard) {
        let key = match source.to_canonical() {
            // Cannot be a /64's key: its low half is not zero.
            IpAddr::V4(v4) => 1 << 63 | u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6) >> 64 << 64,
        };
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        (key, &self.shards[shard])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::Timestamp;
    use portcullis_model::time::ManualClock;

    fn budget(failures: u32, capacity: usize) -> (FailureBudget, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_000_000)));
        let options = FailureBudgetOptions { failures, window: Duration::from_secs(60), capacity };
        (FailureBudget::new(options, clock.clone()), clock)
    }

    #[test]
    fn a_spent_budget_comes_back_evenly() {
        let (budget, clock) = budget(60, 1000);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        for n in 0..60 {
            assert!(budget.allowed(source), "{n}");
            budget.record_failure(source);
        }
        assert_eq!(budget.check(source), Err(Duration::from_secs(1)));
        assert!(budget.allowed("192.0.2.2".parse().unwrap()), "nobody else's");
        clock.advance(Duration::from_secs(1));
        assert!(budget.allowed(source));
        budget.record_failure(source);
        assert!(!budget.allowed(source));
        for _ in 0..1000 {
            budget.record_failure(source);
        }
        assert_eq!(budget.check(source), Err(Duration::from_secs(1)), "late failures do not lengthen it");
        clock.advance(Duration::from_secs(60));
        for _ in 0..59 {
            budget.record_failure(source);
        }
        assert!(budget.allowed(source), "whole again");
    }

    #[test]
    fn ipv6_by_network() {
        let (budget, _) = budget(1, 1000);
        budget.record_failure("2001:db8:1:2::1".parse().unwrap());
        assert!(!budget.allowed("2001:db8:1:2:ffff::9".parse().unwrap()));
        assert!(budget.allowed("2001:db8:1:3::1".parse().unwrap()));
        budget.record_failure("::ffff:192.0.2.1".parse().unwrap());
        assert!(!budget.allowed("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let (budget, _) = budget(10, 640);
        let worst: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..10 {
            budget.record_failure(worst);
        }
        for n in 0..50_000_u32 {
            budget.record_failure(IpAddr::V4((0x0a00_0000 + n).into()));
        }
        let remembered: usize = budget.shards.iter().map(|shard| shard.whole_at.lock().unwrap().len()).sum();
        assert!(remembered <= 640, "{remembered}");
        assert!(!budget.allowed(worst));
    }

    #[test]
    fn off() {
        let (budget, _) = budget(0, 10);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        (0..10_000).for_each(|_| budget.record_failure(source));
        assert!(budget.allowed(source));
    }
}
