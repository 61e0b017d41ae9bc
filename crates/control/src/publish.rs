//! Publication: the configuration in force and the store's tenants become one specification, which the data plane
//! compiles and puts in force as a whole. A configuration that does not compile changes nothing: not the data plane,
//! and not the tenants in the store either.

use portcullis_config::{Config, restart_needed};
use portcullis_identity::directory::{Actor, Directory, colliding_subjects};
use portcullis_identity::secrets::SecretReader;
use portcullis_model::event::Change;
use portcullis_model::route::{RouteError, RouteExplanation, RouteQuestion};
use portcullis_model::tenant::{Origin, TenantEntry};
use portcullis_model::{Clock, Issuer, Name, Problem, Rng, Specification, Tenant, TenantId, Timestamp};
use portcullis_store::{Page, Signal, Store, entity};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The data plane as publication sees it. Implemented where both are built.
pub trait DataPlane: Send + Sync {
    /// Compiles a specification, with the settings of `config` that shape it. Nothing changes until [`Prepared::install`].
    fn prepare(
        &self,
        specification: &Arc<Specification>,
        config: &Arc<Config>,
    ) -> Result<Prepared, Vec<Problem>>;

    /// Which deployment an AI call would get: of what is in force, or without a data plane by `config`. Changes nothing.
    fn explain(&self, config: &Config, question: &RouteQuestion) -> Result<RouteExplanation, RouteError>;
}

/// A compiled version that waits to be put in force.
pub struct Prepared(Box<dyn FnOnce() + Send>);

impl Prepared {
    /// `install` puts the version in force, at once and as a whole.
    pub fn new(install: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(install))
    }

    /// Puts it in force.
    pub fn install(self) {
        (self.0)();
    }
}

/// Publishes; one per process.
pub struct Publisher {
    store: Store,
    directory: Directory,
    secrets: SecretReader,
    plane: Arc<dyn DataPlane>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    state: Mutex<State>,
    /// One publication at a time, in the order in which they were asked for.
    turn: tokio::sync::Mutex<()>,
}

struct State {
    started_with: Option<Arc<Config>>,
    config: Arc<Config>,
    /// As they were last published.
    tenants: Vec<Tenant>,
    status: Status,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The version in force; 0: none yet.
    pub version: u64,
    /// Since when.
    pub published_at: Option<Timestamp>,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// Settings that wait for a restart.
    pub restart_needed: Vec<&'static str>,
    /// Why the newest configuration was refused.
    pub reload_error: Option<ReloadError>,
    /// Users who are one under a subject rule in force, and are refused as ambiguous for it.
    pub ambiguous: Vec<Problem>,
}

/// Why a configuration was refused.
#[derive(Clone, Debug)]
pub struct ReloadError {
    /// When.
    pub at: Timestamp,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// How long to wait before a publication is tried again that failed because the database did not answer.
const AGAIN: Duration = Duration::from_millis(500);

impl Publisher {
    /// A publisher with nothing published. `secrets` is what `plane` compiles with.
    pub fn new(
        directory: Directory,
        secrets: SecretReader,
        plane: Arc<dyn DataPlane>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let state = State {
            started_with: None,
            config: Arc::default(),
            tenants: Vec::new(),
            status: Status::default(),
        };
        Self {
            store: directory.store().clone(),
            directory,
            secrets,
            plane,
            clock,
            rng,
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// What is in force.
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.state().config.clone()
    }

    /// Which deployment an AI call would get; changes nothing.
    pub fn explain(&self, question: &RouteQuestion) -> Result<RouteExplanation, RouteError> {
        self.plane.explain(&self.config(), question)
    }

    /// Secrets by reference, as the configuration is compiled with.
    pub fn secrets(&self) -> &SecretReader {
        &self.secrets
    }

    /// Puts `config` in force, or says what is wrong with it. The version that is in force afterwards.
    pub async fn publish(&self, config: Arc<Config>, files: Vec<PathBuf>) -> Result<u64, Vec<Problem>> {
        let _turn = self.turn.lock().await;
        let done = async {
            self.secrets.load_stored(&self.store).await.map_err(|error| unavailable(&error))?;
            let (tenants, ambiguous) = self.settle_tenants(&config).await?;
            Ok::<_, Vec<Problem>>((self.put_in_force(tenants, &config).await?, ambiguous))
        };
        match done.await {
            Ok((version, ambiguous)) => {
                for problem in &ambiguous {
                    tracing::error!(
                        at = problem.at,
                        problem = problem.message,
                        "users are one under a subject rule, and are refused as ambiguous until they are told apart"
                    );
                }
                let mut state = self.state();
                let first = state.started_with.get_or_insert_with(|| config.clone()).clone();
                state.status.restart_needed = restart_needed(&first, &config);
                state.status.files = files;
                state.status.reload_error = None;
                state.status.ambiguous = ambiguous;
                metrics::gauge!("portcullis_configuration_refused").set(0.0);
                state.config = config;
                Ok(version)
            }
            Err(problems) => {
                self.note_refusal(problems.clone());
                Err(problems)
            }
        }
    }

    /// Takes `config` for the one in force without publishing it: for whoever works on a data directory beside no
    /// running data plane. Nothing in the store changes, tenants of the file included.
    pub fn assume(&self, config: Arc<Config>, files: Vec<PathBuf>) {
        let mut state = self.state();
        state.status.files = files;
        state.config = config;
    }

    /// Notes that a new configuration could not even be read.
    pub fn refuse(&self, problems: Vec<Problem>) {
        self.note_refusal(problems);
    }

    /// Publishes the configuration in force again, with what the store says now. Tenants of the file are left as they
    /// are: were they written here too, two nodes with different files would undo each other's work without end.
    pub async fn refresh(&self, why: Due) -> Result<u64, Vec<Problem>> {
        let _turn = self.turn.lock().await;
        self.secrets.load_stored(&self.store).await.map_err(|error| unavailable(&error))?;
        let there = self.tenants().await?;
        let (config, unchanged, version) = {
            let state = self.state();
            (state.config.clone(), state.tenants == there, state.status.version)
        };
        // What a reload of our own wrote is published already.
        if unchanged && why == Due::Tenants {
            return Ok(version);
        }
        self.put_in_force(there, &config).await
    }

    /// Publishes again whenever something changes in the store that a specification is made of. Ends with `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut subscription = self.store.events().subscribe();
        // Another node may have changed something between the first publication and this subscription.
        let mut due = if self.store.is_embedded() { None } else { Some(Due::Everything) };
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(AGAIN), if due.is_some() => {}
                signal = subscription.next() => {
                    let news = match signal {
                        Signal::Events(events) => events.iter().filter_map(|event| concerns(&event.change)).max(),
                        // What happened meanwhile is not known: publish what is there now.
                        Signal::Lost | Signal::Restored => Some(Due::Everything),
                    };
                    due = due.max(news);
                }
            }
            let Some(why) = due else { continue };
            if let Err(problems) = self.refresh(why).await {
                for problem in &problems {
                    tracing::error!(
                        at = problem.at,
                        problem = problem.message,
                        "a change in the directory cannot be published; what was in force stays"
                    );
                }
                // Only the database's silence mends itself; anything else waits for the next change.
                if problems.iter().any(|problem| problem.at == STORE) {
                    continue;
                }
            }
            due = None;
        }
    }

    /// Writes the file's tenants, once it is known that what results can be compiled; the tenants afterwards, and the users
    /// who are not told apart.
    async fn settle_tenants(
        &self,
        config: &Arc<Config>,
    ) -> Result<(Vec<Tenant>, Vec<Problem>), Vec<Problem>> {
        let there = self.tenants().await?;
        let provisional = overlay(&there, &config.tenants, self.clock.now(), || {
            TenantId::generate(&*self.clock, &*self.rng)
        });
        let ambiguous = self.tell_apart(&provisional, config).await?;
        if provisional == there {
            return Ok((there, ambiguous));
        }
        // Compiled before the store is touched: a file that does not compile must not disable anybody's tenant.
        self.prepare(provisional, config).await?;
        let actor = Actor::new("file", "file");
        let written = self.directory.upsert_file_tenants(&actor, &config.tenants).await;
        written.map_err(|fault| unavailable(&fault))?;
        Ok((self.tenants().await?, ambiguous))
    }

    /// Refuses a change of a subject rule under which two users would be one. A rule that is in force, or was when the process
    /// ended, is not refused for what users have become meanwhile: that would take the gateway from everybody for the sake of
    /// two, who are refused as ambiguous in any case. They are told of.
    async fn tell_apart(&self, tenants: &[Tenant], config: &Config) -> Result<Vec<Problem>, Vec<Problem>> {
        let tenants: Vec<Arc<Tenant>> = tenants.iter().cloned().map(Arc::new).collect();
        let before = self.config();
        let first = self.state().started_with.is_none();
        let stays = |issuer: &Issuer| {
            let same = |other: &&Issuer| {
                (&other.name, &other.subject, &other.tenant)
                    == (&issuer.name, &issuer.subject, &issuer.tenant)
            };
            first || before.issuers.iter().any(|other| same(&other))
        };
        let (stay, change): (Vec<Issuer>, Vec<Issuer>) = config.issuers.iter().cloned().partition(stays);
        let collisions = async |issuers: &[Issuer]| {
            colliding_subjects(&self.store, issuers, &tenants).await.map_err(|error| unavailable(&error))
        };
        let refused = collisions(&change).await?;
        if refused.is_empty() { collisions(&stay).await } else { Err(refused) }
    }

    async fn put_in_force(&self, tenants: Vec<Tenant>, config: &Arc<Config>) -> Result<u64, Vec<Problem>> {
        let prepared = self.prepare(tenants.clone(), config).await?;
        prepared.install();
        let mut state = self.state();
        state.tenants = tenants;
        state.status.version += 1;
        state.status.published_at = Some(self.clock.now());
        metrics::gauge!("portcullis_configuration_version").set(state.status.version as f64);
        Ok(state.status.version)
    }

    async fn prepare(&self, tenants: Vec<Tenant>, config: &Arc<Config>) -> Result<Prepared, Vec<Problem>> {
        let specification = Specification {
            version: self.state().status.version + 1,
            tenants: tenants.into_iter().map(Arc::new).collect(),
            issuers: config.issuers.clone(),
            sources: config.sources.clone(),
            providers: config.providers.clone(),
            models: config.models.clone(),
            services: config.services.clone(),
            policies: config.policies.clone(),
        };
        let (plane, config) = (self.plane.clone(), config.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "one at a time, since publications take turns; policies take longer to compile than a call may wait"
        )]
        let prepared =
            tokio::task::spawn_blocking(move || plane.prepare(&Arc::new(specification), &config)).await;
        prepared.unwrap_or_else(|error| {
            Err(vec![Problem::new("", format!("compiling the configuration failed: {error}"))])
        })
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, Vec<Problem>> {
        let mut tenants: Vec<Tenant> = Vec::new();
        loop {
            let page = Page { after: tenants.last().map(|tenant| tenant.id.0), limit: Page::MOST };
            let more = entity::tenants::list(&self.store, page).await.map_err(|error| unavailable(&error))?;
            let last = more.len() < Page::MOST as usize;
            tenants.extend(more);
            if last {
                return Ok(tenants);
            }
        }
    }

    fn note_refusal(&self, problems: Vec<Problem>) {
        metrics::counter!("portcullis_configuration_refusals_total").increment(1);
        metrics::gauge!("portcullis_configuration_refused").set(1.0);
        self.state().status.reload_error = Some(ReloadError { at: self.clock.now(), problems });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; a poisoned lock still guards a whole value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of problems that are the database's.
const STORE: &str = "storage";

fn unavailable(error: &dyn std::fmt::Display) -> Vec<Problem> {
    vec![Problem::new(STORE, format!("tenants and stored secrets cannot be read or written: {error}"))]
}

/// Why to publish again. The greater includes the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// Tenants changed; when they are as they were published, nothing is to do.
    Tenants,
    /// Something else did, or it is not known what.
    Everything,
}

fn concerns(change: &Change) -> Option<Due> {
    match change {
        Change::Tenant { .. } => Some(Due::Tenants),
        Change::Secret { .. } => Some(Due::Everything),
        _ => None,
    }
}

/// The tenants as they will be: those of the file as it says, those that left the file disabled, the API's as they are.
fn overlay(
    there: &[Tenant],
    entries: &[TenantEntry],
    now: Timestamp,
    mut id: impl FnMut() -> TenantId,
) -> Vec<Tenant> {
    let mut written: HashMap<&Name, &TenantEntry> =
        entries.iter().map(|entry| (&entry.name, entry)).collect();
    let mut tenants: Vec<Tenant> = there
        .iter()
        .cloned()
        .map(|mut tenant| {
            match written.remove(&tenant.name) {
                Some(entry) => {
                    tenant.models.clone_from(&entry.models);
                    tenant.origin = Origin::File;
                    tenant.disabled = false;
                }
                None if tenant.origin == Origin::File => tenant.disabled = true,
                None => {}
            }
            tenant
        })
        .collect();
    let new = entries.iter().filter(|entry| written.contains_key(&entry.name));
    tenants.extend(new.map(|entry| Tenant {
        id: id(),
        name: entry.name.clone(),
        models: entry.models.clone(),
        origin: Origin::File,
        disabled: false,
        created_at: now,
        updated_at: now,
    }));
    tenants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str, origin: Origin) -> Tenant {
        let name = Name::new(name).unwrap();
        let id = TenantId::new(Timestamp::default(), [name.as_str().len() as u8; 10]);
        Tenant {
            id,
            name,
            models: vec!["*".into()],
            origin,
            disabled: false,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    fn entry(name: &str, models: &[&str]) -> TenantEntry {
        TenantEntry {
            name: Name::new(name).unwrap(),
            models: models.iter().map(|&model| model.to_owned()).collect(),
        }
    }

    #[test]
    fn what_leaves_the_file_is_disabled_and_what_is_the_apis_stays() {
        let there =
            [tenant("file-a", Origin::File), tenant("file-bb", Origin::File), tenant("api", Origin::Api)];
        let id = || TenantId::new(Timestamp::default(), [9; 10]);
        let after =
            overlay(&there, &[entry("file-a", &["fast"]), entry("new", &[])], Timestamp::default(), id);
        let seen: Vec<_> =
            after.iter().map(|t| (t.name.as_str(), t.disabled, t.models.len(), t.origin)).collect();
        assert_eq!(
            seen,
            [
                ("file-a", false, 1, Origin::File),
                ("file-bb", true, 1, Origin::File),
                ("api", false, 1, Origin::Api),
                ("new", false, 0, Origin::File)
            ]
        );
        assert_eq!(after[0].models, ["fast"]);
    }

    #[test]
    fn nothing_to_write_is_seen() {
        let there = [tenant("a", Origin::File), tenant("bb", Origin::Api)];
        let after = overlay(&there, &[entry("a", &["*"])], Timestamp::default(), || unreachable!());
        assert_eq!(there.as_slice(), after);
    }
}
