//! What the control plane publishes and the data plane compiles: the two meet here and call each other nowhere. (The
//! seam itself is `control::DataPlane`, which the binary implements.)

use crate::{Issuer, Model, Policy, Provider, Service, Source, Tenant};
use std::sync::Arc;

/// Everything that the data plane is told, in one version.
#[derive(Clone, Debug, Default)]
pub struct Specification {
    /// Grows with every publication.
    pub version: u64,
    /// All tenants, disabled ones included.
    pub tenants: Vec<Arc<Tenant>>,
    /// Issuers.
    pub issuers: Vec<Issuer>,
    /// User sources.
    pub sources: Vec<Source>,
    /// AI providers.
    pub providers: Vec<Provider>,
    /// Models.
    pub models: Vec<Model>,
    /// Services.
    pub services: Vec<Service>,
    /// Policies.
    pub policies: Vec<Policy>,
}

/// Something wrong in a specification: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path in the configuration: `services.orders.path`.
    pub at: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl Problem {
    /// A problem at a path.
    pub fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}
