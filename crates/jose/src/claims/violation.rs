//! One way in which a token is not what was expected, with both sides of the comparison.

use std::fmt;

use super::Check;
use crate::json::Kind;
use crate::jwa::Algs;
use crate::jwt::TimeFault;

/// A rule that a token breaks. Times are microseconds since 1970.
///
/// Presented values are the token's own words, cut to a bounded length: facts for a record, not for a caller's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The algorithm is not, or no longer, allowed.
    Algorithm {
        /// What is allowed.
        allowed: Algs,
        /// What the header says.
        presented: Box<str>,
    },
    /// No `iss`.
    IssuerMissing {
        /// The issuer expected.
        expected: Box<str>,
    },
    /// `iss` is no string.
    IssuerMalformed {
        /// What it is.
        found: Kind,
    },
    /// Another issuer: a token of another environment, or the URL differs in case, port or a final slash.
    Issuer {
        /// The issuer expected.
        expected: Box<str>,
        /// What the token says.
        presented: Box<str>,
    },
    /// A time that is required is not there.
    TimeMissing {
        /// `exp` or `iat`.
        claim: &'static str,
    },
    /// A time is there and is no NumericDate. Never read as "no limit".
    TimeMalformed {
        /// `exp`, `nbf` or `iat`.
        claim: &'static str,
        /// What is wrong with it.
        fault: TimeFault,
    },
    /// `exp` has passed.
    Expired {
        /// When it expired.
        exp: i64,
        /// The time it was checked at.
        now: i64,
        /// The clock difference tolerated.
        leeway: u64,
    },
    /// `nbf` lies ahead.
    NotYetValid {
        /// When it becomes valid.
        nbf: i64,
        /// The time it was checked at.
        now: i64,
        /// The clock difference tolerated.
        leeway: u64,
    },
    /// `iat` lies ahead: the issuer's clock is fast, or ours slow.
    IssuedInFuture {
        /// When it says it was issued.
        iat: i64,
        /// The time it was checked at.
        now: i64,
        /// The clock difference tolerated.
        leeway: u64,
    },
    /// Issued longer ago than is accepted, though perhaps not expired.
    TooOld {
        /// When it was issued.
        iat: i64,
        /// The time it was checked at.
        now: i64,
        /// The age accepted.
        max_age: u64,
    },
    /// The claim that should name the audience is not there.
    AudienceMissing {
        /// The claim.
        claim: Box<str>,
        /// What would be accepted.
        expected: Vec<Box<str>>,
    },
    /// The claim that should name the audience is neither a string nor a list of strings.
    AudienceMalformed {
        /// The claim.
        claim: Box<str>,
        /// What it is.
        found: Kind,
    },
    /// Meant for somebody else.
    Audience {
        /// The claim.
        claim: Box<str>,
        /// What would be accepted.
        expected: Vec<Box<str>>,
        /// Whom the token names.
        presented: Vec<Box<str>>,
    },
    /// Another kind of token: an ID token, a DPoP proof, a logout token.
    Type {
        /// What would be accepted.
        expected: Vec<Box<str>>,
        /// `typ`, if there is one.
        presented: Option<Box<str>>,
    },
    /// A claim that is required is not there, or `null`.
    ClaimMissing {
        /// The claim.
        claim: Box<str>,
    },
    /// `sub` has not the form that is expected.
    Subject {
        /// What is wrong with it.
        fault: SubjectFault,
    },
}

/// What is wrong with a `sub`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectFault {
    /// It is not there.
    Missing,
    /// A string without characters.
    Empty,
    /// Something else than a string.
    Is(Kind),
}

impl Violation {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Algorithm { .. } => "algorithm_not_allowed",
            Self::IssuerMissing { .. } => "issuer_missing",
            Self::IssuerMalformed { .. } => "issuer_malformed",
            Self::Issuer { .. } => "issuer_mismatch",
            Self::TimeMissing { .. } => "time_missing",
            Self::TimeMalformed { .. } => "time_malformed",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::TooOld { .. } => "too_old",
            Self::AudienceMissing { .. } => "audience_missing",
            Self::AudienceMalformed { .. } => "audience_malformed",
            Self::Audience { .. } => "audience_mismatch",
            Self::Type { .. } => "type_mismatch",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::Subject { fault: SubjectFault::Missing | SubjectFault::Empty } => "subject_missing",
            Self::Subject { fault: SubjectFault::Is(_) } => "subject_malformed",
        }
    }

    /// Which check found it.
    pub fn check(&self) -> Check {
        match self {
            Self::Algorithm { .. } => Check::Algorithm,
            Self::IssuerMissing { .. } | Self::IssuerMalformed { .. } | Self::Issuer { .. } => Check::Issuer,
            Self::TimeMissing { .. }
            | Self::TimeMalformed { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TooOld { .. } => Check::Time,
            Self::AudienceMissing { .. } | Self::AudienceMalformed { .. } | Self::Audience { .. } => {
                Check::Audience
            }
            Self::Type { .. } => Check::Type,
            Self::ClaimMissing { .. } => Check::Required,
            Self::Subject { .. } => Check::Subject,
        }
    }
}

/// The longest piece of a presented value that is kept.
const PRESENTED: usize = 256;

/// How many presented audiences are kept.
const PRESENTED_COUNT: usize = 16;

/// A presented value, cut.
pub(super) fn presented(text: &str) -> Box<str> {
    text.chars().take(PRESENTED).collect()
}

/// Presented values, cut.
pub(super) fn presented_list<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    texts.take(PRESENTED_COUNT).map(presented).collect()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm { allowed, presented } => {
                write!(f, "algorithm is not allowed: allowed {allowed}, presented {}", quoted(presented))
            }
            Self::IssuerMissing { expected } => write!(f, "`iss` is missing: expected {}", quoted(expected)),
            Self::IssuerMalformed { found } => write!(f, "`iss` is {found} instead of a string"),
            Self::Issuer { expected, presented } => {
                write!(
                    f,
                    "`iss` does not match: expected {}, presented {}",
                    quoted(expected),
                    quoted(presented)
                )
            }
            Self::TimeMissing { claim } => write!(f, "`{claim}` is missing"),
            Self::TimeMalformed { claim, fault } => write!(f, "`{claim}` is no date: {fault}"),
            Self::Expired { exp, now, leeway } => {
                write!(f, "expired {} s ago, leeway {} s", seconds(now - exp), seconds_of(*leeway))
            }
            Self::NotYetValid { nbf, now, leeway } => {
                write!(f, "not valid for another {} s, leeway {} s", seconds(nbf - now), seconds_of(*leeway))
            }
            Self::IssuedInFuture { iat, now, leeway } => {
                write!(f, "issued {} s in the future, leeway {} s", seconds(iat - now), seconds_of(*leeway))
            }
            Self::TooOld { iat, now, max_age } => {
                write!(f, "issued {} s ago, accepted for {} s", seconds(now - iat), seconds_of(*max_age))
            }
            Self::AudienceMissing { claim, expected } => {
                write!(f, "`{claim}` is missing: expected {}", list(expected))
            }
            Self::AudienceMalformed { claim, found } => {
                write!(f, "`{claim}` is {found} instead of a string or a list of strings")
            }
            Self::Audience { claim, expected, presented } => {
                write!(
                    f,
                    "`{claim}` does not match: expected {}, presented {}",
                    list(expected),
                    list(presented)
                )
            }
            Self::Type { expected, presented } => {
                let presented = presented.as_deref().map_or("none".to_owned(), quoted);
                write!(f, "`typ` does not match: expected {}, presented {presented}", list(expected))
            }
            Self::ClaimMissing { claim } => write!(f, "required claim is missing: `{claim}`"),
            Self::Subject { fault: SubjectFault::Missing } => f.write_str("`sub` is missing"),
            Self::Subject { fault: SubjectFault::Empty } => f.write_str("`sub` is empty"),
            Self::Subject { fault: SubjectFault::Is(kind) } => {
                write!(f, "`sub` is {kind} instead of a string")
            }
        }
    }
}

impl std::error::Error for Violation {}

fn quoted(text: &str) -> String {
    format!("`{}`", text.escape_debug())
}

fn list(texts: &[Box<str>]) -> String {
    if texts.is_empty() {
        return "nothing".to_owned();
    }
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

fn seconds(micros: i64) -> i64 {
    micros / 1_000_000
}

fn seconds_of(micros: u64) -> u64 {
    micros / 1_000_000
}
