//! The configuration file and the environment, typed: what a user writes, checked as far as the file alone can be,
//! with every problem named at its place.
//!
//! Not here: what needs compilation or a network (Cedar texts, keys, certificates, discovery): that is the data
//! plane's, which reports through [`portcullis_model::Problem`]. Nor are secrets read here: only references to them.

mod absolute;
mod change;
mod check;
mod environment;
mod errors;
mod load;
mod mask;
mod parse;
mod place;
mod reference;
mod schema;
pub mod section;
mod shape;
mod suggest;
mod tree;

pub use change::{changes, restart_needed};
pub use check::{AI_SERVICE, ALGORITHMS, ISSUER_PRESETS, LOCAL_ISSUER, RESERVED_SEGMENTS};
pub use errors::{Errors, Problem, Warning};
pub use load::{Loaded, load};
pub use parse::parse;
pub use place::Place;
pub use reference::reference_markdown;
pub use schema::schema;
pub use section::{
    Ai, Breaker, Cluster, Control, Database, Events, FailureBudget, Gateway, LogFormat, Nats, Records,
    Resolution, Secrets, Storage, Telemetry, Tls, WhenFull,
};
pub use suggest::{nearest, not_among};

use portcullis_model::{Issuer, Model, Policy, Provider, Service, Source, Webhook, tenant::TenantEntry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that can be configured. The default is what runs without a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where data is kept: an embedded database in a directory, or PostgreSQL.
    pub storage: Storage,
    /// What several nodes on one PostgreSQL share beside it.
    pub cluster: Cluster,
    /// The listener that callers use, and its limits.
    pub gateway: Gateway,
    /// The listener that operators use: admin API, metrics, health.
    pub control: Control,
    /// The AI routes: `/v1`, `/openai/v1`, `/anthropic`, `/gemini`, `/bedrock`, `/cohere`, `/ollama`.
    pub ai: Ai,
    /// How users are looked up, and for how long an answer is believed.
    pub resolution: Resolution,
    /// The records of calls: how safely they are written and how long they are kept.
    pub records: Records,
    /// Logs and traces. Metrics are always at `/metrics` of the control listener.
    pub telemetry: Telemetry,
    /// Under what stored secrets are encrypted.
    pub secrets: Secrets,
    /// Tenants: isolated organisations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantEntry>,
    /// Issuers: whoever signs tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<Issuer>,
    /// User sources: directories of other systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// AI vendors' accounts and endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<Provider>,
    /// Models that callers ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Model>,
    /// APIs that are published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Policies as code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Message buses that are told what happens in the directory.
    pub events: Events,
    /// Webhooks: services that are told what happens in the directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
}

impl Config {
    /// The control plane's unix socket: [`Control::socket`], or `control.sock` in the data directory.
    pub fn socket(&self) -> PathBuf {
        self.control.socket.clone().unwrap_or_else(|| self.storage.data_dir.join("control.sock"))
    }
}
