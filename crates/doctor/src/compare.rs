//! Two things beside each other: a good token and a bad one, and the configuration of two instances.

use crate::case::{Case, Course};
use crate::report::Difference;
use crate::words::quoted;
use portcullis_jose::Unverified;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

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
    looked.map_or_else(
        || "-".to_owned(),
        |looked| {
            let then: String = looked.fallbacks.iter().map(|(claim, _)| format!(", then {claim}")).collect();
            format!("{} as {}{then}", looked.claim, looked.attribute)
        },
    )
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

/// A user who was looked for in two instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What was looked for.
    pub text: String,
    /// How the user stands in the first: `nobody`, or each status with what the text is there. Nothing where nobody looked.
    pub a: Option<String>,
    /// In the second.
    pub b: Option<String>,
    /// Whether the two are known to differ.
    pub differs: bool,
}

/// Whether users exist in each of two instances, as `doctor instance --user` found them: a list of
/// `{text, found: [{status, by}]}`. Ids are left out: they differ by themselves.
pub fn users(a: &Value, b: &Value) -> Vec<Standing> {
    let (a, b) = (standings(a), standings(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names
        .into_iter()
        .map(|text| {
            let (a, b) = (a.get(text).cloned(), b.get(text).cloned());
            Standing { text: text.clone(), differs: a.is_some() && b.is_some() && a != b, a, b }
        })
        .collect()
}

fn standings(looked: &Value) -> BTreeMap<String, String> {
    let one = |entry: &Value| {
        let found = entry["found"].as_array().into_iter().flatten();
        let all: BTreeSet<String> = found
            .map(|user| {
                let word = |member: &str| {
                    user[member]
                        .as_str()
                        .unwrap_or("?")
                        .chars()
                        .filter(|c| !c.is_control())
                        .collect::<String>()
                };
                format!("{} by {}", word("status"), word("by"))
            })
            .collect();
        let all: Vec<String> = all.into_iter().collect();
        let stands = if all.is_empty() { "nobody".to_owned() } else { all.join(", ") };
        Some((entry["text"].as_str()?.to_owned(), stands))
    };
    looked.as_array().into_iter().flatten().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn users_are_set_side_by_side() {
        let found = |status: &str| json!([{ "status": status, "by": "username", "id": "1" }]);
        let a = json!([{ "text": "ada", "found": found("active") }, { "text": "bob", "found": [] }]);
        let b = json!([{ "text": "ada", "found": found("suspended") }, { "text": "eve", "found": [] }]);
        let seen = users(&a, &b);
        let told: Vec<_> = seen
            .iter()
            .map(|one| (one.text.as_str(), one.a.as_deref(), one.b.as_deref(), one.differs))
            .collect();
        assert_eq!(
            told,
            [
                ("ada", Some("active by username"), Some("suspended by username"), true),
                ("bob", Some("nobody"), None, false),
                ("eve", None, Some("nobody"), false),
            ]
        );
        assert!(users(&Value::Null, &json!("x")).is_empty());
    }

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
