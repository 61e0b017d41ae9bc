//! `[storage]`: where data is kept.

use portcullis_fault::Secret;
use portcullis_model::{SecretRef, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::PathBuf;
use url::Url;

/// Where data is kept: an embedded database in a directory, or PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The directory for keys, the spool and the embedded database; made with mode 0700. Of one process at a time.
    pub data_dir: PathBuf,
    /// PostgreSQL instead of the embedded database: `postgres://user@host/name`, or a reference to such a URL
    /// (`env:DATABASE_URL`, `file:/run/secrets/database`), which keeps its password out of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Connections to the database.
    #[schemars(range(min = 1, max = 1_000))]
    pub pool: u32,
    /// Time for one statement.
    pub statement_timeout: Span,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            database: None,
            pool: 10,
            statement_timeout: Span::millis(500),
        }
    }
}

/// Where PostgreSQL is: a URL, or a reference to one. Shown and serialised without the URL's password.
#[derive(Clone)]
pub enum Database {
    /// `postgres://…`, as written.
    Url(Secret<String>),
    /// Where the URL is.
    Reference(SecretRef),
}

impl Database {
    /// Whether a password is written in the URL itself.
    pub fn password_inline(&self) -> bool {
        matches!(self, Self::Url(url) if without_password(url.expose()) != *url.expose())
    }
}

/// `url` with its password, in either of the two places where PostgreSQL takes one, replaced by `***`.
fn without_password(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return "***".to_owned() };
    if parsed.password().is_none()
        && !parsed.query_pairs().any(|(name, _)| name.to_lowercase().contains("password"))
    {
        return url.to_owned();
    }
    if parsed.password().is_some() {
        // Fails only for URLs without a host, which then have no place for a password either.
        let _ = parsed.set_password(Some("***"));
    }
    let query: Vec<(String, String)> = parsed
        .query_pairs()
        .map(|(name, value)| {
            let secret = name.to_lowercase().contains("password");
            (name.into_owned(), if secret { "***".to_owned() } else { value.into_owned() })
        })
        .collect();
    if !query.is_empty() {
        parsed.query_pairs_mut().clear().extend_pairs(query);
    }
    parsed.into()
}

impl std::str::FromStr for Database {
    type Err = String;
    // The text is never repeated: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match Url::parse(text) {
                Ok(_) => Ok(Self::Url(Secret::new(text.to_owned()))),
                Err(error) => Err(format!(
                    "this is no valid `postgres://` URL: {error}; special characters of a password are written as `%40`"
                )),
            };
        }
        match text.parse() {
            Ok(SecretRef::Stored(_)) => Err("a stored secret is in this very database; give `env:NAME` or `file:/path`".to_owned()),
            Ok(reference) => Ok(Self::Reference(reference)),
            Err(_) => Err("a database is a `postgres://…` URL, or a reference to one (`env:NAME`, `file:/path`); without one the embedded database is used".to_owned()),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&without_password(url.expose())),
            Self::Reference(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

impl PartialEq for Database {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Url(a), Self::Url(b)) => a.expose() == b.expose(),
            (Self::Reference(a), Self::Reference(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Database {}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Database {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Database".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(postgres(ql)?://|env:|file:).+$", "examples": ["postgres://portcullis@db.example.com/portcullis", "env:DATABASE_URL"], "x-secret": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://u:hunter2@h/d",
            "postgres://h/d?user=u&password=hunter2",
            "postgresql://u:hunter2@h/d?sslpassword=hunter2",
        ] {
            let database: Database = url.parse().unwrap();
            assert!(database.password_inline());
            let shown = format!("{database} {database:?} {}", serde_json::to_string(&database).unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let plain: Database = "postgres://u@h:5432/d?sslmode=verify-full".parse().unwrap();
        assert!(!plain.password_inline());
        assert_eq!(plain.to_string(), "postgres://u@h:5432/d?sslmode=verify-full");
    }

    #[test]
    fn what_is_no_database_is_not_repeated() {
        for text in ["hunter2", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "stored:hunter2"] {
            let error = text.parse::<Database>().unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
