//! Entity tags and what is asked of them (RFC 7644 §3.14, RFC 9110 §13.1). All tags are weak: a resource that is shown with
//! other attributes has the same.

use super::failure::Failure;
use http::{HeaderMap, HeaderName, header};
use portcullis_fault::codes;
use portcullis_identity::directory::Seen;

/// The tag of a state.
pub fn tag(seen: Seen) -> String {
    let (at, revision) = (seen.at.micros(), seen.revision);
    match seen.members {
        Some((count, last)) => format!("W/\"{at:x}.{revision:x}.{count:x}.{:x}\"", last.micros()),
        None => format!("W/\"{at:x}.{revision:x}\""),
    }
}

/// What a request asks of the resource's version.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Conditions {
    /// Those of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            // What cannot be read is the name of no version: a change that depends on it is not made.
            let all: Vec<_> =
                headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
            if all.is_empty() { None } else { Some(all.join(",")) }
        };
        Self { if_match: text(header::IF_MATCH), if_none_match: text(header::IF_NONE_MATCH) }
    }

    /// Those of an operation in bulk.
    pub fn version(version: Option<&str>) -> Self {
        Self { if_match: version.map(str::to_owned), if_none_match: None }
    }

    /// Whether a change depends on the version.
    pub fn matter(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// Whether the client has this version already.
    pub fn has(&self, tag: &str) -> bool {
        self.if_none_match.as_deref().is_some_and(|tags| names(tags, tag))
    }

    /// Passes when a change may be made to this version.
    ///
    /// # Errors
    /// It is not the version that the client has.
    pub fn permit(&self, tag: &str) -> Result<(), Failure> {
        let stale = self.if_match.as_deref().is_some_and(|tags| !names(tags, tag));
        if stale || self.has(tag) {
            let detail = format!("the resource has another version by now; read it again: `{tag}`");
            return Err(Failure::code(codes::PRECONDITION_FAILED, detail));
        }
        Ok(())
    }
}

fn names(tags: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let conditions = |if_match: Option<&str>, none: Option<&str>| Conditions {
            if_match: if_match.map(str::to_owned),
            if_none_match: none.map(str::to_owned),
        };
        for good in [None, Some("*"), Some("W/\"a\""), Some("\"a\""), Some("\"b\", W/\"a\"")] {
            assert!(conditions(good, None).permit("W/\"a\"").is_ok(), "{good:?}");
        }
        for stale in ["W/\"b\"", "a", ""] {
            assert!(conditions(Some(stale), None).permit("W/\"a\"").is_err(), "{stale}");
        }
        assert!(
            conditions(None, Some("W/\"a\"")).has("W/\"a\"")
                && !conditions(None, Some("\"b\"")).has("W/\"a\"")
        );
        assert!(conditions(None, Some("*")).permit("W/\"a\"").is_err());
        let unreadable = http::HeaderValue::from_bytes(b"W/\"a\xff\"").unwrap();
        let headers = HeaderMap::from_iter([(header::IF_MATCH, unreadable)]);
        assert!(Conditions::of(&headers).permit("W/\"a\"").is_err());
    }
}
