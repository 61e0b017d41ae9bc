//! What goes wrong: a request that cannot be carried out ([`Problem`]), and a token that does not count ([`Refusal`]).

use crate::answer::Refused;
use portcullis_fault::{Code, Fault, codes};
use portcullis_identity::Catalogued;
use portcullis_jose::jwe::{self, DecryptError, EncryptError};
use portcullis_jose::jwk::ChainError;
use portcullis_jose::jws::{PolicyError, SignError};
use portcullis_jose::{KeyError, ParseError, SignatureError, Violation};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// A request that cannot be carried out. Never holds a token, a key or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable: scripts may rely on it.
    pub name: &'static str,
    /// The code of the catalogue that it belongs to. What a token is refused with there is a 401; here it is a request
    /// that is wrong ([`Problem::answered`]).
    pub code: Code,
    /// Which member of the request, as `keys[0]`; empty where it is the request as a whole.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub next: Cow<'static, str>,
}

impl Problem {
    pub(crate) fn new(
        name: &'static str,
        code: Code,
        place: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name, code, place: place.into(), message: message.into(), next: next.into() }
    }

    /// A member of the request has the wrong form.
    pub(crate) fn invalid(
        name: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(name, codes::PARAMETER_INVALID, place, message, next)
    }

    /// What the library says about something that was given.
    pub(crate) fn of(
        error: &impl Known,
        place: impl Into<String>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(error.known_as(), error.code(), place, error.to_string(), next)
    }

    /// The code of an HTTP answer: that the caller's token or key is no good says nothing about who calls, so it is no
    /// 401 here.
    pub fn answered(&self) -> Code {
        if self.code.status() == 401 { codes::PARAMETER_INVALID } else { self.code }
    }
}

impl fmt::Display for Problem {
    /// `keys[0]`: what; what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "`{}`: ", self.place)?;
        }
        write!(f, "{}", self.message)?;
        if !self.next.is_empty() {
            write!(f, "; {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused(Fault::new(problem.answered()).detail(format!("{problem} ({})", problem.name)))
    }
}

/// Why a token, a signature or a claim does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Refusal {
    /// Stable: scripts may rely on it.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// The code of the catalogue under which a gateway refuses it; its page is at `/errors/{code}`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The byte where it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
}

impl Refusal {
    pub(crate) fn new(name: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self { name, code: code.name(), message: message.into(), at: None }
    }

    pub(crate) fn of(error: &impl Known) -> Self {
        Self { at: error.offset(), ..Self::new(error.known_as(), error.code(), error.to_string()) }
    }
}

/// An error of the library: with a stable name and a place in the catalogue.
pub(crate) trait Known: Catalogued + fmt::Display {
    fn known_as(&self) -> &'static str;

    fn offset(&self) -> Option<usize> {
        None
    }
}

macro_rules! known {
    ($($error:ty),+) => {
        $(impl Known for $error {
            fn known_as(&self) -> &'static str {
                self.name()
            }
        })+
    };
}

known!(KeyError, SignatureError, DecryptError, EncryptError, SignError, Violation, ChainError, PolicyError);

impl Known for ParseError {
    fn known_as(&self) -> &'static str {
        self.name()
    }

    fn offset(&self) -> Option<usize> {
        ParseError::offset(self)
    }
}

impl Known for jwe::ParseError {
    fn known_as(&self) -> &'static str {
        self.name()
    }

    fn offset(&self) -> Option<usize> {
        jwe::ParseError::offset(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_token_in_a_request_is_no_bad_credential() {
        let problem = Problem::of(&ParseError::Parts(2), "token", "copy the whole token");
        assert_eq!((problem.code, problem.answered()), (codes::TOKEN_MALFORMED, codes::PARAMETER_INVALID));
        assert_eq!(
            problem.to_string(),
            "`token`: token has 2 parts separated by dots instead of 3; copy the whole token"
        );
        let internal = Problem::of(&SignError::Library, "", "");
        assert_eq!(internal.answered(), codes::INTERNAL);
    }
}
