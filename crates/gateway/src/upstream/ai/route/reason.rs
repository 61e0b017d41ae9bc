//! Why a deployment does not get a call, in words for whoever runs the gateway.

use portcullis_model::Timestamp;
use portcullis_model::provider::Need;
use std::fmt;
use std::sync::Arc;

/// Why a deployment is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It does not serve the operation in the caller's dialect, nor can it be translated.
    Dialect,
    /// A condition of `when` does not hold: which one.
    Condition(&'static str),
    /// It is not in the region that the caller asks for.
    Region(String),
    /// Its breaker is open.
    Open {
        /// Until when.
        until: Timestamp,
        /// What it failed with.
        why: Arc<str>,
    },
    /// All its keys rest.
    Resting {
        /// Until when.
        until: Timestamp,
    },
    /// By the catalogue, it cannot do this.
    Unable(Need),
    /// By the catalogue, the prompt is too long for it.
    TooLong {
        /// Tokens that it takes.
        context: u64,
    },
}

impl Reason {
    /// When it may be in again.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Open { until, .. } | Self::Resting { until } => Some(*until),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect => f.write_str("it does not serve this operation in the caller's dialect"),
            Self::Condition(member) => write!(f, "the call does not fit its `when.{member}`"),
            Self::Region(region) => write!(f, "it is not in the region that the caller asks for, `{region}`"),
            Self::Open { until, why } => {
                write!(f, "its breaker is open until {}, after: {why}", until.rfc3339())
            }
            Self::Resting { until } => write!(f, "its keys are to rest until {}", until.rfc3339()),
            Self::Unable(need) => write!(f, "by the catalogue it is not able to do `{}`", need.as_str()),
            Self::TooLong { context } => {
                write!(f, "by the catalogue it takes {context} tokens, and the prompt has more")
            }
        }
    }
}
