//! What came of reading all people of a source, and what it waits for.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// One run of a synchronisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncReport {
    /// Its number; runs of one source are counted.
    pub run: i64,
    /// Whether everybody was read, or only what had changed.
    pub full: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: SyncOutcome,
    /// Why it did not go on to its end.
    pub stopped: Option<String>,
    /// People that the source showed.
    pub seen: u64,
    /// Users who are new.
    pub created: u64,
    /// Users who were changed.
    pub changed: u64,
    /// Users who were as the source says already.
    pub unchanged: u64,
    /// Users who are deleted or merged here, and stay so.
    pub gone: u64,
    /// Users who were deleted, because the source has them no longer.
    pub deleted: u64,
    /// People who could not be taken.
    pub failed: u64,
    /// Who, and why; the first of them.
    pub failures: Vec<SyncFailure>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncOutcome {
    /// Everything was done.
    Done,
    /// Too many would be deleted; nobody was. It waits for approval.
    Waiting,
    /// The source or the directory failed on the way. What was written stays, and the next run begins anew.
    Failed,
    /// The process ended on the way, or another one took over.
    #[default]
    Interrupted,
}

impl SyncOutcome {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Somebody who could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncFailure {
    /// The person's key or name there.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// More people are gone than a run may delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncWaiting {
    /// The run that found it.
    pub run: i64,
    /// When.
    pub since: Timestamp,
    /// How many would be deleted.
    pub gone: u64,
    /// Of how many users of this source.
    pub of: u64,
    /// How many a run may delete.
    pub allowed: u64,
}

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncAsked {
    /// To read what has changed.
    Changes,
    /// To read everybody.
    Full,
}

impl SyncAsked {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Full => "full",
        }
    }
}

impl std::str::FromStr for SyncAsked {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "changes" => Ok(Self::Changes),
            "full" => Ok(Self::Full),
            other => Err(format!("`changes` or `full` is asked for, not `{other}`")),
        }
    }
}
