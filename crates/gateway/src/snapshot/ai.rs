//! The AI routes, compiled: models and where each is served.

use crate::measure::Meters;
use crate::upstream::Endpoints;
use crate::upstream::ai::{Deployment, Way};
use portcullis_config::Config;
use portcullis_identity::{DialectPlaces, Places, ServiceRules};
use portcullis_llm::CredentialPlace;
use portcullis_llm::dialect::{self, Dialect as _};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Name, Problem, Specification, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The AI routes.
pub(crate) struct AiRoutes {
    pub(crate) name: Arc<str>,
    pub(crate) rules: ServiceRules,
    pub(crate) places: Places,
    pub(crate) models: HashMap<Name, Vec<Deployment>>,
    pub(crate) max_body: u64,
    pub(crate) timeout: Option<Duration>,
    pub(crate) capture: Option<usize>,
    pub(crate) meters: Arc<Meters>,
}

/// Where the AI routes are.
pub(super) fn bases() -> &'static [&'static str] {
    dialect::openai::OpenAi.bases()
}

/// Whether a service at `path` would be in the way: at a base, or at or below what AI clients call there.
pub(super) fn takes(path: &str) -> bool {
    const CALLED: [&str; 10] = [
        "/audio",
        "/batches",
        "/chat",
        "/completions",
        "/embeddings",
        "/files",
        "/images",
        "/messages",
        "/models",
        "/responses",
    ];
    bases().iter().any(|base| match path.strip_prefix(base) {
        Some("") => true,
        Some(rest) => CALLED.iter().any(|called| {
            rest == *called || rest.strip_prefix(called).is_some_and(|rest| rest.starts_with('/'))
        }),
        None => false,
    })
}

impl AiRoutes {
    pub(super) fn compile(
        specification: &Specification,
        config: &Config,
        secrets: &dyn SecretSource,
        endpoints: &Endpoints,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut ways: HashMap<&Name, Way> = HashMap::new();
        for provider in &specification.providers {
            match Way::compile(provider, endpoints, secrets) {
                Ok(way) => drop(ways.insert(&provider.name, way)),
                Err(found) => problems.extend(found),
            }
        }
        let mut models: HashMap<Name, Vec<Deployment>> = HashMap::new();
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
                    Some(way) => deployments.push(Deployment {
                        provider: deployment.provider.clone(),
                        model: deployment.model.clone(),
                        way: way.clone(),
                    }),
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
            if models.insert(model.name.clone(), deployments).is_some() {
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
            places: places(),
            models,
            max_body: config.ai.max_body.0,
            timeout: config.ai.timeout.map(|span| span.0),
            capture: config.ai.capture.then(|| config.records.capture_limit.bytes()),
            meters: Arc::new(Meters::new("", "ai")),
        })
    }
}

/// Where the dialect's clients put their credential.
fn places() -> Places {
    let mut dialect = DialectPlaces::NONE;
    for place in dialect::openai::OpenAi.credential_places() {
        match place {
            CredentialPlace::Bearer => {}
            CredentialPlace::Header("api-key") => dialect.api_key = true,
            CredentialPlace::Header("x-api-key") => dialect.x_api_key = true,
            CredentialPlace::Header(_) => {}
            CredentialPlace::Query(_) => dialect.key_parameter = true,
        }
    }
    Places::dialect(dialect)
}

/// When a model was made available, for its listing: nobody knows, and clients want a number.
pub(crate) const CREATED: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_stay_out_of_the_way() {
        for path in
            ["/v1", "/v1/chat", "/v1/chat/completions", "/v1/models", "/openai/v1", "/openai/v1/embeddings"]
        {
            assert!(takes(path), "{path}");
        }
        for path in ["/", "/v1/orders", "/v1/chats", "/v2", "/openai", "/v11"] {
            assert!(!takes(path), "{path}");
        }
    }
}
