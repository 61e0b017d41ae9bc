//! Idle connections of one endpoint, the last used first: it is the least likely to have been closed, and the others can
//! grow old and go.

use super::lane::Lane;
use std::sync::{Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;

/// Idle connections. Only clean ones come in, and only clean ones go out.
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    limits: PoolLimits,
}

/// How many connections are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolLimits {
    pub(crate) most: usize,
    pub(crate) age: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        // As many as there can be calls on one busy upstream; fewer make a burst pay for connections again and again.
        // Shorter than what servers usually keep idle connections for (75 s, 60 s), longer than a pause in traffic.
        Self { most: 1_024, age: Duration::from_secs(45) }
    }
}

struct Idle {
    lane: Box<Lane>,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self { idle: Mutex::new(Vec::new()), limits }
    }

    /// A clean connection, if there is one.
    pub(crate) fn take(&self, cx: &mut Context<'_>) -> Option<Box<Lane>> {
        loop {
            // The lock is for the list only; a connection is looked at, and closed, outside.
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if idle.until > Instant::now() && idle.lane.is_clean(cx) {
                return Some(idle.lane);
            }
        }
    }

    /// Keeps a connection whose call is over, if it is clean.
    pub(crate) fn put(&self, mut lane: Box<Lane>, cx: &mut Context<'_>) {
        if !lane.is_clean(cx) {
            return;
        }
        // A second before the upstream closes it, so that no call meets the closing on its way.
        let age = lane
            .keep
            .map_or(self.limits.age, |keep| keep.saturating_sub(Duration::from_secs(1)).min(self.limits.age));
        if age.is_zero() {
            return;
        }
        let idle = Idle { until: Instant::now() + age, lane };
        let mut pool = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < self.limits.most {
            pool.push(idle);
        }
    }

    /// Closes what has been idle for too long; how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let now = Instant::now();
        let (old, left) = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let (left, old): (Vec<_>, Vec<_>) = idle.drain(..).partition(|idle| idle.until > now);
            *idle = left;
            (old, idle.len())
        };
        drop(old);
        left
    }

    /// Closes everything.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(all);
    }
}
