//! How the deployments that are in force are doing, for whoever looks at the process.

use super::route::Standing;
use crate::gateway::Gateway;
use portcullis_model::probe::DeploymentState;
use std::collections::BTreeMap;

impl Gateway {
    /// Every deployment of the configuration in force, once, by provider and name.
    pub fn deployments(&self) -> Vec<DeploymentState> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let now = self.clock.now();
        let targets = snapshot.ai().into_iter().flat_map(|ai| ai.models.values());
        // Several models may be served by one.
        let all: BTreeMap<_, _> = targets
            .flat_map(|target| &target.deployments)
            .map(|deployment| {
                let vitals = &deployment.vitals;
                let (open_until, last_error) = match vitals.breaker.standing(now) {
                    Standing::Open(until, why) => (Some(until), Some(why.to_string())),
                    Standing::Closed | Standing::HalfOpen => (None, None),
                };
                let state = DeploymentState {
                    provider: deployment.provider.clone(),
                    deployment: deployment.model.clone(),
                    failures: vitals.breaker.in_a_row(),
                    open_until,
                    last_error,
                    resting_until: deployment.resting(now),
                    under_way: vitals.under_way(),
                    latency: vitals.pace.value(now),
                };
                ((deployment.provider.clone(), deployment.model.clone()), state)
            })
            .collect();
        all.into_values().collect()
    }
}
