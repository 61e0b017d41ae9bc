//! Names that operators give to things: part of URLs, log lines and metrics, so their alphabet is small.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A name: 1–128 characters of `a–z A–Z 0–9 . _ - : /`, starting with a letter or digit. Cheap to clone; compared exactly.
///
/// `:` and `/` are there for model names as vendors write them (`meta-llama/Llama-3`, `llama3:8b`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks and takes `text`; the error says what a name looks like.
    pub fn new(text: &str) -> Result<Self, String> {
        let first = text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest =
            text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b':' | b'/'));
        if first && rest && text.len() <= 128 {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(128).collect();
        Err(format!(
            "a name is 1 to 128 of `a-z A-Z 0-9 . _ - : /` and starts with a letter or digit, not `{shown}`"
        ))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As shared text.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

impl std::str::FromStr for Name {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/-]*$" })
    }
}

impl utoipa::PartialSchema for Name {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <String as utoipa::PartialSchema>::schema()
    }
}

impl utoipa::ToSchema for Name {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabet() {
        for good in ["acme", "gpt-4o-mini", "meta-llama/Llama-3.1", "llama3:8b", "a"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a\n", "ä", "a\"b", &"a".repeat(129)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
