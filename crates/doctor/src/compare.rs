//! Two things beside each other: a good token and a bad one, and the configuration of two instances.

use crate::case::{Case, Course};
use crate::report::Difference;
use crate::words::quoted;
use portcullis_jose::Unverified;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The good token and the one asked about, in every respect that the path of a call looks at; what differs first.
pub(crate) fn tokens((text, good): (&str, &Course), case: &Case) -> Vec<Difference> {
    let parsed = Unverified::parse(text).ok();
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let header = json(parsed.as_ref().map(Unverified::header_json));
    let claims = json(parsed.as_ref().map(|token| token.claimed().json().to_owned()));
    let mut rows = vec![
        row("outcome", outcome(good), outcome(&case.course)),
        row("issuer", issuer(good), issuer(&case.course)),
        row("tenant", tenant(good), tenant(&case.course)),
        row("key", key(good), key(&case.course)),
        row("rule", rule(good, case), rule(&case.course, case)),
        row("user", user(good), user(&case.course)),
    ];
    rows.extend(members("header", header.as_ref(), case.header.as_ref()));
    rows.extend(members("claims", claims.as_ref(), case.claims.as_ref()));
    rows.sort_by_key(|row| !row.differs);
    rows
}

fn row(what: &str, good: String, bad: String) -> Difference {
    Difference { what: what.to_owned(), differs: good != bad, good, bad }
}

fn outcome(course: &Course) -> String {
    course.refusal.as_ref().map_or_else(|| "accepted".to_owned(), |refusal| refusal.code.clone())
}

fn issuer(course: &Course) -> String {
    course.seen.issuer.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn tenant(course: &Course) -> String {
    course.seen.tenant.as_ref().map_or_else(|| "-".to_owned(), |tenant| tenant.name.to_string())
}

fn key(course: &Course) -> String {
    let signed = course.seen.signed.as_ref();
    signed
        .map_or_else(|| "-".to_owned(), |(kid, alg)| format!("{} ({alg})", kid.as_deref().unwrap_or("none")))
}

fn rule(course: &Course, case: &Case) -> String {
    let looked = course.caller.as_ref().and_then(|caller| case.identity.looked(caller)?.ok());
    looked.map_or_else(|| "-".to_owned(), |looked| format!("{} as {}", looked.claim, looked.attribute))
}

fn user(course: &Course) -> String {
    course.seen.user.as_ref().map_or_else(|| "-".to_owned(), |user| format!("{} ({})", user.id, user.status))
}

fn members(of: &str, good: Option<&Value>, bad: Option<&Value>) -> Vec<Difference> {
    let empty = Map::new();
    let object =
        |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
    let (good, bad) = (object(good), object(bad));
    let names: BTreeSet<&String> = good.keys().chain(bad.keys()).take(200).collect();
    let shown =
        |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), |value| quoted(&value.to_string()));
    names
        .into_iter()
        .map(|name| {
            let (a, b) = (good.get(name), bad.get(name));
            Difference { what: format!("{of}.{name}"), good: shown(a), bad: shown(b), differs: a != b }
        })
        .collect()
}

/// A setting that two instances have differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Where: `issuers.corp.audiences`.
    pub at: String,
    /// Of the first; nothing where it has none.
    pub a: Option<String>,
    /// Of the second.
    pub b: Option<String>,
}

/// What differs between two effective configurations, as [`crate::instance::effective`] shows them. Lists of things with
/// a name are compared by name, so that their order is no difference.
pub fn configurations(a: &Value, b: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    walk("", Some(a), Some(b), &mut found);
    found
}

fn walk(at: &str, a: Option<&Value>, b: Option<&Value>, found: &mut Vec<Setting>) {
    if a == b {
        return;
    }
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match (a.map(keyed), b.map(keyed)) {
        (Some(Some(a)), Some(Some(b))) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names.into_iter().for_each(|name| walk(&below(name), a.get(name), b.get(name), found));
        }
        _ => {
            let shown =
                |value: Option<&Value>| value.filter(|value| !value.is_null()).map(ToString::to_string);
            found.push(Setting { at: at.to_owned(), a: shown(a), b: shown(b) });
        }
    }
}

/// The members of an object, or of a list of things with names.
fn keyed(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone()),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| Some((item.get("name")?.as_str()?.to_owned(), item.clone())))
            .collect::<Option<Map<_, _>>>(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn named_things_are_compared_by_name() {
        let a = json!({ "issuers": [{ "name": "x", "audiences": ["a"] }, { "name": "y" }], "n": 1 });
        let b = json!({ "issuers": [{ "name": "y" }, { "name": "x", "audiences": ["b"] }, { "name": "z" }], "n": 1 });
        let found = configurations(&a, &b);
        let at: Vec<_> = found.iter().map(|setting| setting.at.as_str()).collect();
        assert_eq!(at, ["issuers.x.audiences", "issuers.z"]);
        assert_eq!((found[0].a.as_deref(), found[0].b.as_deref()), (Some(r#"["a"]"#), Some(r#"["b"]"#)));
        assert!(found[1].a.is_none());
        assert!(configurations(&a, &a).is_empty());
    }
}
