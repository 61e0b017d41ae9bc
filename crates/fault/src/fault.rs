//! One refusal: its code, what the caller reads, and what only the owner reads.

use crate::Code;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A refusal on its way to the caller. One pointer wide, so that a `Result` carrying it stays small.
pub struct Fault(Box<Inner>);

struct Inner {
    code: Code,
    detail: Option<Cow<'static, str>>,
    context: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    scope: Option<String>,
    source: Option<Source>,
}

impl Fault {
    /// A refusal that says what its catalogue row says.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner {
            code,
            detail: None,
            context: None,
            retry_after: None,
            scope: None,
            source: None,
        }))
    }

    /// What the caller reads, instead of the row's own sentence. Nothing here that an attacker could use. Not shown
    /// when the code hides behind a public alias.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// What the record, the log and the doctor tell the owner. Never a token or a secret.
    #[must_use]
    pub fn context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// When to try again; sent as `Retry-After` in whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// The scopes that would be enough (RFC 6750 §3).
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.0.scope = Some(scope.into());
        self
    }

    /// The error underneath; its text goes to the log only.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The true code: for the record, the log, the doctor.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What the caller reads.
    pub fn public_detail(&self) -> &str {
        match &self.0.detail {
            Some(detail) if self.0.code.public() == self.0.code => detail,
            _ => self.0.code.public().title(),
        }
    }

    /// What only the owner reads.
    pub fn private_context(&self) -> Option<String> {
        match (&self.0.context, &self.0.source) {
            (None, None) => None,
            (Some(context), None) => Some(context.clone().into_owned()),
            (None, Some(source)) => Some(chain(source.as_ref())),
            (Some(context), Some(source)) => Some(format!("{context}: {}", chain(source.as_ref()))),
        }
    }

    /// When to try again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The scopes that would be enough.
    pub fn sufficient_scope(&self) -> Option<&str> {
        self.0.scope.as_deref()
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("code", &self.0.code.name())
            .field("detail", &self.0.detail)
            .field("context", &self.private_context())
            .finish()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.detail.as_deref().unwrap_or(self.0.code.title()))?;
        if let Some(context) = self.private_context() {
            write!(f, " ({context})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_hidden_code_tells_the_caller_nothing() {
        let fault = Fault::new(codes::USER_SUSPENDED).detail("ada was suspended").context("by root");
        assert_eq!(fault.public_detail(), codes::SUBJECT_UNRESOLVED.title());
        assert_eq!(fault.private_context().as_deref(), Some("by root"));
        let open = Fault::new(codes::TOKEN_EXPIRED).detail("expired 5 s ago");
        assert_eq!(open.public_detail(), "expired 5 s ago");
    }
}
