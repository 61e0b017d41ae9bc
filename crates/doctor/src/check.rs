//! What a check is: one cause, or one family of it, looked for with evidence.

use crate::case::Case;
use crate::report::Finding;
use async_trait::async_trait;

/// Looks for one cause. Changes nothing, and is given up after a few seconds.
#[async_trait]
pub trait Check: Send + Sync {
    /// Its name: stable, in lists of what was in order.
    fn name(&self) -> &'static str;

    /// Looks.
    async fn examine(&self, case: &Case) -> Seen;
}

/// What a check saw.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Causes, or things worth knowing.
    Found(Vec<Finding>),
    /// Nothing wrong; what was looked at.
    InOrder(String),
    /// It has nothing to do with this case.
    Nothing,
    /// It cannot be seen from here; why.
    NotObservable(String),
}

impl Seen {
    /// One finding.
    pub fn one(finding: Finding) -> Self {
        Self::Found(vec![finding])
    }

    /// These, or in order when there are none.
    pub fn all(findings: Vec<Finding>, otherwise: impl Into<String>) -> Self {
        if findings.is_empty() { Self::InOrder(otherwise.into()) } else { Self::Found(findings) }
    }
}
