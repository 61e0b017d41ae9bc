//! The data plane as the control plane sees it: what to compile, and whether it can serve. Who is told of events is
//! compiled and put in force with it.

use portcullis_config::Config;
use portcullis_control::publish::Prepared;
use portcullis_control::sinks::{self, Deliveries};
use portcullis_control::{DataPlane, Readiness};
use portcullis_gateway::{Gateway, explain_cold};
use portcullis_identity::Runtime;
use portcullis_identity::secrets::SecretReader;
use portcullis_model::route::{RouteError, RouteExplanation, RouteQuestion};
use portcullis_model::{Clock, Problem, Specification};
use portcullis_net::egress::Egress;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A gateway, and the secrets that its snapshots are compiled with.
pub struct Plane {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Secrets by reference.
    pub secrets: SecretReader,
    /// Who is told of events.
    pub sinks: Deliveries,
    /// The way out to them.
    pub egress: Egress,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when no new calls are accepted.
    pub stopping: CancellationToken,
}

impl DataPlane for Plane {
    fn prepare(
        &self,
        specification: &Arc<Specification>,
        config: &Arc<Config>,
    ) -> Result<Prepared, Vec<Problem>> {
        let told = sinks::open(config, &self.secrets, &self.egress, &self.clock);
        let snapshot = self.gateway.compile(specification, config, &self.secrets);
        let (snapshot, told) = match (snapshot, told) {
            (Ok(snapshot), Ok(told)) => (snapshot, told),
            (snapshot, told) => {
                let mut problems = snapshot.err().unwrap_or_default();
                problems.extend(told.err().unwrap_or_default());
                return Err(problems);
            }
        };
        let (gateway, sinks) = (self.gateway.clone(), self.sinks.clone());
        Ok(Prepared::new(move || {
            gateway.install(snapshot);
            sinks.install(told);
        }))
    }

    fn explain(&self, _: &Config, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        self.gateway.explain(question)
    }
}

impl Readiness for Plane {
    fn lacking(&self) -> Vec<String> {
        let mut lacking = self.gateway.ready().err().unwrap_or_default();
        if self.stopping.is_cancelled() {
            lacking.push("the process is stopping".to_owned());
        }
        lacking
    }

    fn warnings(&self) -> Vec<&'static str> {
        let deployments = self.gateway.deployments();
        let mut warnings = Vec::new();
        if deployments.iter().any(|deployment| deployment.open_until.is_some()) {
            warnings.push("an AI deployment keeps failing and is left alone for a while");
        }
        if deployments.iter().any(|deployment| deployment.resting_until.is_some()) {
            warnings.push("all keys for an AI deployment are to rest for a while");
        }
        warnings
    }
}

/// No data plane: the command line beside no running server. What it changes is compiled at the next start.
pub struct NoPlane {
    /// Who is who.
    pub identity: Arc<Runtime>,
    /// Secrets by reference.
    pub secrets: SecretReader,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl DataPlane for NoPlane {
    fn prepare(&self, _: &Arc<Specification>, _: &Arc<Config>) -> Result<Prepared, Vec<Problem>> {
        Ok(Prepared::new(|| {}))
    }

    fn explain(&self, config: &Config, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        explain_cold(config, question, &self.identity, &self.secrets, self.clock.now())
    }
}
