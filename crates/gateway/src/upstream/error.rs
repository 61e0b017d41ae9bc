//! What goes wrong on the way to an upstream, as refusals.

use portcullis_fault::{Code, Fault, codes};
use portcullis_net::accept::BodyError;
use portcullis_net::egress::ConnectError;
use std::time::Duration;

/// An exchange failed before its answer began.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection.
    Connect(ConnectError),
    /// The connection was gone before a byte of the request was written.
    Unsent(hyper::Error),
    /// It broke after that, without a byte of an answer.
    Broken(hyper::Error),
    /// What came is not HTTP.
    Invalid(hyper::Error),
    /// Nothing came for that long.
    Silent(Duration),
    /// The caller's body could not be had: not the upstream's fault.
    Caller(BodyError),
}

impl Failure {
    /// Of an exchange on an open connection; `unsent`: hyper gave the request back.
    pub(crate) fn of(error: hyper::Error, unsent: bool) -> Self {
        if unsent {
            return Self::Unsent(error);
        }
        if error.is_user()
            && let Some(cause) =
                std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<BodyError>())
        {
            return Self::Caller(same(cause));
        }
        if error.is_parse() { Self::Invalid(error) } else { Self::Broken(error) }
    }
}

/// A copy of what a body ended with; the cause of a broken one stays behind.
fn same(error: &BodyError) -> BodyError {
    match error {
        BodyError::TooLarge { limit } => BodyError::TooLarge { limit: *limit },
        BodyError::TimedOut { after } => BodyError::TimedOut { after: *after },
        BodyError::Aborted(cause) => BodyError::Aborted(cause.to_string().into()),
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect(error) => {
                let code = if matches!(error, ConnectError::TimedOut { .. }) {
                    codes::UPSTREAM_TIMEOUT
                } else {
                    codes::UPSTREAM_UNREACHABLE
                };
                Self::new(code).source(error)
            }
            Failure::Unsent(error) => Self::new(codes::UPSTREAM_UNREACHABLE)
                .context("the connection closed before the request was sent")
                .source(error),
            Failure::Broken(error) => Self::new(codes::UPSTREAM_CUT)
                .context("the connection broke before the answer began")
                .source(error),
            Failure::Invalid(error) => Self::new(codes::UPSTREAM_INVALID).source(error),
            Failure::Silent(after) => Self::new(codes::UPSTREAM_TIMEOUT)
                .context(format!("no answer began within {} ms", after.as_millis())),
            Failure::Caller(error) => error.into(),
        }
    }
}

/// Why an answer ended before its end. As a body's error it ends the caller's connection or stream: an answer that is cut
/// must not look complete.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", code.name())]
pub struct Cut {
    pub(crate) code: Code,
    pub(crate) why: String,
}

impl Cut {
    pub(crate) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}
