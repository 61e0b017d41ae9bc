//! A doctor, and whom it examines.

use crate::fixture::World;
use portcullis_config::Config;
use portcullis_doctor::{Diagnosis, Doctor, Parts, Question};
use portcullis_fault::Secret;
use portcullis_identity::Identity;
use portcullis_identity::secrets::{Custody, SecretReader};
use portcullis_model::Issuer;
use std::sync::Arc;

/// A doctor beside a process that runs.
pub struct Practice {
    pub world: World,
    config: Arc<Config>,
    doctor: Doctor,
}

impl Practice {
    /// With these issuers in force.
    pub fn of(world: World, issuers: Vec<Issuer>) -> Self {
        let identity = Arc::new(world.compile(issuers.clone()));
        Self::with(world, identity, issuers)
    }

    /// With this in force, of these issuers.
    pub fn with(world: World, identity: Arc<Identity>, issuers: Vec<Issuer>) -> Self {
        let doctor = Doctor::new(Parts {
            directory: world.directory.clone(),
            runtime: world.runtime.clone(),
            secrets: SecretReader::new([], Custody::new(&Secret::new([9; 32]), &[])),
            environment: Vec::new(),
            clock: world.clock.clone(),
            probe: Some(world.runtime.clone()),
            in_force: Box::new(move || Some(identity.clone())),
        });
        Self { world, config: Arc::new(Config { issuers, ..Config::default() }), doctor }
    }

    /// What it says of a token.
    pub async fn asked(&self, token: &str) -> Diagnosis {
        let question = Question { token: Some(token.to_owned()), ..Question::default() };
        self.doctor.examine(&question, self.config.clone()).await.unwrap()
    }
}

/// The codes of what it found, the likeliest first.
pub fn codes(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.findings.iter().map(|finding| finding.code.as_str()).collect()
}
