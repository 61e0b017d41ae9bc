//! The kinds of user source: one file and one line each.

use super::foreign::Foreign;
use super::{http, ldap, sql};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Source};
use portcullis_net::egress::Egress;
use std::sync::Arc;

/// What a source is made of beside its configuration.
pub struct Parts<'p> {
    /// The way out.
    pub egress: &'p Egress,
    /// Secrets by reference.
    pub secrets: &'p dyn SecretSource,
    /// The time.
    pub clock: &'p Arc<dyn Clock>,
}

/// Which setting is wrong, below the source, and what to do.
pub type Wrong = (String, String);

/// Makes a source of one kind, if the configuration is of this kind. Asks nobody: the source need not be up.
pub type Open = fn(&Source, &Parts<'_>) -> Option<Result<Arc<dyn Foreign>, Wrong>>;

/// Every kind.
pub const KINDS: &[Open] = &[sql::open, http::open, ldap::open];

/// Makes the source.
///
/// # Errors
/// What is wrong with its configuration or its files.
pub fn open(source: &Source, parts: &Parts<'_>) -> Result<Arc<dyn Foreign>, Wrong> {
    KINDS.iter().find_map(|open| open(source, parts)).unwrap_or_else(|| {
        Err((String::new(), "the source is of no kind; give one of `sql`, `http` and `ldap`".to_owned()))
    })
}
