//! What the doctor may see of a running process.

use crate::runtime::Runtime;
use portcullis_jose::KeySet;
use portcullis_model::Probe;
use portcullis_model::probe::{DeploymentState, DirectoryState, KeySetState, SourceState};

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

    fn sources(&self) -> Vec<SourceState> {
        let outsides = self.outsides().into_iter();
        outsides
            .map(|outside| {
                let (failures, open) = outside.lookups.breaker().state();
                let past = outside.past();
                SourceState {
                    name: outside.name.clone(),
                    kind: outside.kind,
                    failures,
                    open_until: open.map(|(until, _)| until),
                    failed_at: past.failure.as_ref().map(|(at, _)| *at),
                    last_error: past.failure.map(|(_, failure)| failure.message),
                    took: past.took,
                }
            })
            .collect()
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

    /// None are known here: they are the gateway's.
    fn deployments(&self) -> Vec<DeploymentState> {
        Vec::new()
    }
}

fn kids(keys: &KeySet) -> Vec<String> {
    keys.iter().map(|key| key.kid().unwrap_or("none").to_owned()).collect()
}
