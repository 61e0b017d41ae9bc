//! Where a secret is: a configuration names it and never holds it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::PathBuf;

/// A reference to a secret: `env:NAME`, `file:/path` (one trailing newline is not part of it), or `stored:NAME`
/// (set through the admin API and kept encrypted).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// An environment variable of this process.
    Env(String),
    /// A file; relative paths are relative to the configuration file.
    File(PathBuf),
    /// A secret in our own custody.
    Stored(String),
}

impl std::str::FromStr for SecretRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated: whoever wrote it wrong may have pasted the secret.
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("stored", name)) if !name.is_empty() => Ok(Self::Stored(name.to_owned())),
            _ => Err("a secret is given by reference, as `env:NAME`, `file:/path` or `stored:NAME`; it is not written here".to_owned()),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Stored(name) => write!(f, "stored:{name}"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(env|file|stored):.+$", "examples": ["env:OPENAI_API_KEY"] })
    }
}

/// Reads what a [`SecretRef`] points at. The error names the reference and never the secret.
pub trait SecretSource: Send + Sync {
    /// The secret's bytes.
    fn read(&self, reference: &SecretRef) -> Result<portcullis_fault::Secret<Vec<u8>>, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_secret_is_not_repeated() {
        let error = "sk-live-123".parse::<SecretRef>().unwrap_err();
        assert!(!error.contains("sk-live"));
        assert_eq!("env:A".parse::<SecretRef>().unwrap().to_string(), "env:A");
    }
}
