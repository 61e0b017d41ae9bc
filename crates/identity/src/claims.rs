//! Reaching into claims by a configured path.

use portcullis_jose::Claims;
use serde_json::Value;
use std::borrow::Cow;

/// The most values that are taken from one claim: directories have fewer roles, attackers more.
const MOST_VALUES: usize = 256;

/// A claim as configuration names it: `sub`, `realm_access.roles`, `https://acme.example/roles`. A claim whose name is
/// the whole text comes first, so that names with dots in them work; otherwise the dots lead into objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    text: Box<str>,
}

impl Path {
    pub fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value as it stands in the token; `null` counts as absent. Allocates nothing for a name without dots.
    pub fn json<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        let found = claims.claim_json(&[&self.text]).or_else(|| {
            if !self.text.contains('.') {
                return None;
            }
            let steps: Vec<&str> = self.text.split('.').collect();
            claims.claim_json(&steps)
        });
        found.filter(|json| *json != "null")
    }

    /// The value, when it is a string.
    pub fn text<'c>(&self, claims: &'c Claims) -> Option<Cow<'c, str>> {
        self.json(claims).and_then(decode)
    }

    /// The strings of a string (split at spaces) or of a list of strings; other elements are passed over.
    pub fn texts(&self, claims: &Claims) -> Vec<String> {
        let Some(json) = self.json(claims) else { return Vec::new() };
        match serde_json::from_str(json) {
            Ok(Value::String(text)) => {
                text.split(' ').filter(|word| !word.is_empty()).take(MOST_VALUES).map(str::to_owned).collect()
            }
            Ok(Value::Array(values)) => values
                .into_iter()
                .filter_map(|value| if let Value::String(text) = value { Some(text) } else { None })
                .take(MOST_VALUES)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The value as text: a string as it is, a number or boolean as written.
    pub fn scalar(&self, claims: &Claims) -> Option<String> {
        let json = self.json(claims)?;
        match json.as_bytes().first()? {
            b'"' => decode(json).map(Cow::into_owned),
            b'{' | b'[' => None,
            _ => Some(json.to_owned()),
        }
    }
}

/// A JSON string without its quotes and escapes; nothing when it is something else.
pub(crate) fn decode(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}
