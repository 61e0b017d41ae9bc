//! AI providers, and the models that callers ask for.

pub mod routing;

pub use routing::{Breaker, Fallback, Hedge, Need, Strategy, When};

use crate::issuer::Egress;
use crate::{Name, SecretRef, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

/// An AI vendor's account or endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Unique name.
    pub name: Name,
    /// A known vendor, which gives `base_url` and its ways (`openai`, `echo`, …); or give `base_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where its API is, up to and with the version (`https://api.example.com/v1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// Our key there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Several keys of ours there, instead of `api_key`. One that has had enough calls for now, or is refused, is left alone
    /// for a while, and another takes the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ProviderKey>,
    /// Keys of an AWS account, with which calls to Amazon Bedrock are signed; instead of `api_key`, which is a Bedrock API
    /// key. Profiles, and roles of instances and containers, are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// An account of Google's cloud, for Vertex AI; instead of `api_key`, which is an access token there and good for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google: Option<Google>,
    /// Parameters added to the query of every call there, in place of the preset's own of the same name (`api-version`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Headers added to every call there.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How to reach it.
    #[serde(default)]
    pub http: Egress,
}

/// One of several keys at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderKey {
    /// The key.
    pub api_key: SecretRef,
    /// Its share of the calls, beside the others' shares; 0: only when no other can be used.
    #[serde(default = "one")]
    pub weight: u32,
    /// Calls per minute that it is used for at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// Keys of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// The region that calls go to, and are signed for (`eu-central-1`).
    pub region: String,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key's secret.
    pub secret_access_key: SecretRef,
    /// The session's token, of temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
}

/// An account of Google's cloud: a service account by its key, or the one that this machine runs under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Google {
    /// The service account's key: the JSON file that the cloud console gives, as `file:/path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretRef>,
    /// Take the account of this machine or pod instead, which the cloud's metadata server knows (Compute Engine, GKE with
    /// Workload Identity).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub metadata: bool,
    /// The project that pays, where the preset's URL has a place for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The region that calls go to (`europe-west4`, `global`), where the preset's URL has a place for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A model as callers ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What callers write in `model`; unique.
    pub name: Name,
    /// How a deployment is chosen among those of the same `priority`. The others are tried after it, before the answer has
    /// begun, when it fails.
    #[serde(default)]
    pub strategy: Strategy,
    /// How often all deployments are tried again after the last of them failed, with a pause that grows, or as long as
    /// the provider asks for.
    #[serde(default)]
    pub retries: u8,
    /// Whole time for all attempts at one call; of a stream, until it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Whether callers may choose by tags, in the header `x-portcullis-tags: a, b`: deployments by `when.tags`, or by
    /// `region=NAME`.
    #[serde(default)]
    pub tags: bool,
    /// Ask a second deployment as well when the first is silent for too long; whichever begins to answer first is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// Other models that are asked when no deployment can answer.
    #[serde(default, skip_serializing_if = "Fallback::is_empty")]
    pub fallback: Fallback,
    /// When a deployment that keeps failing is left alone.
    #[serde(default, skip_serializing_if = "Breaker::is_default")]
    pub breaker: Breaker,
    /// Tools that run at the provider and that callers of this model may use: `web_search`, `web_fetch`, `code_interpreter`,
    /// `file_search`, `image_generation`, `maps`, `mcp`, or the vendor's own word for one that is none of these. Default none.
    /// Functions that callers run themselves are not concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_tools: Vec<String>,
    /// Of `mcp`: hosts of the MCP servers that may be called from there (`mcp.example.com`, `*.example.com`), and connectors
    /// of the vendor's by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mcp_servers: Vec<String>,
    /// Ids of what lives at the providers and is for all callers of this model: vector stores, cached contents, prompts,
    /// guardrails and files that you made there, places in storage. Everything else belongs to the caller that was given it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_ids: Vec<String>,
    /// The deployments that serve it.
    pub deployments: Vec<Deployment>,
}

impl Model {
    /// A model that is served by these, in their order.
    pub fn new(name: Name, deployments: Vec<Deployment>) -> Self {
        Self {
            name,
            strategy: Strategy::default(),
            retries: 0,
            deadline: None,
            tags: false,
            hedge: None,
            fallback: Fallback::default(),
            breaker: Breaker::default(),
            server_tools: Vec::new(),
            mcp_servers: Vec::new(),
            shared_ids: Vec::new(),
            deployments,
        }
    }
}

/// A model at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The provider's name.
    pub provider: Name,
    /// The model's name there.
    pub model: Name,
    /// What becomes of a call that says what the provider's dialect cannot: `drop` what can be left out without changing
    /// what is meant, and say so in `x-portcullis-dropped`; `strict`: refuse it.
    #[serde(default)]
    pub translation: Translation,
    /// Which endpoint of a provider that speaks OpenAI's format takes its conversations: `chat_completions`, or `responses`, which
    /// some models answer alone. Calls in that endpoint's own format pass, all others are translated into it. Default: what the
    /// catalogue knows of the model; otherwise calls in the format of either pass where the provider has both, and all others
    /// are translated for `chat_completions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Those with a lower number come first; the others stand by.
    #[serde(default)]
    pub priority: u32,
    /// Its share of the calls, beside those of the same priority; 0: only after all others of them.
    #[serde(default = "one")]
    pub weight: u32,
    /// Where it runs, for calls with the tag `region=…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Which calls it is for; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

impl Deployment {
    /// A model of a provider, for all calls.
    pub fn new(provider: Name, model: Name) -> Self {
        Self {
            provider,
            model,
            translation: Translation::default(),
            api: None,
            priority: 0,
            weight: 1,
            region: None,
            when: None,
        }
    }
}

/// What becomes of what a provider cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Translation {
    /// Left out, where the answer means the same without it; refused otherwise.
    #[default]
    Drop,
    /// Refused.
    Strict,
}

/// An endpoint that takes conversations, of a provider that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/chat/completions`.
    ChatCompletions,
    /// `/responses`.
    Responses,
}

impl Api {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::ChatCompletions, Self::Responses];

    /// As written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|api| api.as_str() == name)
    }
}
