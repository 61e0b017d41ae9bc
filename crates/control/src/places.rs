//! So much of one kind of work at a time for each of those who ask for it: one caller must not keep all others from it. Who
//! has none is forgotten, so that nothing grows with those who ever asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Places for everybody, some for each.
#[derive(Debug)]
pub(crate) struct Places<K: Eq + Hash> {
    each: usize,
    taken: Mutex<HashMap<K, usize>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// `each` at a time.
    pub(crate) fn new(each: usize) -> Self {
        Self { each, taken: Mutex::default() }
    }

    /// A place for `who`, unless it has all of its own already.
    pub(crate) fn take(&self, who: &K) -> Option<Place<'_, K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(who).copied().unwrap_or_default();
        if count >= self.each {
            return None;
        }
        taken.insert(who.clone(), count + 1);
        Some(Place { places: self, who: who.clone() })
    }

    /// Whether nothing is kept of anybody.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// One place; free again when it goes.
#[derive(Debug)]
pub(crate) struct Place<'p, K: Eq + Hash> {
    places: &'p Places<K>,
    who: K,
}

impl<K: Eq + Hash> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_gets_them_again() {
        let places = Places::new(2);
        let held = [places.take(&"a"), places.take(&"a")];
        assert!(held.iter().all(Option::is_some) && places.take(&"a").is_none());
        assert!(places.take(&"b").is_some());
        drop(held);
        assert!(places.is_empty() && places.take(&"a").is_some());
    }
}
