//! `[records]`: the one line per call that is kept.

use portcullis_model::{ByteSize, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The records of calls: how safely they are written and how long they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Records {
    /// What a power cut may lose: how often the spool is forced to disk. A killed process loses nothing.
    pub fsync_interval: Span,
    /// How much may wait on disk while the database is away.
    pub spool_limit: ByteSize,
    /// What becomes of calls when the spool is full.
    pub when_full: WhenFull,
    /// Records written to the database in one transaction.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch: u32,
    /// How long records are kept.
    pub keep: Span,
    /// How much of them is kept; default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_size: Option<ByteSize>,
    /// Where captured bodies are cut, each.
    pub capture_limit: ByteSize,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            fsync_interval: Span::millis(200),
            spool_limit: ByteSize(1 << 30),
            when_full: WhenFull::Refuse,
            batch: 500,
            keep: Span::seconds(30 * 86_400),
            keep_size: None,
            capture_limit: ByteSize(64 << 10),
        }
    }
}

/// What becomes of calls when the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// Calls are refused: what is not recorded is not served.
    #[default]
    Refuse,
    /// Calls are served and their records are lost; a metric counts them.
    Drop,
}
