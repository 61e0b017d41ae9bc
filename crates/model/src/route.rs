//! A dry run of routing: which deployment a call to a model would get, and why the others would not. A question and its
//! answer, as they pass between the planes; who decides is the data plane.

use crate::{Name, Principal};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A call that might be made.
#[derive(Clone, Debug, Default)]
pub struct RouteQuestion {
    /// The model, as callers name it.
    pub model: String,
    /// Who would call; with neither user nor application, somebody of the tenant.
    pub principal: Option<Arc<Principal>>,
    /// As in the header `x-portcullis-tags`.
    pub tags: Vec<String>,
    /// As in the header `x-portcullis-conversation`.
    pub conversation: Option<String>,
    /// What the caller speaks; default `openai`.
    pub dialect: Option<String>,
    /// What it asks; default `chat`.
    pub operation: Option<String>,
    /// Whether the answer is to come as a stream, where the path says so.
    pub stream: bool,
    /// The body; without one, an empty call.
    pub body: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// There is no such model.
    #[error("there is no such model")]
    UnknownModel,
    /// The question is wrong: where, and what to do.
    #[error("{0}")]
    Invalid(String),
    /// Nothing is in force by which it could be answered.
    #[error("no configuration is in force yet")]
    NotReady,
}

/// What would become of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RouteExplanation {
    /// The model.
    pub model: String,
    /// Its strategy.
    pub strategy: String,
    /// What the caller speaks.
    pub dialect: String,
    /// What it asks.
    pub operation: String,
    /// Whether breakers, resting keys, calls under way and latencies of a running process counted; otherwise the
    /// configuration alone.
    pub live: bool,
    /// Whether chance had a say: another call may get another deployment of the same priority.
    pub by_chance: bool,
    /// Whether the caller may use the model; absent where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<RoutePermission>,
    /// Bytes of the body.
    pub bytes: u64,
    /// Tokens that the prompt has at least.
    pub tokens_at_least: u64,
    /// What the call needs, by its body.
    pub needs: Vec<String>,
    /// The deployments: first those that would be tried, in their order, then the others.
    pub candidates: Vec<RouteCandidate>,
    /// Models that stand by, by kind of failure.
    pub standby: Vec<RouteStandby>,
    /// How often all deployments would be tried again.
    pub retries: u8,
    /// Whole time for all attempts, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// After how long the second deployment would be asked beside the first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_after_ms: Option<u64>,
}

/// Whether a caller may use a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoutePermission {
    /// Whether it may.
    pub allowed: bool,
    /// Otherwise, the code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// And why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A deployment in a dry run. What only a running process knows is absent beside none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RouteCandidate {
    /// In which place it would be tried, from 1; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u16>,
    /// The provider.
    pub provider: String,
    /// The model's name there.
    pub deployment: String,
    /// `as it is` or `translated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// Which of OpenAI's endpoints gets the conversation there, where the provider speaks that format: `chat_completions` or
    /// `responses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Why it is out; of one that has a place, what speaks against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its priority.
    pub priority: u32,
    /// Its weight.
    pub weight: u32,
    /// Its region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `closed`, `half_open` or `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<String>,
    /// Its failures in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Our keys there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<u16>,
    /// Those of them that rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resting: Option<u16>,
    /// Calls under way there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<u32>,
    /// How long it lately took to begin its answers, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// About what the call would cost by the catalogue, in billionths of the currency's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_nanos: Option<u64>,
    /// That currency (ISO 4217).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// The models that would be asked after one kind of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RouteStandby {
    /// `rate_limited`, `context_too_long`, `content_filter` or `outage`.
    pub class: String,
    /// In their order, while each of them fails in the same way.
    pub models: Vec<RouteStandbyModel>,
}

/// A model that stands by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RouteStandbyModel {
    /// Its name.
    #[schema(value_type = String)]
    pub model: Name,
    /// Whether the caller may use it; absent where nobody is named. One that it may not is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<RoutePermission>,
}
