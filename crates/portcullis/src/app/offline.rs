//! The control plane without a server: for the command line when nothing is running, and for `check`.

use super::Foundation;
use super::plane::NoPlane;
use crate::cli::Globals;
use crate::failure::{Done, Failure};
use portcullis_config::{Config, Loaded};
use portcullis_control::{Alone, Control, Parts, Publisher, sinks};
use portcullis_gateway::Gateway;
use portcullis_identity::DecryptionKeyFacts;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::tenant::Origin;
use portcullis_model::{Issuer, Name, Problem, Provider, SecretRef, Specification, Tenant, TenantId};
use portcullis_net::accept::{FailureBudget, FailureBudgetOptions};
use portcullis_store::{Spool, SpoolOptions};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A data directory opened by the command line.
pub struct Offline {
    foundation: Foundation,
    control: Control,
}

impl Offline {
    /// Opens it, under its lock.
    pub async fn open(globals: &Globals, loaded: Loaded) -> Done<Self> {
        let Loaded { config, files, .. } = loaded;
        let foundation = Foundation::open(config, &globals.environment).await?;
        // Records that the last server had no time to store: a list without them would not be true.
        let spool = Spool::open(&foundation.data.spool(), SpoolOptions::default());
        let (_, left) = spool.map_err(|error| Failure::new(error.to_string()))?;
        let now = CancellationToken::new();
        now.cancel();
        left.drain(foundation.store.clone(), foundation.config.records.batch as usize, now).await;
        let Foundation { directory, secrets, clock, rng, .. } = &foundation;
        let publisher = Arc::new(Publisher::new(
            directory.clone(),
            secrets.clone(),
            Arc::new(NoPlane {
                identity: foundation.identity.clone(),
                secrets: secrets.clone(),
                clock: clock.clone(),
            }),
            clock.clone(),
            rng.clone(),
        ));
        // Not published: called without the server's `--config`, this would disable every tenant of its file.
        publisher.assume(foundation.config.clone(), files);
        // For tests of theirs. With one that does not open, none is known: what they were told is shown all the same.
        let told = sinks::open(&foundation.config, secrets, &foundation.egress, clock);
        foundation.sinks.install(told.unwrap_or_default());
        let control = Control::new(Parts {
            sinks: foundation.sinks.clone(),
            doctor: foundation.doctor(None),
            store: foundation.store.clone(),
            stored: None,
            data: foundation.data.clone(),
            directory: directory.clone(),
            identity: foundation.identity.clone(),
            local: foundation.local.clone(),
            publisher,
            readiness: Arc::new(Alone),
            exposition: Box::new(String::new),
            metrics_open: false,
            failures: FailureBudget::new(FailureBudgetOptions::default(), clock.clone()),
            rate: foundation.config.control.rate,
            egress: foundation.egress.clone(),
            fetching: Default::default(),
            pages: "/errors".to_owned(),
            clock: clock.clone(),
            rng: rng.clone(),
        });
        Ok(Self { foundation, control })
    }

    /// The admin API.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Whether the database is in the data directory: then it is nobody else's for as long as this is open.
    pub fn is_whole(&self) -> bool {
        self.foundation.config.storage.database.is_none()
    }

    /// Closes the database.
    pub async fn close(self) {
        self.foundation.store.close().await;
    }
}

/// Compiles `config` as `serve` would, on an empty data directory of its own that is gone afterwards. The outer error
/// is the machine's, the inner the configuration's.
pub async fn compile(
    config: &Config,
    environment: &[(String, String)],
) -> Done<Result<Compiled, Vec<Problem>>> {
    let place = tempfile::Builder::new().prefix("portcullis-check-").tempdir()?;
    let mut empty = Config::default();
    empty.storage.data_dir = place.path().join("data");
    let foundation = Foundation::open(empty, environment).await?;
    let spool = Spool::open(&foundation.data.spool(), SpoolOptions::default());
    let (spool, reader) = spool.map_err(|error| Failure::new(error.to_string()))?;
    let gateway = Gateway::new(portcullis_gateway::Parts {
        config: Arc::new(config.clone()),
        identity: foundation.identity.clone(),
        store: foundation.store.clone(),
        spool,
        egress: foundation.egress.clone(),
        clock: foundation.clock.clone(),
        rng: foundation.rng.clone(),
        spans: None,
    });
    let now = foundation.clock.now();
    let tenants = config.tenants.iter().map(|entry| {
        let id = TenantId::generate(&*foundation.clock, &*foundation.rng);
        Arc::new(Tenant {
            id,
            name: entry.name.clone(),
            models: entry.models.clone(),
            origin: Origin::File,
            disabled: false,
            created_at: now,
            updated_at: now,
        })
    });
    let specification = Specification {
        version: 1,
        tenants: tenants.collect(),
        issuers: config.issuers.iter().map(without_stored_keys).collect(),
        sources: config.sources.clone(),
        providers: config.providers.iter().map(without_stored_accounts).collect(),
        models: config.models.clone(),
        services: config.services.clone(),
        policies: config.policies.clone(),
    };
    let secrets = TakenAsThere(&foundation.secrets);
    let compiled = gateway.compile(&specification, config, &secrets);
    let told =
        sinks::open(&with_secrets_of_this_machine(config), &secrets, &foundation.egress, &foundation.clock);
    let lacking = foundation.lacking(config);
    let compiled = match (compiled, told) {
        (Ok(snapshot), Ok(_)) if lacking.is_empty() => Ok(snapshot),
        (compiled, told) => {
            let mut problems = compiled.err().unwrap_or_default();
            problems.extend(told.err().unwrap_or_default());
            problems.extend(lacking);
            Err(problems)
        }
    };
    let compiled = compiled.map(|snapshot| {
        let compiled = Compiled { decryption_keys: foundation.identity.decryption_keys() };
        // They are known for as long as the snapshot is there.
        drop(snapshot);
        compiled
    });
    drop(gateway);
    drop(reader);
    foundation.store.close().await;
    Ok(compiled)
}

/// What a configuration compiles to that its text does not show.
pub struct Compiled {
    /// The keys that issuers' tokens are encrypted to.
    pub decryption_keys: Vec<(Name, Vec<DecryptionKeyFacts>)>,
}

/// Unlike a shared secret, a key cannot be stood in for: those of the API are left out.
fn without_stored_keys(issuer: &Issuer) -> Issuer {
    let mut issuer = issuer.clone();
    issuer.decryption_keys.retain(|own| !matches!(own.key, SecretRef::Stored(_)));
    issuer
}

/// Nor can an account's: that of the machine takes its place.
fn without_stored_accounts(provider: &Provider) -> Provider {
    let mut provider = provider.clone();
    if let Some(google) = &mut provider.google
        && matches!(google.credentials, Some(SecretRef::Stored(_)))
    {
        (google.credentials, google.metadata) = (None, true);
    }
    provider
}

/// Nor can a webhook's secret: those that need one of the API are left out.
fn with_secrets_of_this_machine(config: &Config) -> Config {
    let mut config = config.clone();
    let stored = |secret: &SecretRef| matches!(secret, SecretRef::Stored(_));
    config
        .webhooks
        .retain(|webhook| !stored(&webhook.secret) && !webhook.old_secret.as_ref().is_some_and(stored));
    config.events.nats = config.events.nats.take().filter(|nats| {
        let mut secrets = [&nats.credentials, &nats.token, &nats.password].into_iter().flatten();
        !secrets.any(stored)
    });
    config
}

/// Reads what a check can read; secrets of the API are in a database that a check does not open.
struct TakenAsThere<'s>(&'s dyn SecretSource);

impl SecretSource for TakenAsThere<'_> {
    fn read(&self, reference: &SecretRef) -> Result<portcullis_fault::Secret<Vec<u8>>, String> {
        match reference {
            // As long as the longest hash: whatever the real one is, its length is judged when it is used.
            SecretRef::Stored(_) => Ok(portcullis_fault::Secret::new(vec![b'x'; 64])),
            other => self.0.read(other),
        }
    }
}
