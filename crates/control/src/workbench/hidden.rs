//! Texts of requests and answers that nobody may see by accident: wiped when dropped, and not shown by `Debug`.

use portcullis_fault::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// A secret, a key, a password. Serialised for whoever asked for it.
#[derive(Clone)]
pub struct Hidden(Secret<String>);

/// A JSON value as it was written, duplicates and all, so that it can be read strictly: an object, or its text in a
/// string.
#[derive(Clone)]
pub struct Json(Secret<String>);

impl Hidden {
    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Json {
    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<T: Into<String>> From<T> for Hidden {
    fn from(text: T) -> Self {
        Self(Secret::new(text.into()))
    }
}

impl<T: Into<String>> From<T> for Json {
    fn from(text: T) -> Self {
        Self(Secret::new(text.into()))
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'{') => Ok(Self::from(raw.get())),
            Some(b'"') => serde_json::from_str::<String>(raw.get())
                .map(Self::from)
                .map_err(|_| D::Error::custom("not a text")),
            _ => Err(D::Error::custom("expected a JSON object, or its text in a string")),
        }
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl Serialize for Json {
    /// The object, not its text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.expose()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// `Debug` of what is made of other people's tokens and keys: its name, and nothing of it.
macro_rules! unseen {
    ($($type:ident),+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), " { … }"))
            }
        })+
    };
}

pub(crate) use unseen;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_kept_as_it_was_written() {
        let twice = r#"{"kty":"oct","kty":"RSA"}"#;
        assert_eq!(serde_json::from_str::<Json>(twice).unwrap().expose(), twice);
        let text = serde_json::to_string(twice).unwrap();
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap().expose(), twice);
        assert!(serde_json::from_str::<Json>("[]").is_err());
        // Through the reader of bodies, which follows the path to what is wrong.
        let read = crate::input::parse::<Json>(twice.as_bytes()).unwrap();
        assert_eq!((read.expose(), format!("{read:?}").as_str()), (twice, "[hidden]"));
        assert_eq!(serde_json::to_string(&Json::from("{\"a\": 1}")).unwrap(), "{\"a\": 1}");
    }
}
