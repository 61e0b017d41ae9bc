//! What every command that touches data is built on: the locked data directory, the database, keys, the directory.

use super::first_start;
use super::listeners;
use super::seen::Seen;
use crate::failure::{Done, Failure};
use portcullis_config::{Config, Database as Configured};
use portcullis_control::sinks::Deliveries;
use portcullis_doctor::Doctor;
use portcullis_fault::Secret;
use portcullis_gateway::Gateway;
use portcullis_identity::directory::Directory;
use portcullis_identity::secrets::{Custody, KeyFile, Pepper, SecretReader, SystemRng};
use portcullis_identity::sources::DatabaseSource;
use portcullis_identity::{LocalIssuer, Runtime, RuntimeParts};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Probe, Problem, Rng, SecretRef, SystemClock};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use portcullis_store::{DataDir, Database, Error, Options, Store};
use std::sync::Arc;

/// The parts that are built first.
pub struct Foundation {
    /// The configuration that they were built from.
    pub config: Arc<Config>,
    /// The data directory, locked.
    pub data: Arc<DataDir>,
    /// The database.
    pub store: Store,
    /// The write side of the directory.
    pub directory: Directory,
    /// Secrets by reference.
    pub secrets: SecretReader,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// The issuer of tokens for testing.
    pub local: Arc<LocalIssuer>,
    /// Who is who.
    pub identity: Arc<Runtime>,
    /// The way out.
    pub egress: Egress,
    /// Who is told of events; nobody, before a configuration is put in force.
    pub sinks: Deliveries,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Where the first start wrote the administrator's credential, when this was it.
    pub first_credential: Option<Secret<String>>,
}

impl Foundation {
    /// Opens the data directory and everything in it.
    pub async fn open(config: Config, environment: &[(String, String)]) -> Done<Self> {
        let data = DataDir::open(&config.storage.data_dir).map_err(unopened)?;
        Self::on(Arc::new(data), config, environment).await
    }

    /// Builds on a data directory that is locked already.
    pub async fn on(data: Arc<DataDir>, config: Config, environment: &[(String, String)]) -> Done<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
        let key = |name: &str| {
            KeyFile::open(&data.file(name), &*rng)
                .map_err(|what| Failure::new(what).next("restore the data directory from a backup"))
        };
        let pepper = Pepper::new(key("pepper")?.expose());
        let custody = Custody::new(&secrets_key(&config, environment, || key("secrets.key"))?, &[]);
        let secrets = SecretReader::new(environment.iter().cloned(), custody.clone());
        let database = database(&config, &data, &secrets)?;
        let options = Options {
            database,
            pool: config.storage.pool,
            statement_timeout: config.storage.statement_timeout.0,
            redis: redis(&config, &secrets)?,
        };
        let store = Store::open(options).await.map_err(unopened)?;
        let local = Arc::new(LocalIssuer::open(&data.file("local-issuer.jwk")).map_err(Failure::new)?);
        let directory = Directory::new(store.clone(), clock.clone(), rng.clone(), pepper.clone(), custody);
        let proxies = ProxyEnvironment::from_variables(environment.iter().cloned())
            .map_err(|what| Failure::new(what).next("correct the variable, or unset it"))?;
        let egress = Egress::new(clock.clone(), proxies);
        let identity = Runtime::new(RuntimeParts {
            store: store.clone(),
            source: Arc::new(DatabaseSource::new(directory.clone())),
            egress: egress.clone(),
            clock: clock.clone(),
            pepper,
            resolution: config.resolution.clone(),
            token_cache: config.gateway.token_cache,
            local: Some(local.clone()),
        });
        let sinks = Deliveries::new(store.clone(), clock.clone(), rng.clone());
        let first_credential = first_start::credential(&data, &directory).await?;
        Ok(Self {
            config: Arc::new(config),
            data,
            store,
            directory,
            secrets,
            environment: environment.to_vec(),
            local,
            identity,
            egress,
            sinks,
            clock,
            rng,
            first_credential,
        })
    }
}

impl Foundation {
    /// The doctor on these parts. `gateway`, where this process serves: what is in force there is what is examined, and its
    /// caches and breakers are looked into.
    pub fn doctor(&self, gateway: Option<Arc<Gateway>>) -> Doctor {
        let probe = gateway
            .clone()
            .map(|gateway| -> Arc<dyn Probe> { Arc::new(Seen { identity: self.identity.clone(), gateway }) });
        let in_force = move || Some(gateway.as_ref()?.snapshot()?.identity().clone());
        Doctor::new(portcullis_doctor::Parts {
            directory: self.directory.clone(),
            runtime: self.identity.clone(),
            secrets: self.secrets.clone(),
            environment: self.environment.clone(),
            clock: self.clock.clone(),
            probe,
            in_force: Box::new(in_force),
        })
    }
}

impl Foundation {
    /// What keeps `serve` from starting with `config` though it compiles: what its sections name. Nothing is connected.
    pub fn lacking(&self, config: &Config) -> Vec<Problem> {
        let check = |options: Options, at: &str| {
            options.check().map_err(|error| Failure::new(error.to_string()).at(at))
        };
        let database = database(config, &self.data, &self.secrets)
            .and_then(|database| check(Options::new(database), "storage.database"));
        let embedded = Options::new(Database::Sqlite(self.data.database()));
        let redis = redis(config, &self.secrets)
            .and_then(|redis| check(Options { redis, ..embedded }, "cluster.redis"));
        let key = secrets_key(config, &self.environment, || Ok(Secret::new([0; 32]))).map(drop);
        let certificates = listeners::certificates(config);
        [database, redis, key]
            .into_iter()
            .chain(certificates)
            .filter_map(Result::err)
            .flat_map(|failure| failure.problems())
            .collect()
    }
}

/// The key that stored secrets are sealed under: from where the configuration says, or `own` of the data directory.
fn secrets_key(
    config: &Config,
    environment: &[(String, String)],
    own: impl FnOnce() -> Done<Secret<[u8; 32]>>,
) -> Done<Secret<[u8; 32]>> {
    let Some(reference) = &config.secrets.key else { return own() };
    let at = |what: String| Failure::new(what).at("secrets.key");
    if matches!(reference, SecretRef::Stored(_)) {
        return Err(at("the key of stored secrets cannot be a stored secret itself".to_owned())
            .next("give it as `env:NAME` or `file:/path`"));
    }
    // A reader of its own: the one for everybody else needs this key first.
    let reader = SecretReader::new(environment.iter().cloned(), Custody::new(&Secret::new([0; 32]), &[]));
    let text = reader.read(reference).map_err(at)?;
    KeyFile::parse(text.expose()).map_err(at)
}

fn database(config: &Config, data: &DataDir, secrets: &SecretReader) -> Done<Database> {
    match &config.storage.database {
        None => Ok(Database::Sqlite(data.database())),
        Some(Configured::Url(url)) => Ok(Database::Postgres(url.clone())),
        Some(Configured::Reference(reference)) => {
            let at = |what: String| Failure::new(what).at("storage.database");
            let bytes = secrets.read(reference).map_err(at)?;
            let url = String::from_utf8(bytes.expose().clone())
                .map_err(|_| at(format!("`{reference}` is not text")))?;
            Ok(Database::Postgres(Secret::new(url)))
        }
    }
}

/// The URL of the server through which nodes tell each other of changes.
fn redis(config: &Config, secrets: &SecretReader) -> Done<Option<Secret<String>>> {
    let Some(reference) = &config.cluster.redis else { return Ok(None) };
    let at = |what: String| Failure::new(what).at("cluster.redis");
    let bytes = secrets.read(reference).map_err(at)?;
    let url =
        String::from_utf8(bytes.expose().clone()).map_err(|_| at(format!("`{reference}` is not text")))?;
    Ok(Some(Secret::new(url)))
}

/// A store that does not open, with what to do about it.
fn unopened(error: Error) -> Failure {
    let next = match &error {
        Error::Locked { .. } => Some(
            "stop it; or, where it is `portcullis serve`, give the same `--config`, so that its socket is found",
        ),
        Error::Unavailable(_) => Some("check `storage.database` and that the database is running"),
        Error::File { .. } => Some("check the directory's owner and mode, or name another with `--data-dir`"),
        _ => None,
    };
    let failure = Failure::new(error.to_string());
    match next {
        Some(next) => failure.next(next),
        None => failure,
    }
}
