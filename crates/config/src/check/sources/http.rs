//! HTTP sources: where the subject goes, and where the person is in the answer.

use super::field;
use crate::check::models::{egress, header};
use crate::check::urls;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::ByteSize;
use portcullis_model::source::{HttpMethod, HttpSource};
use std::collections::BTreeMap;

/// What a template may be filled in with.
const PLACES: [&str; 3] = ["subject", "issuer", "tenant"];
/// The same, where a person is asked for by the key.
const PLACES_BY_KEY: [&str; 3] = ["key", "issuer", "tenant"];

/// The most that is read of one answer: it is about one person.
const MOST: ByteSize = ByteSize(4 << 20);

pub fn check(http: &HttpSource, at: &Path, findings: &mut Findings) {
    urls::trusted(&http.url, &at.key("url"), findings);
    let asked = Question { path: &http.path, query: &http.query, body: &http.body };
    if !asked.check(&PLACES, http.method, at, findings) {
        findings.key(
            at.clone(),
            "nothing here has `{subject}` in it: everybody would be found",
            Some("put it where the service expects it, as `query = { login = \"{subject}\" }`".to_owned()),
        );
    }
    if let Some(by_key) = &http.by_key {
        let asked = Question { path: &by_key.path, query: &by_key.query, body: &by_key.body };
        let at = at.key("by_key");
        if !asked.check(&PLACES_BY_KEY, http.method, &at, findings) {
            findings.value(
                at,
                "nothing in `by_key` has `{key}` in it: everybody would be found",
                Some("put it where the service expects it, as `by_key = { path = [\"{key}\"] }`"),
            );
        }
    }
    for (name, value) in &http.headers {
        header(name, value, at.key("headers").key(name), findings);
    }
    if let Some(name) = &http.credential_header {
        if http.credential.is_none() {
            findings.value(at.key("credential_header"), "`credential_header` needs `credential`", None);
        } else if !crate::check::services::field_name(name) {
            let message = format!("`{}` is not the name of a header", shown(name));
            findings.value(at.key("credential_header"), message, None);
        }
    }
    pointer(&http.people, at.key("people"), findings);
    if !http.fields.contains_key("key") {
        findings.value(
            at.key("fields"),
            "`fields` has no `key`: what identifies a person there for good",
            Some("write it as `fields = { key = \"/id\", username = \"/login\" }`"),
        );
    }
    for (name, text) in &http.fields {
        field(name, at.key("fields").key(name), findings);
        pointer(text, at.key("fields").key(name), findings);
    }
    if http.max_body > MOST || http.max_body.0 == 0 {
        let message = format!("`max_body` must be from `1B` to `{MOST}`, not `{}`", http.max_body);
        findings.value(at.key("max_body"), message, None);
    }
    egress(&http.http, &at.key("http"), findings);
}

/// Where a service is asked about a person.
struct Question<'h> {
    path: &'h [String],
    query: &'h BTreeMap<String, String>,
    body: &'h BTreeMap<String, String>,
}

impl Question<'_> {
    /// Whether it asks about one person: the first of the places is in it.
    fn check(&self, places: &[&str; 3], method: HttpMethod, at: &Path, findings: &mut Findings) -> bool {
        let mut asks = false;
        let segments = self.path.iter().enumerate().map(|(i, text)| (at.key("path").index(i), text));
        let query = self.query.iter().map(|(name, text)| (at.key("query").key(name), text));
        let body = self.body.iter().map(|(name, text)| (at.key("body").key(name), text));
        for (at, text) in segments.chain(query).chain(body) {
            asks |= template(text, places, at, findings);
        }
        if method == HttpMethod::Get && !self.body.is_empty() {
            findings.value(
                at.key("body"),
                "a `GET` has no body",
                Some("set `method = \"POST\"`, or use `query`"),
            );
        }
        for (i, segment) in self.path.iter().enumerate() {
            if segment.is_empty() {
                findings.value(at.key("path").index(i), "a segment of the path is empty", None);
            }
        }
        asks
    }
}

/// Whether the first of the places is in a template.
fn template(text: &str, places: &[&str; 3], at: Path, findings: &mut Findings) -> bool {
    let mut rest = text;
    let mut asks = false;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            findings.value(at, format!("a `{{` is not closed: `{}`", shown(text)), None);
            return asks;
        };
        if !places.contains(&name) {
            let [first, second, third] = places;
            let help = format!("there are `{{{first}}}`, `{{{second}}}` and `{{{third}}}`");
            findings.value(
                at.clone(),
                format!("there is nothing to fill in for `{{{}}}`", shown(name)),
                Some(&help),
            );
        }
        asks |= name == places[0];
        rest = after;
    }
    asks
}

fn pointer(text: &str, at: Path, findings: &mut Findings) {
    if !text.is_empty() && !text.starts_with('/') {
        let help = format!("write it as `/{}`", shown(text));
        findings.value(at, format!("a JSON pointer begins with `/`: `{}`", shown(text)), Some(&help));
    }
}
