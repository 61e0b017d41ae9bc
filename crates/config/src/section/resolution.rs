//! `[resolution]`: subject → user.

use portcullis_model::Span;
pub use portcullis_model::source::Breaker;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How users are looked up, and for how long an answer is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resolution {
    /// How long an active user is believed without asking again. A change in the directory takes effect within a second whatever this is.
    pub positive_ttl: Span,
    /// How long any other answer is believed (unknown, pending, suspended, deleted).
    pub negative_ttl: Span,
    /// Time for one look-up; a longer one is refused with a 503, never as an unknown user.
    pub timeout: Span,
    /// Look-ups that may wait; more are refused with a 503.
    #[schemars(range(min = 1))]
    pub queue: u32,
    /// Users held in memory.
    #[schemars(range(min = 1))]
    pub capacity: u32,
    /// While the directory cannot be asked: how long after `positive_ttl` an active user is still believed.
    pub stale: Span,
    /// When to stop asking a directory that fails.
    pub breaker: Breaker,
}

impl Default for Resolution {
    fn default() -> Self {
        Self {
            positive_ttl: Span::seconds(30),
            negative_ttl: Span::seconds(2),
            timeout: Span::millis(500),
            queue: 1_000,
            capacity: 100_000,
            stale: Span::seconds(0),
            breaker: Breaker::default(),
        }
    }
}
