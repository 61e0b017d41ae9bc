//! What is wrong between settings that are each well formed: names that nobody has, keys from two sources, addresses
//! that would be open to everybody.

mod issuers;
mod listeners;
mod models;
mod names;
mod sections;
mod services;
mod sources;
mod urls;
mod warn;
mod webhooks;

pub use issuers::{ALGORITHMS, ISSUER_PRESETS};
pub use names::{AI_SERVICE, LOCAL_ISSUER};
pub use services::RESERVED_SEGMENTS;
pub use warn::warnings;

use crate::Config;
use crate::parse::Index;
use crate::place::Path;
use crate::tree::{Findings, Tree};
use portcullis_model::Span;

/// What is checked, and how to find it in the file.
pub struct Subject<'a> {
    pub config: &'a Config,
    pub index: &'a Index,
    pub tree: &'a Tree,
}

impl<'a> Subject<'a> {
    /// The elements of a list with their paths.
    fn each<T>(
        &self,
        key: &str,
        list: &'a [T],
        index: &'a [usize],
    ) -> impl Iterator<Item = (Path, &'a T)> + use<'a, T> {
        let path = Path::of(key);
        index.iter().zip(list).map(move |(i, element)| (path.index(*i), element))
    }
}

/// Runs all checks.
pub fn all(subject: &Subject<'_>, findings: &mut Findings) {
    sections::check(subject, findings);
    listeners::check(subject, findings);
    names::check(subject, findings);
    issuers::check(subject, findings);
    sources::check(subject, findings);
    models::check(subject, findings);
    services::check(subject, findings);
    webhooks::check(subject, findings);
}

/// A time that must be longer than none.
fn positive(span: Span, path: Path, findings: &mut Findings) {
    if span.0.is_zero() {
        let key = crate::shape::subject(&path);
        findings.value(path, format!("{key} must be longer than `0s`"), None);
    }
}
