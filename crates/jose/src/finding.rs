//! What an audit or an explanation found: a stable code, how bad it is, the evidence, and what to do next.

use std::fmt;

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Works, and should not stay so.
    Warning,
    /// Broken, or open to attack.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The input as a whole.
    Input,
    /// One key of a set, counted from 0, with its id if it has one.
    Key {
        /// Which member.
        index: usize,
        /// Its id.
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
    },
    /// A part of a token.
    Part(&'static str),
    /// A claim.
    Claim(String),
}

/// One finding. Serialises for machines, displays for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable: scripts and catalogues may rely on it.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What was seen. Never a secret, a private key or a signature.
    pub evidence: String,
    /// What to do about it.
    pub next: &'static str,
    /// The byte of the input where it is, if it is at one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    /// The input as it was probably meant. As secret as the input: for whoever gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        code: &'static str,
        subject: Subject,
        evidence: impl Into<String>,
        next: &'static str,
    ) -> Self {
        Self { code, severity, subject, evidence: evidence.into(), next, at: None, repaired: None }
    }

    pub(crate) fn at(mut self, at: usize) -> Self {
        self.at = Some(at);
        self
    }

    pub(crate) fn repaired(mut self, repaired: impl Into<String>) -> Self {
        self.repaired = Some(repaired.into());
        self
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Input => Ok(()),
            Subject::Key { index, kid: None } => write!(f, "key {index}: "),
            Subject::Key { index, kid: Some(kid) } => write!(f, "key {index} (`{}`): ", kid.escape_debug()),
            Subject::Part(part) => write!(f, "{part}: "),
            Subject::Claim(claim) => write!(f, "`{}`: ", claim.escape_debug()),
        }
    }
}

impl fmt::Display for Finding {
    /// Two lines: what, and what next. Not the repaired input.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}] {}{}", self.severity, self.code, self.subject, self.evidence)?;
        if let Some(at) = self.at {
            write!(f, ", at byte {at}")?;
        }
        write!(f, "\n  next: {}", self.next)
    }
}
