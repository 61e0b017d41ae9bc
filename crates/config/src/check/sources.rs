//! User sources: of one kind each, with everything that a look-up needs, and used by issuers of the same tenant.

mod http;
mod ldap;
mod sql;

use super::{Subject, positive};
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::Issuer;
use portcullis_model::issuer::{SubjectRule, TenantRule, UnknownUser};
use portcullis_model::source::FIELDS;
use std::time::Duration;

/// A caller waits for a look-up; longer than this nobody should.
const LONGEST: Duration = Duration::from_secs(30);

/// A source is not read over and over without a pause.
const SHORTEST_SYNC: Duration = Duration::from_secs(10);

/// What the keys of a source's people are linked under in the directory begins so.
const RESERVED: &str = "source:";

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let (config, index) = (subject.config, subject.index);
    for (at, source) in subject.each("sources", &config.sources, &index.sources) {
        match source.kinds().as_slice() {
            [_] => {}
            [] => findings.key(
                at.clone(),
                format!(
                    "`{}` is of no kind: one of these is missing in `[[sources]]`: `sql`, `http`, `ldap`",
                    source.name
                ),
                Some("write `sql = { … }`, `http = { … }` or `ldap = { … }`".to_owned()),
            ),
            [_, second, ..] => findings.key(
                at.key(second),
                format!("a source is of one kind, and `{}` is of several", source.name),
                Some("make another source of the second".to_owned()),
            ),
        }
        positive(source.timeout, at.key("timeout"), findings);
        if source.timeout.0 > LONGEST {
            findings.value(
                at.key("timeout"),
                format!("`timeout` is at most `30s`, not `{}`", source.timeout),
                Some("a caller waits for it; a source that is slower is made faster"),
            );
        }
        if source.name.as_str().len() > 100 {
            findings.value(at.key("name"), "the name of a source has at most 100 characters", None);
        }
        positive(source.breaker.open, at.key("breaker").key("open"), findings);
        if let Some(part) = &source.sql {
            sql::check(part, &at.key("sql"), findings);
        }
        if let Some(part) = &source.http {
            http::check(part, &at.key("http"), findings);
        }
        if let Some(part) = &source.ldap {
            ldap::check(part, &at.key("ldap"), findings);
        }
        if let Some(sync) = &source.sync {
            let at = at.key("sync");
            for (key, span) in [("every", sync.every), ("full_every", sync.full_every)] {
                if span.0 < SHORTEST_SYNC {
                    findings.value(at.key(key), format!("`{key}` is at least `10s`, not `{span}`"), None);
                }
            }
            if sync.most_deleted > 100 {
                findings.value(
                    at.key("most_deleted"),
                    "`most_deleted` is a share in per cent: at most 100",
                    None,
                );
            }
            if source.http.is_some() {
                findings.key(
                    at,
                    "an HTTP source cannot list its people, and so is not synchronised",
                    Some("take `sync` out".to_owned()),
                );
            }
        }
    }
    for (at, issuer) in subject.each("issuers", &config.issuers, &index.issuers) {
        if issuer.name.as_str().starts_with(RESERVED) {
            findings.value(
                at.key("name"),
                format!(
                    "names of issuers do not begin with `{RESERVED}`: the people of user sources are known so"
                ),
                Some("choose another"),
            );
        }
        used(subject, issuer, &at, findings);
    }
}

/// An issuer whose subjects are looked up in a source.
fn used(subject: &Subject<'_>, issuer: &Issuer, at: &Path, findings: &mut Findings) {
    let rule = &issuer.subject;
    let Some(name) = &rule.source else { return };
    let rule_at = at.key("subject");
    let otherwise = SubjectRule::default();
    for (key, given) in [
        ("attribute", rule.attribute != otherwise.attribute),
        ("unknown", rule.unknown != UnknownUser::Reject),
        ("fallback", !rule.fallback.is_empty()),
        ("create", !rule.create.is_empty()),
    ] {
        if given {
            findings.value(
                rule_at.key(key),
                format!("`{key}` has no effect with `source`: the source says who somebody is"),
                Some("take it out"),
            );
        }
    }
    let Some(source) = subject.config.sources.iter().find(|source| source.name == *name) else { return };
    let tenants = match &issuer.tenant {
        TenantRule::Named(name) => vec![name],
        TenantRule::Mapped(map) => map.map.values().collect(),
    };
    if let Some(other) = tenants.into_iter().find(|tenant| **tenant != source.tenant) {
        let message = format!(
            "the people of source `{name}` are users of tenant `{}`, and this issuer's are of `{}`",
            shown(source.tenant.as_str()),
            shown(other.as_str())
        );
        findings.value(rule_at.key("source"), message, Some("make a source of its own for each tenant"));
    }
}

/// A field of a person that is mapped.
fn field(name: &str, at: Path, findings: &mut Findings) {
    if FIELDS.contains(&name) || name.strip_prefix("attributes.").is_some_and(|name| !name.is_empty()) {
        return;
    }
    let known = FIELDS.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
    let help = nearest(name, FIELDS).map_or_else(
        || format!("known: {known} and `attributes.<name>`"),
        |meant| format!("did you mean `{meant}`?"),
    );
    findings.value(at, format!("a person has no field `{}`", shown(name)), Some(&help));
}
