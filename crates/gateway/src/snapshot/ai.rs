//! The AI routes, compiled: models and where each is served.

use crate::measure::Meters;
use crate::upstream::Endpoints;
use crate::upstream::ai::route::{Health, Target, check_fallbacks};
use crate::upstream::ai::{Deployment, Fetcher, Way};
use portcullis_config::Config;
use portcullis_identity::{DialectPlaces, Places, ServiceRules};
use portcullis_llm::Preset;
use portcullis_llm::catalog::Catalog;
use portcullis_llm::dialect::{self, Base, CredentialPlace, Dialect};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Name, Problem, Provider, Specification, Timestamp};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The AI routes.
pub(crate) struct AiRoutes {
    pub(crate) name: Arc<str>,
    pub(crate) rules: ServiceRules,
    pub(crate) models: HashMap<Name, Target>,
    pub(crate) max_body: u64,
    /// The same for forms with files.
    pub(crate) max_upload: u64,
    pub(crate) timeout: Option<Duration>,
    pub(crate) capture: Option<usize>,
    /// Who fetches what requests name by URL, where that is wanted.
    pub(crate) fetcher: Option<Arc<Fetcher>>,
    pub(crate) meters: Arc<Meters>,
}

/// A place where a dialect is spoken.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) base: &'static Base,
    pub(crate) places: Places,
}

/// Every place where a dialect is spoken.
pub(super) fn speeches() -> impl Iterator<Item = Speech> {
    let bases = dialect::ALL.iter().flat_map(|dialect| dialect.bases().iter().map(|base| (*dialect, base)));
    bases.map(|(dialect, base)| Speech { dialect, base, places: places(dialect) })
}

/// In which dialect somebody calls who calls this path; `None`: in none.
pub(crate) fn spoken_at(path: &str) -> Option<&'static dyn Dialect> {
    base_of(path).map(|(dialect, _)| dialect)
}

/// Whether what is called at this path names a model there: see [`dialect::served::names_model`].
pub(crate) fn names_model(path: &str) -> bool {
    base_of(path).is_some_and(|(dialect, base)| dialect::served::names_model(dialect, base.below(path)))
}

/// The longest base that the path is at or below.
fn base_of(path: &str) -> Option<(&'static dyn Dialect, &'static Base)> {
    let bases = dialect::ALL.iter().flat_map(|dialect| dialect.bases().iter().map(|base| (*dialect, base)));
    bases.filter(|(_, base)| is_at_or_below(path, base.at)).max_by_key(|(_, base)| base.at.len())
}

fn is_at_or_below(path: &str, at: &str) -> bool {
    path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a service at `path` would be in the way: at a base, or at or below what AI clients call there.
pub(super) fn takes(path: &str) -> bool {
    /// What is called beside what is served by now.
    const CALLED: [&str; 12] = [
        "/audio",
        "/batches",
        "/chat",
        "/completions",
        "/embeddings",
        "/files",
        "/images",
        "/messages",
        "/models",
        "/realtime",
        "/rerank",
        "/responses",
    ];
    dialect::ALL.iter().any(|dialect| {
        let first = |served: &'static dialect::Served| {
            let end = served.path[1..].find(['/', ':', '{']).map_or(served.path.len(), |end| end + 1);
            served.path[..end].trim_end_matches('/')
        };
        // What is asked at a base itself takes nothing below it.
        let called = dialect.serves().iter().map(first).filter(|called| !called.is_empty());
        let called: Vec<&str> = called.chain(CALLED).collect();
        dialect.bases().iter().any(|base| {
            let below = |called: &&str| is_at_or_below(path, &format!("{}{called}", base.root));
            path == base.at || path == base.root || called.iter().any(below)
        })
    })
}

impl AiRoutes {
    pub(super) fn compile(
        specification: &Specification,
        config: &Config,
        secrets: &dyn SecretSource,
        endpoints: &Endpoints,
        health: &Health,
    ) -> Result<Self, Vec<Problem>> {
        let mut routes = Self::with(specification, config, health, |provider| {
            Way::compile(provider, endpoints, secrets, health)
        })?;
        if config.ai.fetch_media {
            let fetcher = Fetcher::new(endpoints.egress());
            let fetcher = fetcher.map_err(|error| vec![Problem::new("ai.fetch_media", error)])?;
            routes.fetcher = Some(Arc::new(fetcher));
        }
        Ok(routes)
    }

    /// For looking only: nobody is reached, so how does not matter, only what each provider speaks.
    pub(crate) fn cold(
        specification: &Specification,
        config: &Config,
        health: &Health,
    ) -> Result<Self, Vec<Problem>> {
        Self::with(specification, config, health, |provider| {
            let preset = provider.preset.as_deref().map_or(Some(Preset::generic()), Preset::find);
            preset.map(Way::Echo).ok_or_else(|| {
                let at = format!("providers.{}.preset", provider.name);
                vec![Problem::new(at, "there is no such preset")]
            })
        })
    }

    fn with(
        specification: &Specification,
        config: &Config,
        health: &Health,
        way: impl Fn(&Provider) -> Result<Way, Vec<Problem>>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut ways: HashMap<&Name, Way> = HashMap::new();
        for provider in &specification.providers {
            match way(provider) {
                Ok(way) => drop(ways.insert(&provider.name, way)),
                Err(found) => problems.extend(found),
            }
        }
        let catalog = catalog(config).unwrap_or_else(|found| {
            problems.extend(found);
            Cow::Borrowed(Catalog::built_in())
        });
        problems.extend(check_fallbacks(&specification.models));
        let mut models: HashMap<Name, Target> = HashMap::new();
        for model in &specification.models {
            let at = format!("models.{}.deployments", model.name);
            if model.deployments.is_empty() {
                problems.push(Problem::new(
                    at.clone(),
                    "a model needs at least one deployment: `{ provider = \"…\", model = \"…\" }`",
                ));
            }
            let mut deployments = Vec::new();
            for deployment in &model.deployments {
                match ways.get(&deployment.provider) {
                    Some(way) => match Deployment::new(deployment, way.clone(), &catalog, health) {
                        Ok(made) => deployments.push(made),
                        Err(why) => problems.push(Problem::new(at.clone(), why)),
                    },
                    None if specification
                        .providers
                        .iter()
                        .any(|provider| provider.name == deployment.provider) => {}
                    None => {
                        let message = format!(
                            "there is no provider `{}`; add `[[providers]]` with this name",
                            deployment.provider
                        );
                        problems.push(Problem::new(at.clone(), message));
                    }
                }
            }
            if models.insert(model.name.clone(), Target::new(model, deployments)).is_some() {
                problems.push(Problem::new(at, format!("there are two models `{}`", model.name)));
            }
        }
        let name = match Name::new("ai") {
            Ok(name) => name,
            Err(error) => return Err(vec![Problem::new("ai", error)]),
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            name: name.shared(),
            rules: ServiceRules::ai(name, config.ai.auth),
            models,
            max_body: config.ai.max_body.0,
            max_upload: config.ai.max_upload.0,
            timeout: config.ai.timeout.map(|span| span.0),
            capture: config.ai.capture.then(|| config.records.capture_limit.bytes()),
            fetcher: None,
            meters: Arc::new(Meters::new("", "ai")),
        })
    }
}

/// The models that are known: the built-in ones, and what the operator's file says.
fn catalog(config: &Config) -> Result<Cow<'static, Catalog>, Vec<Problem>> {
    let built_in = Catalog::built_in();
    let Some(file) = &config.ai.catalog else { return Ok(Cow::Borrowed(built_in)) };
    let at = |problem: Problem| Problem::new(format!("ai.catalog: {}", problem.at), problem.message);
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("the file cannot be read: {error}, `{}`", file.display());
        vec![Problem::new("ai.catalog", message)]
    })?;
    let catalog = built_in.with(&text).map_err(|found| found.into_iter().map(at).collect::<Vec<_>>())?;
    Ok(Cow::Owned(catalog))
}

/// Where the dialect's clients put their credential.
fn places(dialect: &dyn Dialect) -> Places {
    let mut places = DialectPlaces::NONE;
    for place in dialect.credential_places() {
        match place {
            CredentialPlace::Header("api-key") => places.api_key = true,
            CredentialPlace::Header("x-api-key") => places.x_api_key = true,
            CredentialPlace::Header("x-goog-api-key") => places.x_goog_api_key = true,
            CredentialPlace::Query("key") => places.key_parameter = true,
            CredentialPlace::Subprotocol("openai-insecure-api-key.") => places.subprotocol = true,
            CredentialPlace::Bearer
            | CredentialPlace::Header(_)
            | CredentialPlace::Query(_)
            | CredentialPlace::Subprotocol(_) => {}
        }
    }
    Places::dialect(places)
}

/// When a model was made available, for its listing: nobody knows, and clients want a number.
pub(crate) const CREATED: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_looked_for_wherever_a_dialect_says() {
        for speech in speeches() {
            for place in speech.dialect.credential_places() {
                let known = match place {
                    CredentialPlace::Bearer => true,
                    CredentialPlace::Header(name) => {
                        ["api-key", "x-api-key", "x-goog-api-key"].contains(name)
                    }
                    CredentialPlace::Query(name) => *name == "key",
                    CredentialPlace::Subprotocol(name) => *name == "openai-insecure-api-key.",
                };
                assert!(known, "{}: {place:?}", speech.dialect.name());
            }
        }
    }

    #[test]
    fn the_longest_base_counts() {
        for (path, dialect) in
            [("/v1/chat/completions", Some("openai")), ("/v1", Some("openai")), ("/orders", None)]
        {
            assert_eq!(spoken_at(path).map(Dialect::name), dialect, "{path}");
        }
    }

    #[test]
    fn services_stay_out_of_the_way() {
        for path in
            ["/v1", "/v1/chat", "/v1/chat/completions", "/v1/models", "/openai/v1", "/openai/v1/embeddings"]
        {
            assert!(takes(path), "{path}");
        }
        for path in ["/ollama/orders", "/", "/v1/orders", "/v1/chats", "/v2", "/openai", "/v11", "/modelling"]
        {
            assert!(!takes(path), "{path}");
        }
    }
}
