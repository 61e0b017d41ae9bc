//! What is in force: everything that a call needs to know of the configuration, compiled once and never changed. A call
//! uses one from its beginning to its end.

mod ai;
mod service;
mod settings;

pub(crate) use ai::{AiRoutes, CREATED, Speech, names_model, spoken_at};
pub(crate) use service::ServiceRoute;
pub(crate) use settings::Settings;

use crate::route::{Conflict, Table};
use crate::upstream::Endpoints;
use crate::upstream::ai::route::Health;
use portcullis_config::Config;
use portcullis_identity::{Identity, Places, Runtime, ServiceRules};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::service::AuthMode;
use portcullis_model::{Name, Problem, Specification};
use std::sync::Arc;

/// A compiled configuration. Made by [`crate::Gateway::compile`], put in force by [`crate::Gateway::install`].
pub struct Snapshot {
    pub(crate) version: u64,
    pub(crate) identity: Arc<Identity>,
    pub(crate) routes: Table<Route>,
    pub(crate) settings: Settings,
}

/// What is served at a (host, path).
#[derive(Clone)]
pub(crate) enum Route {
    /// An API behind a path.
    Service(Arc<ServiceRoute>),
    /// The AI routes, where a dialect is spoken.
    Ai(Arc<AiRoutes>, Arc<Speech>),
}

impl Route {
    /// What is asked of callers.
    pub(crate) fn rules(&self) -> &ServiceRules {
        match self {
            Self::Service(service) => &service.rules,
            Self::Ai(ai, _) => &ai.rules,
        }
    }

    /// Where credentials may be.
    pub(crate) fn places(&self) -> &Places {
        match self {
            Self::Service(service) => &service.places,
            Self::Ai(_, speech) => &speech.places,
        }
    }

    /// Whether WebSockets pass.
    pub(crate) fn takes_websockets(&self) -> bool {
        match self {
            Self::Service(service) => service.websocket,
            // Which of its paths do is said where it is known what is asked there.
            Self::Ai(..) => true,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Service(service) => format!("service `{}`", service.name),
            Self::Ai(_, speech) => format!("the AI routes at `{}`", speech.base.at),
        }
    }
}

impl Snapshot {
    /// Compiles; all problems at once.
    pub(crate) fn compile(
        specification: &Specification,
        config: &Config,
        secrets: &dyn SecretSource,
        runtime: &Arc<Runtime>,
        endpoints: &Endpoints,
        health: &Health,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let identity =
            Identity::compile(specification, runtime, secrets).map_err(|found| problems.extend(found)).ok();
        let mut routes = Table::default();
        let ai = AiRoutes::compile(specification, config, secrets, endpoints, health)
            .map_err(|found| problems.extend(found))
            .ok();
        if let Some(ai) = ai.map(Arc::new) {
            for speech in ai::speeches() {
                // The table is empty, and bases differ.
                let _ = routes.insert(None, speech.base.at, Route::Ai(ai.clone(), Arc::new(speech)));
            }
        }
        for service in &specification.services {
            let route = match ServiceRoute::compile(service, specification, config, endpoints) {
                Ok(route) => Route::Service(Arc::new(route)),
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            };
            let host = service.host.as_deref().map(str::to_ascii_lowercase);
            if let Err(Conflict(first)) = routes.insert(host.as_deref(), &service.path, route) {
                let message = format!(
                    "`{}` is served by {} already; give one of them another path or host",
                    service.path,
                    first.title()
                );
                problems.push(Problem::new(format!("services.{}.path", service.name), message));
            }
        }
        match (identity, problems.is_empty()) {
            (Some(identity), true) => Ok(Self {
                version: specification.version,
                identity: Arc::new(identity),
                routes,
                settings: Settings::of(config),
            }),
            _ => Err(problems),
        }
    }

    /// What calls are checked with.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The models, and where each is served.
    pub(crate) fn ai(&self) -> Option<&Arc<AiRoutes>> {
        self.routes.iter().find_map(|route| match route {
            Route::Ai(ai, _) => Some(ai),
            Route::Service(_) => None,
        })
    }

    /// The specification's version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Services that let everybody through, for the list at start: (name, mode). The AI routes are `ai`.
    pub fn open_services(&self) -> Vec<(Name, AuthMode)> {
        let mut open: Vec<_> = self
            .routes
            .iter()
            .map(Route::rules)
            .filter(|rules| rules.auth() != AuthMode::Required)
            .map(|rules| (rules.name().clone(), rules.auth()))
            .collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        open.dedup();
        open
    }

    /// All routes, for whoever prints what is in force: (host, path, name), sorted.
    pub fn routes(&self) -> Vec<(Option<String>, String, Name)> {
        let mut routes: Vec<_> = self
            .routes
            .iter()
            .map(|route| match route {
                Route::Service(service) => {
                    (service.host.clone(), service.path.to_string(), service.rules.name().clone())
                }
                Route::Ai(ai, speech) => (None, speech.base.at.to_owned(), ai.rules.name().clone()),
            })
            .collect();
        routes.sort();
        routes
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version).finish_non_exhaustive()
    }
}
