//! What a token has to say before it is believed, as a value: [`Rules`].
//!
//! The signature says who speaks; the rules say whether it is meant for us, now. They are cheap to evaluate and have
//! to be evaluated on every use, because time passes and configuration changes while a verified token is remembered.

mod check;
mod issuers;
mod violation;

pub use check::Check;
pub use issuers::{Issuers, Refused};
pub use violation::{SubjectFault, Violation};

use crate::jwa::Algs;

/// Which kind of token is expected, and so which `typ` is accepted (RFC 8725 §3.11: one kind must not pass for
/// another).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Any plain JWT: `typ` absent, `JWT` or `at+jwt`. Kinds with a meaning of their own (`dpop+jwt`, `logout+jwt`,
    /// `secevent+jwt`, …) are refused unless listed in [`Rules::types`].
    #[default]
    Generic,
    /// Access tokens of RFC 9068: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`, `jti` are there.
    Rfc9068,
    /// `typ` is there and is one of [`Rules::types`]: for every other kind of token (`dpop+jwt`, `logout+jwt`, …), so that
    /// no access token passes for one.
    Listed,
}

/// What `sub` has to be (RFC 7519 §4.1.2: a string).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectForm {
    /// Anything, or not there: whoever asks for it looks at it.
    #[default]
    Any,
    /// A string that is not empty.
    Text,
    /// A string that is not empty, or a whole number, as some issuers send it.
    TextOrNumber,
}

/// Which audience is expected, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceRule {
    /// The claim: `aud`, or another where the issuer writes no `aud`.
    pub claim: Box<str>,
    /// One of these must be presented. Exact, case-sensitive. Empty: nobody is meant, everything is refused.
    pub accepted: Vec<Box<str>>,
}

/// What is expected of a token.
///
/// The default expects `exp` and nothing else, allows no clock difference, and does not look at `alg`: that was
/// compared with the allow-list when the signature was verified. State [`algorithms`](Self::algorithms) here when the
/// list can change while verified tokens are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The only `iss` accepted; exact. `None`: any text, or none.
    pub issuer: Option<Box<str>>,
    /// The audience expected. `None`: not looked at.
    pub audience: Option<AudienceRule>,
    /// The algorithms allowed. `None`: not looked at again.
    pub algorithms: Option<Algs>,
    /// Which kind of token.
    pub profile: Profile,
    /// Further accepted values of `typ`, for issuers with one of their own.
    pub types: Vec<Box<str>>,
    /// Claims that must be there and not `null`.
    pub required: Vec<Box<str>>,
    /// What `sub` has to be.
    pub subject: SubjectForm,
    /// Whether a token must expire. Turning it off makes tokens that live for ever acceptable.
    pub exp_required: bool,
    /// Clock difference tolerated on `exp`, `nbf`, `iat` and age, in microseconds.
    pub leeway_micros: u64,
    /// The greatest age since `iat`, in microseconds. With it, `iat` is required.
    pub max_age_micros: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            algorithms: None,
            profile: Profile::Generic,
            types: Vec::new(),
            required: Vec::new(),
            subject: SubjectForm::Any,
            exp_required: true,
            leeway_micros: 0,
            max_age_micros: None,
        }
    }
}

impl Rules {
    /// The default: `exp` is required and everything else is up to you.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects exactly this `iss`.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Expects one of these in `aud`.
    #[must_use]
    pub fn audiences<A: Into<Box<str>>>(self, accepted: impl IntoIterator<Item = A>) -> Self {
        self.audiences_in("aud", accepted)
    }

    /// Expects one of these in another claim than `aud`.
    #[must_use]
    pub fn audiences_in<A: Into<Box<str>>>(
        mut self,
        claim: impl Into<Box<str>>,
        accepted: impl IntoIterator<Item = A>,
    ) -> Self {
        let accepted = accepted.into_iter().map(Into::into).collect();
        self.audience = Some(AudienceRule { claim: claim.into(), accepted });
        self
    }

    /// Allows only these algorithms, whatever was allowed when the token was verified.
    #[must_use]
    pub fn algorithms(mut self, allowed: Algs) -> Self {
        self.algorithms = Some(allowed);
        self
    }

    /// Expects this kind of token.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Accepts this `typ` too.
    #[must_use]
    pub fn also_type(mut self, typ: impl Into<Box<str>>) -> Self {
        self.types.push(typ.into());
        self
    }

    /// Requires a claim.
    #[must_use]
    pub fn require(mut self, claim: impl Into<Box<str>>) -> Self {
        self.required.push(claim.into());
        self
    }

    /// Expects `sub` in this form.
    #[must_use]
    pub fn subject(mut self, form: SubjectForm) -> Self {
        self.subject = form;
        self
    }

    /// Tolerates this clock difference.
    #[must_use]
    pub fn leeway(mut self, leeway: std::time::Duration) -> Self {
        self.leeway_micros = micros(leeway);
        self
    }

    /// Refuses tokens issued longer ago.
    #[must_use]
    pub fn max_age(mut self, age: std::time::Duration) -> Self {
        self.max_age_micros = Some(micros(age));
        self
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
