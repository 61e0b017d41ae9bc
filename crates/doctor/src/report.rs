//! What the doctor says: one verdict, the path of the call, findings with what to do, and what was in order. The same for
//! the command line, the admin API and scripts. Nothing in it is a whole token or a secret.

use crate::cause::Cause;
use crate::stage::Stage;
use portcullis_fault::Code;
use serde::{Deserialize, Serialize};

/// The answer to a question.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Diagnosis {
    /// In one sentence.
    pub verdict: String,
    /// Whether the credential would be accepted now, or the call of the record was.
    pub accepted: bool,
    /// The catalogue code of the refusal; the true one.
    pub code: Option<String>,
    /// When it was examined (RFC 3339).
    pub examined_at: String,
    /// Whether a running process was asked about its caches and breakers.
    pub running: bool,
    /// The path of the call, step by step.
    pub path: Vec<Step>,
    /// What was found, the likeliest cause first.
    pub findings: Vec<Finding>,
    /// What was checked and is in order.
    pub in_order: Vec<Checked>,
    /// What could not be seen, and why.
    pub not_observable: Vec<Checked>,
    /// A good token beside the bad one; what differs comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparison: Vec<Difference>,
}

/// A step of the path of the call.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DiagnosisStep)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// How it went.
    pub state: StepState,
    /// What was looked at or up.
    pub detail: String,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It let the call through.
    Passed,
    /// It refused the call.
    Failed,
    /// As the record says; it was not done again.
    AsRecorded,
    /// The call did not come so far.
    NotReached,
}

/// How sure a finding is to be the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// The evidence leaves nothing else.
    Certain,
    /// The evidence speaks for it.
    Likely,
    /// It can be, and nothing speaks against it.
    Possible,
    /// Worth knowing; not the cause.
    Aside,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Whoever makes the call.
    Caller,
    /// Whoever administers the issuer of the token.
    IssuerAdministrator,
    /// Whoever runs this gateway.
    Operator,
}

impl By {
    /// As shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::IssuerAdministrator => "the issuer's administrator",
            Self::Operator => "the operator",
        }
    }
}

/// A cause, or something worth knowing.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DiagnosisFinding)]
pub struct Finding {
    /// Stable: scripts may rely on it.
    pub code: String,
    /// How sure it is.
    pub likelihood: Likelihood,
    /// In one sentence.
    pub summary: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What to do.
    pub action: String,
    /// Who.
    pub by: By,
    /// The command that does or shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The step that it is about.
    pub stage: Stage,
}

impl Finding {
    /// A finding about a step. `summary` is the sentence that people read first.
    pub fn new(
        cause: impl Into<Cause>,
        stage: Stage,
        likelihood: Likelihood,
        by: By,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            code: cause.into().as_str().to_owned(),
            likelihood,
            summary: summary.into(),
            evidence: Vec::new(),
            action: String::new(),
            by,
            command: None,
            stage,
        }
    }

    /// Adds what shows it.
    #[must_use]
    pub fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }

    /// Says with which command.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Points to a code's page.
    #[must_use]
    pub fn page(self, code: Code) -> Self {
        self.command(format!("portcullis errors {code}"))
    }
}

/// Something that was checked.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checked {
    /// The check.
    pub check: String,
    /// What it saw, or why it saw nothing.
    pub detail: String,
}

/// Two tokens, side by side in one respect.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// In which: `header.kid`, `claims.aud`, `outcome`, ….
    pub what: String,
    /// Of the good token.
    pub good: String,
    /// Of the one asked about.
    pub bad: String,
    /// Whether they differ.
    pub differs: bool,
}
