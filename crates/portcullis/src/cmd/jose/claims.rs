//! The options that make a claims set.

use super::input;
use super::session::Session;
use crate::failure::{Done, Failure};
use crate::reference;
use clap::Args;
use portcullis_model::Span;
use serde_json::{Map, Value};

/// A claims set: as a whole, and claim by claim.
#[derive(Args, Clone, Debug, Default)]
pub struct ClaimOptions {
    /// The claims as JSON, `@FILE`, or `-`
    #[arg(long, value_name = "JSON", help_heading = "Content")]
    pub claims: Option<String>,
    /// One more claim (repeatable)
    #[arg(
        long = "claim",
        value_name = "NAME=VALUE",
        value_parser = reference::pair,
        help_heading = "Content"
    )]
    pub more: Vec<(String, String)>,
    /// Write `iat`, and `exp` this much later, as `1h`
    #[arg(long, value_name = "SPAN", help_heading = "Content")]
    pub expires_in: Option<Span>,
}

impl ClaimOptions {
    /// Whether none of them was given.
    pub fn are_none(&self) -> bool {
        self.claims.is_none() && self.more.is_empty() && self.expires_in.is_none()
    }

    /// The claims, without what `--expires-in` adds.
    ///
    /// # Errors
    /// They cannot be read, or are no JSON object.
    pub fn read(&self, session: &Session<'_>) -> Done<Map<String, Value>> {
        let mut claims = match &self.claims {
            Some(claims) => object(&input::text(Some(claims), "the claims", &session.stdin)?)?,
            None => Map::new(),
        };
        claims.extend(values(&self.more));
        Ok(claims)
    }
}

/// The claims of a text.
///
/// # Errors
/// Not a JSON object.
pub fn object(text: &str) -> Done<Map<String, Value>> {
    let wrong = |what: String| {
        Failure::usage(format!("the claims are no JSON object: {what}"))
            .next("write them as `{\"sub\":\"ada\"}`, one by one with `--claim NAME=VALUE`, or sign any bytes with `--payload`")
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => Err(wrong("this is another kind of JSON".to_owned())),
        Err(error) => Err(wrong(format!("line {}, column {}", error.line(), error.column()))),
    }
}

/// `name=value` pairs as JSON: what reads as JSON is JSON, the rest is text.
pub fn values(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs
        .iter()
        .map(|(name, text)| {
            (name.clone(), serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_reads_as_json_is_json() {
        let pairs = [("a", "1"), ("b", "x"), ("c", "[\"y\"]"), ("d", "\"1\""), ("a", "true")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Value::Object(values(&pairs)), json!({ "a": true, "b": "x", "c": ["y"], "d": "1" }));
        for wrong in ["[]", "{", "hunter2"] {
            let failure = object(wrong).unwrap_err();
            assert!(failure.exit_code() == 2 && !failure.what().contains("hunter2"));
        }
    }
}
