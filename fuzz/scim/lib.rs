//! What is fuzzed of SCIM, and what has to hold for any input beyond "no panic": filters, and the paths of PATCH.
//!
//! `scripts/fuzz` hands the target to libFuzzer; the tests of `crates/control` include this file and replay the corpus.

use crate::scim::filter::{LONGEST, MOST_TERMS, Matcher, Narrow, parse, parse_path};
use crate::scim::schema::{GROUP, USER};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The target's corpus lies under `corpus/scim`.
pub const NAME: &str = "scim";

/// A filter, and a path.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    filter(text);
    path(text);
}

/// What is read is written so that it is read again as the same; what the database is asked leaves out nothing that the
/// filter wants, and where nothing is compared afterwards, lets through nothing that it does not.
fn filter(text: &str) {
    let Ok(filter) = parse(text) else { return };
    assert!(filter.terms() <= MOST_TERMS);
    let written = filter.to_string();
    if written.len() <= LONGEST {
        assert_eq!(parse(&written).as_ref(), Ok(&filter), "{written}");
    }
    for (kind, resources) in [(&USER, users()), (&GROUP, groups())] {
        let Ok(matcher) = Matcher::of(&filter, kind) else { continue };
        let narrow = Narrow::of(&matcher);
        for resource in resources {
            let (holds, asked) = (matcher.holds(resource), is_asked_for(&narrow, resource));
            assert!(asked || !holds, "the database would not give what is wanted: {written}");
            assert!(
                holds || !asked || !narrow.whole,
                "the database would give what is not wanted: {written}"
            );
        }
    }
}

/// The same of a path; and choosing by it ends.
fn path(text: &str) {
    let Ok(path) = parse_path(text) else { return };
    let written = path.to_string();
    if written.len() <= LONGEST {
        assert_eq!(parse_path(&written).as_ref(), Ok(&path), "{written}");
    }
    for (kind, resources) in [(&USER, users()), (&GROUP, groups())] {
        let found = kind.find(&path.attribute).and_then(|found| found.attribute);
        let (Some(attribute), Some(filter)) = (found, &path.filter) else { continue };
        let Ok(matcher) = Matcher::of_elements(filter, attribute) else { continue };
        for resource in resources {
            let elements = resource.get(attribute.name).and_then(Value::as_array).into_iter().flatten();
            elements.filter_map(Value::as_object).for_each(|element| {
                let _ = matcher.holds(element);
            });
        }
    }
}

/// Whether the database, asked so, would give a resource.
fn is_asked_for(narrow: &Narrow, resource: &Map<String, Value>) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    let exact =
        |wanted: &Option<String>, name| wanted.as_deref().is_none_or(|wanted| text(name) == Some(wanted));
    let folded = |wanted: &Option<String>, name| {
        wanted
            .as_deref()
            .is_none_or(|wanted| text(name).is_some_and(|text| text.eq_ignore_ascii_case(wanted)))
    };
    let mut members = resource.get("members").and_then(Value::as_array).into_iter().flatten();
    exact(&narrow.id, "id")
        && exact(&narrow.external_id, "externalId")
        && folded(&narrow.user_name, "userName")
        && folded(&narrow.display_name, "displayName")
        && narrow.active.is_none_or(|active| resource.get("active").and_then(Value::as_bool) == Some(active))
        && narrow.member.as_deref().is_none_or(|id| members.any(|member| member["value"] == id))
}

fn users() -> &'static [Map<String, Value>] {
    static USERS: OnceLock<Vec<Map<String, Value>>> = OnceLock::new();
    USERS.get_or_init(|| {
        maps(json!([
            {
                "id": "1", "userName": "Ada@example.com", "externalId": "E-1", "active": true, "displayName": "Ada", "title": "",
                "name": { "familyName": "Lovelace", "givenName": "Ada" },
                "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }, { "value": "a@home.example" }],
                "meta": { "created": "2026-11-22T08:00:00Z", "lastModified": "2026-11-22T08:00:00Z" },
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engines", "manager": { "value": "2" } },
            },
            { "id": "2", "userName": "bob", "active": false, "groups": [{ "value": "3", "type": "direct" }] },
        ]))
    })
}

fn groups() -> &'static [Map<String, Value>] {
    static GROUPS: OnceLock<Vec<Map<String, Value>>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        maps(json!([
            { "id": "3", "displayName": "Devs", "externalId": "G-3", "members": [{ "value": "1", "type": "User" }, { "value": "2" }] },
            { "id": "4", "displayName": "empty" },
        ]))
    })
}

fn maps(list: Value) -> Vec<Map<String, Value>> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| one.as_object().cloned()).collect()
}
