//! Calls under way, bounded: at the limit a call is refused at once instead of making all of them slow.

use portcullis_fault::{Fault, codes};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The bound.
#[derive(Debug)]
pub(crate) struct Limit {
    most: AtomicU32,
    under_way: AtomicU32,
}

/// A place among the calls under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Limit>);

impl Limit {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: AtomicU32::new(most), under_way: AtomicU32::new(0) })
    }

    /// A new configuration's bound; calls under way stay.
    pub(crate) fn set(&self, most: u32) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// A place, or a refusal.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Slot, Fault> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(self.clone());
        if before >= self.most.load(Ordering::Relaxed) {
            return Err(Fault::new(codes::OVERLOADED).retry_after(Duration::from_secs(1)));
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let limit = Limit::new(2);
        let first = limit.admit().unwrap();
        let _second = limit.admit().unwrap();
        assert_eq!(limit.admit().unwrap_err().code(), codes::OVERLOADED);
        drop(first);
        assert_eq!(limit.under_way(), 1);
        assert!(limit.admit().is_ok());
    }
}
