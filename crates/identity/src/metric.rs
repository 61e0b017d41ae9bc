//! The metrics of this crate: their names in one place, handles made once where they are used often.

use metrics::{Counter, counter, gauge};
use portcullis_fault::Code;

/// What became of look-ups of one kind.
pub(crate) struct Lookups {
    pub hits: Counter,
    pub misses: Counter,
    pub stale: Counter,
    pub failures: Counter,
    pub overloaded: Counter,
}

impl Lookups {
    pub fn new(kind: &str) -> Self {
        let of = |outcome: &'static str| counter!("portcullis_resolution_lookups_total", "kind" => kind.to_owned(), "outcome" => outcome);
        Self {
            hits: of("hit"),
            misses: of("miss"),
            stale: of("stale"),
            failures: of("failure"),
            overloaded: of("overloaded"),
        }
    }
}

/// Tokens that were verified, and from where.
pub(crate) struct Tokens {
    pub remembered: Counter,
    pub verified: Counter,
    /// Encrypted ones that a key of ours opened, and that none did.
    pub opened: Counter,
    pub unopened: Counter,
}

impl Tokens {
    pub fn new() -> Self {
        let of = |how: &'static str| counter!("portcullis_tokens_verified_total", "how" => how);
        let decrypted =
            |outcome: &'static str| counter!("portcullis_tokens_decrypted_total", "outcome" => outcome);
        Self {
            remembered: of("remembered"),
            verified: of("signature"),
            opened: decrypted("opened"),
            unopened: decrypted("unopened"),
        }
    }
}

/// Tokens that are for one call.
pub(crate) struct Uses {
    /// Let their call in.
    pub used: Counter,
    /// Had let one in before.
    pub replayed: Counter,
    /// The database could not say.
    pub unavailable: Counter,
}

impl Uses {
    pub fn new() -> Self {
        let of = |outcome: &'static str| counter!("portcullis_single_use_tokens_total", "outcome" => outcome);
        Self { used: of("used"), replayed: of("replayed"), unavailable: of("unavailable") }
    }
}

/// A credential was refused.
pub(crate) fn refused(stage: &'static str, code: Code) {
    counter!("portcullis_identity_refusals_total", "stage" => stage, "code" => code.name()).increment(1);
}

/// A key set was fetched, or not.
pub(crate) fn fetched(issuer: &str, outcome: &'static str) {
    counter!("portcullis_jwks_fetches_total", "issuer" => issuer.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// How old the key set in use is, in seconds, and whether it is past its life.
pub(crate) fn key_set(issuer: &str, age_seconds: f64, stale: bool, keys: usize) {
    gauge!("portcullis_jwks_age_seconds", "issuer" => issuer.to_owned()).set(age_seconds);
    gauge!("portcullis_jwks_stale", "issuer" => issuer.to_owned()).set(if stale { 1.0 } else { 0.0 });
    #[expect(clippy::cast_precision_loss, reason = "a key set has at most some hundred keys")]
    gauge!("portcullis_jwks_keys", "issuer" => issuer.to_owned()).set(keys as f64);
}
