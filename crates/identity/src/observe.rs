//! What a check finds out along its way, for whoever wants to know: the record of the call, or the doctor.
//!
//! The observer is a type parameter: the request path passes one that fills its record, tests pass `()`, and nobody
//! pays for what is not looked at. Observers are told facts; they decide nothing.

use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::{Alg, Header};
use portcullis_model::record::TokenFacts;
use portcullis_model::{ApiKeyId, Application, Name, Tenant, User};
use std::sync::Arc;

use crate::authenticate::{CredentialKind, Place};
use crate::lookup::Freshness;

/// Whether a check may leave traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// An ordinary call: caches are filled, keys fetched, unknown users made where the rule says so.
    Live,
    /// An explanation: fills no cache, makes nobody, spends no fetch budget. It may ask the directory.
    Dry,
}

impl Effects {
    /// Whether traces may be left.
    pub const fn live(self) -> bool {
        matches!(self, Self::Live)
    }
}

/// Takes note of facts as they become known, also on the way to a refusal.
pub trait Observer: Send {
    /// Takes note of one.
    fn note(&mut self, fact: Fact<'_>);
}

/// Takes note of nothing, at no cost.
impl Observer for () {
    #[inline]
    fn note(&mut self, _: Fact<'_>) {}
}

impl<O: Observer> Observer for &mut O {
    #[inline]
    fn note(&mut self, fact: Fact<'_>) {
        (**self).note(fact);
    }
}

/// Something that became known. In about the order in which it does.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// Where the credential was and what it looks like.
    Credential {
        /// Where.
        place: Place,
        /// What it looks like.
        kind: CredentialKind,
    },
    /// The token is well-formed; this is what may be kept of it. Not verified yet.
    Token(&'a Arc<TokenFacts>),
    /// The token came encrypted, and a key of ours opened it. What was inside is noted as any token is.
    Opened {
        /// The key's own id.
        kid: Option<&'a str>,
        /// How the content key came.
        alg: KeyManagement,
        /// How the content was encrypted.
        enc: Enc,
    },
    /// The token's protected header. Not verified yet.
    Header(&'a Header),
    /// The configured issuer that the token names.
    Issuer(&'a Name),
    /// The token was verified before with the same key of the same key set.
    TokenRemembered,
    /// A key set was fetched, or would have been, because of this token.
    KeySetAsked {
        /// Why.
        reason: &'static str,
        /// What came of it.
        outcome: &'static str,
    },
    /// The signature counts, with this key.
    Signed {
        /// The key's own id.
        kid: Option<&'a str>,
        /// The algorithm.
        alg: Alg,
    },
    /// The API key that was presented exists. Its secret may still be wrong.
    ApiKey(ApiKeyId),
    /// The tenant that the credential belongs to.
    Tenant(&'a Arc<Tenant>),
    /// The token is a machine's; its client id.
    Machine {
        /// The client id that the token names.
        client: &'a str,
        /// The claim that told, with dots.
        claim: &'a str,
    },
    /// The subject that is looked up: the value after normalisation, and as what.
    Subject {
        /// What the value is taken for: `identity`, `id`, `external_id`, `username`, `attributes.<name>`.
        attribute: &'a str,
        /// The value that was asked for.
        value: &'a str,
    },
    /// The directory has answered, or the cache has.
    Resolved {
        /// `active`, `pending`, `suspended`, `deleted`, `unknown`, `ambiguous`, `unavailable`, ….
        outcome: &'static str,
        /// From where.
        freshness: Freshness,
    },
    /// The user that the subject stands for, whatever its status.
    User(&'a Arc<User>),
    /// The token leaves out its groups, which would stand for something.
    GroupsOverage {
        /// How that shows: `_claim_names`, `hasgroups`, ….
        shown_by: &'static str,
    },
    /// The application that calls.
    Application(&'a Arc<Application>),
}
