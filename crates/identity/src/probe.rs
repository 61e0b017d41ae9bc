//! What the doctor may see of a running process.

use crate::runtime::Runtime;
use portcullis_jose::KeySet;
use portcullis_model::Probe;
use portcullis_model::probe::{DirectoryState, KeySetState};

impl Probe for Runtime {
    fn directory(&self) -> DirectoryState {
        let (failures, open) = self.resolver().subjects.breaker().state();
        DirectoryState {
            failures,
            open_until: open.as_ref().map(|(until, _)| *until),
            last_error: open.map(|(_, reason)| reason.to_string()),
            deaf: self.invalidation().state().deaf,
        }
    }

    fn key_sets(&self) -> Vec<KeySetState> {
        let sets = Self::key_sets(self).into_iter();
        sets.map(|facts| KeySetState {
            issuer: facts.issuer,
            kids: facts.keys.as_ref().map(kids),
            fetched_at: facts.fetched_at,
            last_error: facts.last_error,
            replaced: facts.history.iter().map(|old| (old.replaced_at, kids(&old.keys))).collect(),
        })
        .collect()
    }
}

fn kids(keys: &KeySet) -> Vec<String> {
    keys.iter().map(|key| key.kid().unwrap_or("none").to_owned()).collect()
}
