//! How one of a model's deployments is chosen for a call, and what is done when it fails.

use crate::{ByteSize, Name, Span};
use serde::{Deserialize, Serialize};

/// How one of the deployments of the same priority is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// In the order in which they are written.
    #[default]
    Priority,
    /// By chance, in proportion to `weight`.
    Weighted,
    /// The one with the fewest calls under way, for its weight.
    LeastBusy,
    /// The one that lately began to answer soonest, of two drawn by chance.
    Latency,
    /// The one that costs least by the catalogue's prices.
    Cheapest,
    /// The same for all calls of a conversation, so that the provider's prompt cache is warm; conversations are spread by
    /// weight. A conversation is known by the header `x-portcullis-conversation`, or by its beginning.
    Sticky,
}

impl Strategy {
    /// As written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Weighted => "weighted",
            Self::LeastBusy => "least_busy",
            Self::Latency => "latency",
            Self::Cheapest => "cheapest",
            Self::Sticky => "sticky",
        }
    }
}

/// Other models that are asked when no deployment of this one can answer, by why not; in their order. A caller is only
/// ever answered by models that it may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fallback {
    /// The provider has had enough calls for now, or our account there is used up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rate_limited: Vec<Name>,
    /// The prompt is longer than the model takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_too_long: Vec<Name>,
    /// The provider's filter will not have the prompt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_filter: Vec<Name>,
    /// The provider fails, is overloaded, cannot be reached, refuses our key, or does not have the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outage: Vec<Name>,
}

impl Fallback {
    /// Each list with its name.
    pub fn lists(&self) -> [(&'static str, &[Name]); 4] {
        [
            ("rate_limited", &self.rate_limited),
            ("context_too_long", &self.context_too_long),
            ("content_filter", &self.content_filter),
            ("outage", &self.outage),
        ]
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lists().iter().all(|(_, names)| names.is_empty())
    }
}

/// When a second deployment is asked beside the first. Conversations, embeddings, rankings and counts only, before the first
/// byte only, and once for a call. The one that comes too late is hung up on; what it did until then may be billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// After the first was silent for so long; best a little more than most of its answers take to begin.
    pub after: Span,
}

/// When a deployment that keeps failing is left alone. Only what is the provider's fault counts: failures to connect,
/// time-outs, 5xx; not what it says of the caller's own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// After so many failures in a row, or when at least half of 20 calls and more within ten seconds fail; 0: never.
    pub failures: u32,
    /// For how long nothing is sent there. Then one call is, and decides; while it fails, the time doubles, up to eight times
    /// this.
    pub open: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open: Span::seconds(10) }
    }
}

impl Breaker {
    /// Whether it is as it is unless told otherwise.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which calls a deployment is for: everything that is given must hold; of a list, one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Of these users: user name or our id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Of members of these teams: `dev`, or `platform/dev`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Of these tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<Name>,
    /// Of these applications.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<Name>,
    /// With one of these tags, where the model takes tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// That need one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// With a body of more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub larger_than: Option<ByteSize>,
    /// With a body of at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<ByteSize>,
}

/// What a call needs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It brings tools.
    Tools,
    /// It shows images.
    Vision,
    /// It wants an answer by a JSON schema.
    StructuredOutput,
    /// It asks for thought.
    Reasoning,
}

impl Need {
    /// As written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Vision => "vision",
            Self::StructuredOutput => "structured_output",
            Self::Reasoning => "reasoning",
        }
    }
}
