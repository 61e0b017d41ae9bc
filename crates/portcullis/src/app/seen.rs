//! What may be seen of this process while it serves: who is who is `identity`'s matter, AI deployments are the gateway's.

use portcullis_gateway::Gateway;
use portcullis_identity::Runtime;
use portcullis_model::Probe;
use portcullis_model::probe::{DeploymentState, DirectoryState, KeySetState, SourceState};
use std::sync::Arc;

/// A process that serves.
pub struct Seen {
    /// Who is who.
    pub identity: Arc<Runtime>,
    /// The gateway.
    pub gateway: Arc<Gateway>,
}

impl Probe for Seen {
    fn directory(&self) -> DirectoryState {
        self.identity.directory()
    }

    fn sources(&self) -> Vec<SourceState> {
        Probe::sources(&*self.identity)
    }

    fn key_sets(&self) -> Vec<KeySetState> {
        Probe::key_sets(&*self.identity)
    }

    fn deployments(&self) -> Vec<DeploymentState> {
        self.gateway.deployments()
    }
}
