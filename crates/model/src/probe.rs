//! What only a running process knows: what its look-ups, key sets and AI deployments are like at the moment. Implemented by their owner,
//! read by the doctor. A process that is not running has none, and nothing is claimed about it.

use crate::{Name, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// A look into a running process. Looking changes nothing.
pub trait Probe: Send + Sync {
    /// The way to the directory.
    fn directory(&self) -> DirectoryState;

    /// The user sources.
    fn sources(&self) -> Vec<SourceState>;

    /// The key sets of the issuers.
    fn key_sets(&self) -> Vec<KeySetState>;

    /// The AI deployments.
    fn deployments(&self) -> Vec<DeploymentState>;
}

/// How look-ups in the directory are doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirectoryState {
    /// Failures in a row; 0 when the last look-up went well.
    pub failures: u32,
    /// Until when nothing is asked, while the breaker is open.
    pub open_until: Option<Timestamp>,
    /// What the last failure said, while the breaker is open.
    pub last_error: Option<String>,
    /// The event stream is lost: changes are not heard of, and nothing is believed for long.
    pub deaf: bool,
}

/// How look-ups in a user source are doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// The source's name.
    pub name: Name,
    /// Its kind, as the configuration says it.
    pub kind: &'static str,
    /// Failures in a row; 0 when the last look-up went well.
    pub failures: u32,
    /// Until when nothing is asked, while the breaker is open.
    pub open_until: Option<Timestamp>,
    /// When it last failed, if it ever did.
    pub failed_at: Option<Timestamp>,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// How long the last answers took; the latest is last.
    pub took: Vec<Duration>,
}

/// The keys of one issuer, by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySetState {
    /// The issuer's name.
    pub issuer: Name,
    /// The ids in use; nothing when there is no set yet.
    pub kids: Option<Vec<String>>,
    /// When the set was last confirmed.
    pub fetched_at: Option<Timestamp>,
    /// What the last attempt to fetch it failed with, if it did.
    pub last_error: Option<String>,
    /// The ids of the sets before, with when each was replaced; latest first.
    pub replaced: Vec<(Timestamp, Vec<String>)>,
}

/// How an AI deployment is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeploymentState {
    /// The provider's name.
    pub provider: Name,
    /// The model's name there.
    pub deployment: Name,
    /// Failures in a row that were the provider's fault; 0 when the last call went well.
    pub failures: u32,
    /// Until when nothing is sent there, while the breaker is open.
    pub open_until: Option<Timestamp>,
    /// What the last failure said, while the breaker is open.
    pub last_error: Option<String>,
    /// Until when all our keys there are to rest.
    pub resting_until: Option<Timestamp>,
    /// Calls under way there.
    pub under_way: u32,
    /// How long it lately took to begin its answers.
    pub latency: Option<Duration>,
}
