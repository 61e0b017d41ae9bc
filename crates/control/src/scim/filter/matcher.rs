//! What a filter means for a kind of resource: attributes are found in the schema, and values compared as it says.

use super::{Filter, Op};
use crate::scim::schema::{Attribute, Found, Kind, ResourceType};
use portcullis_model::Timestamp;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// A filter over resources of one kind, or over the elements of one attribute.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// A value is so.
    Compare {
        /// Which.
        place: Place,
        /// How.
        op: Op,
        /// With what.
        value: Value,
    },
    /// There is a value.
    Present(Place),
    /// One element is so.
    Element(Place, Box<Self>),
    /// It is not so.
    Not(Box<Self>),
    /// All are so.
    And(Vec<Self>),
    /// One is so.
    Or(Vec<Self>),
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The extension's URN.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Its sub-attribute.
    pub sub: Option<&'static Attribute>,
}

impl Matcher {
    /// What `filter` means for resources of this kind.
    ///
    /// # Errors
    /// An attribute that there is not, or that is not compared like this.
    pub fn of(filter: &Filter, kind: &ResourceType) -> Result<Self, String> {
        build(filter, &|path| match kind.find(path)? {
            Found { extension, attribute: Some(attribute), sub } => {
                Some(Place { extension: extension.map(|schema| schema.id), attribute, sub })
            }
            Found { attribute: None, .. } => None,
        })
    }

    /// What `filter` means for elements of this attribute.
    ///
    /// # Errors
    /// As [`Matcher::of`].
    pub fn of_elements(filter: &Filter, attribute: &'static Attribute) -> Result<Self, String> {
        if attribute.kind != Kind::Complex {
            return Err(format!("`{}` has no elements to choose from", attribute.name));
        }
        build(filter, &|path| Some(Place { extension: None, attribute: attribute.sub(path)?, sub: None }))
    }

    /// Whether it holds for a resource, or an element.
    pub fn holds(&self, document: &Map<String, Value>) -> bool {
        match self {
            Self::Compare { place, op, value } => {
                let any = |op| {
                    place.values(document).into_iter().any(|found| holds(place.leaf(), op, found, value))
                };
                match (op, value) {
                    (Op::Eq, Value::Null) => place.values(document).is_empty(),
                    (Op::Ne, Value::Null) => !place.values(document).is_empty(),
                    (Op::Ne, _) => !any(Op::Eq),
                    _ => any(*op),
                }
            }
            Self::Present(place) => place.elements(document).into_iter().any(is_something),
            Self::Element(place, inner) => place
                .elements(document)
                .into_iter()
                .filter_map(Value::as_object)
                .any(|element| inner.holds(element)),
            Self::Not(inner) => !inner.holds(document),
            Self::And(parts) => parts.iter().all(|part| part.holds(document)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(document)),
        }
    }

    /// Whether it asks for this attribute anywhere.
    pub fn mentions(&self, name: &str) -> bool {
        match self {
            Self::Compare { place, .. } | Self::Present(place) | Self::Element(place, _) => {
                place.extension.is_none() && place.attribute.name == name
            }
            Self::Not(inner) => inner.mentions(name),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.mentions(name)),
        }
    }
}

fn build(filter: &Filter, find: &dyn Fn(&str) -> Option<Place>) -> Result<Matcher, String> {
    let place = |path: &str| find(path).ok_or_else(|| format!("there is no such attribute: `{path}`"));
    let all = |parts: &[Filter]| parts.iter().map(|part| build(part, find)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::Compare { path, op, value } => {
            let place = place(path)?;
            comparable(place.leaf(), path, *op, value)?;
            Matcher::Compare { place, op: *op, value: value.clone() }
        }
        Filter::Present(path) => Matcher::Present(place(path)?),
        Filter::Element { path, filter } => {
            let place = place(path)?;
            if place.sub.is_some() {
                return Err(format!("a sub-attribute has no elements to choose from: `{path}`"));
            }
            Matcher::Element(place, Box::new(Matcher::of_elements(filter, place.attribute)?))
        }
        Filter::Not(inner) => Matcher::Not(Box::new(build(inner, find)?)),
        Filter::And(parts) => Matcher::And(all(parts)?),
        Filter::Or(parts) => Matcher::Or(all(parts)?),
    })
}

/// Refuses comparisons that mean nothing, which would else just never hold.
fn comparable(leaf: &Attribute, path: &str, op: Op, value: &Value) -> Result<(), String> {
    let ordered = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
    let parts = matches!(op, Op::Co | Op::Sw | Op::Ew);
    match (leaf.kind, value) {
        (Kind::Complex, _) => Err(format!("name one of the sub-attributes of `{path}` to compare")),
        (_, Value::Null) if matches!(op, Op::Eq | Op::Ne) => Ok(()),
        (Kind::Boolean, _) if ordered || parts => {
            Err(format!("`{path}` is true or false, and compared by `eq` or `ne`"))
        }
        (Kind::Boolean, value) if truth(value).is_none() => {
            Err(format!("`{path}` is compared with `true` or `false`"))
        }
        (Kind::Binary, _) if ordered => {
            Err(format!("`{path}` is binary, and neither more nor less than another"))
        }
        (Kind::Boolean, _) => Ok(()),
        (Kind::DateTime, Value::String(text)) if !parts && Timestamp::parse_rfc3339(text).is_none() => {
            Err(format!("`{path}` is compared with a time like `2026-11-22T08:00:00Z`"))
        }
        (_, Value::String(_)) => Ok(()),
        _ => Err(format!("`{path}` is compared with text in quotation marks")),
    }
}

/// `true` or `false`, also as the text that some clients send.
pub(in crate::scim) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

impl Place {
    /// The attribute whose values are compared: of a complex one its `value`.
    fn leaf(&self) -> &'static Attribute {
        let named = self.sub.unwrap_or(self.attribute);
        if named.kind == Kind::Complex { named.sub("value").unwrap_or(named) } else { named }
    }

    /// What the path names: an element each of a list.
    fn elements<'d>(&self, document: &'d Map<String, Value>) -> Vec<&'d Value> {
        let within = match self.extension {
            Some(urn) => document.get(urn).and_then(Value::as_object),
            None => Some(document),
        };
        let Some(value) = within.and_then(|within| within.get(self.attribute.name)) else {
            return Vec::new();
        };
        let elements: Vec<&Value> = match value {
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        match self.sub {
            Some(sub) => elements.into_iter().filter_map(|element| element.get(sub.name)).collect(),
            None => elements,
        }
    }

    /// The values that are compared.
    fn values<'d>(&self, document: &'d Map<String, Value>) -> Vec<&'d Value> {
        let elements = self.elements(document).into_iter();
        let values = elements.filter_map(|element| match element {
            Value::Object(element) => element.get("value"),
            other => Some(other),
        });
        values.filter(|value| is_something(value)).collect()
    }

    /// The first value, as lists are sorted by it; of a list the primary one's.
    pub fn first<'d>(&self, document: &'d Map<String, Value>) -> Option<&'d Value> {
        self.values(document).into_iter().next()
    }

    /// Compares two values as the schema says.
    pub fn order(&self, a: &Value, b: &Value) -> Ordering {
        order(self.leaf(), a, b).unwrap_or(Ordering::Equal)
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Whether two values of an attribute are the same.
pub fn equal(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    holds(attribute, Op::Eq, a, b)
}

fn folded(attribute: &Attribute, text: &str) -> String {
    if attribute.exact { text.to_owned() } else { text.to_lowercase() }
}

fn holds(attribute: &Attribute, op: Op, found: &Value, wanted: &Value) -> bool {
    let texts = || {
        let (found, wanted) = (found.as_str()?, wanted.as_str()?);
        Some((folded(attribute, found), folded(attribute, wanted)))
    };
    match op {
        Op::Co => texts().is_some_and(|(found, wanted)| found.contains(&wanted)),
        Op::Sw => texts().is_some_and(|(found, wanted)| found.starts_with(&wanted)),
        Op::Ew => texts().is_some_and(|(found, wanted)| found.ends_with(&wanted)),
        Op::Eq => order(attribute, found, wanted) == Some(Ordering::Equal),
        Op::Ne => order(attribute, found, wanted) != Some(Ordering::Equal),
        Op::Gt => order(attribute, found, wanted) == Some(Ordering::Greater),
        Op::Ge => order(attribute, found, wanted).is_some_and(Ordering::is_ge),
        Op::Lt => order(attribute, found, wanted) == Some(Ordering::Less),
        Op::Le => order(attribute, found, wanted).is_some_and(Ordering::is_le),
    }
}

fn order(attribute: &Attribute, a: &Value, b: &Value) -> Option<Ordering> {
    if attribute.kind == Kind::Boolean {
        return Some(truth(a)?.cmp(&truth(b)?));
    }
    let (a, b) = (a.as_str()?, b.as_str()?);
    if attribute.kind == Kind::DateTime
        && let (Some(a), Some(b)) = (Timestamp::parse_rfc3339(a), Timestamp::parse_rfc3339(b))
    {
        return Some(a.cmp(&b));
    }
    Some(folded(attribute, a).cmp(&folded(attribute, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::parse;
    use crate::scim::schema::USER;
    use serde_json::json;

    fn holds(text: &str) -> bool {
        let document = json!({
            "id": "0199F0C2", "userName": "Ada@Example.com", "externalId": "E-1", "active": true, "title": "",
            "name": { "familyName": "Lovelace", "givenName": "Ada" },
            "emails": [
                { "value": "ada@example.com", "type": "work", "primary": true },
                { "value": "ada@home.example", "type": "home" },
            ],
            "meta": { "lastModified": "2026-11-22T08:00:00Z" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engines", "manager": { "value": "m1" } },
        });
        let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let matcher = Matcher::of(&filter, &USER).unwrap_or_else(|error| panic!("{text}: {error}"));
        matcher.holds(document.as_object().unwrap())
    }

    #[test]
    fn values_are_compared_as_the_schema_says() {
        for yes in [
            "userName eq \"ADA@example.COM\"",
            "externalId eq \"E-1\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:USERNAME sw \"ada\"",
            "active eq true",
            "active eq \"True\"",
            "emails co \"HOME\"",
            "emails.value ew \"example\"",
            "emails[type eq \"work\" and value co \"@example.com\"]",
            "emails[primary eq true]",
            "name.familyName gt \"l\"",
            "not (userName co \"bob\")",
            "userName pr and emails pr and name pr",
            "title eq null",
            "title ne \"Countess\"",
            "nickName ne \"x\"",
            "emails ne \"x\"",
            "meta.lastModified ge \"2026-11-22T09:00:00+01:00\"",
            "meta.lastModified lt \"2026-11-22T08:00:01Z\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"engines\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq \"m1\"",
            "userName eq \"x\" or active eq true",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "externalId eq \"e-1\"",
            "id eq \"0199f0c2\"",
            "emails[type eq \"home\" and value co \"@example.com\"]",
            "emails ne \"ada@example.com\"",
            "title pr",
            "nickName pr",
            "active eq false",
            "meta.lastModified gt \"2026-11-22T08:00:00Z\"",
            "userName eq \"x\" and active eq true",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, said) in [
            ("password eq \"x\"", "no such attribute: `password`"),
            ("emails[nothing pr]", "no such attribute: `nothing`"),
            ("userName[value pr]", "no elements"),
            ("emails.value[type pr]", "no elements"),
            ("name eq \"x\"", "sub-attributes of `name`"),
            ("active gt true", "`eq` or `ne`"),
            ("active eq \"maybe\"", "`true` or `false`"),
            ("userName eq 5", "text in quotation marks"),
            ("meta.created gt \"yesterday\"", "a time like"),
            ("x509Certificates.value gt \"a\"", "binary"),
        ] {
            let error = Matcher::of(&parse(text).unwrap(), &USER).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
