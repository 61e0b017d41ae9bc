//! The bodies of `GET /models` and `GET /models/{model}`: what this caller may use.

use serde::Serialize;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

impl<'a> Entry<'a> {
    fn new(id: &'a str, created: i64) -> Self {
        Self { id, object: "model", created, owned_by: "portcullis" }
    }
}

/// The body of `GET /models`. `created`: seconds since the epoch, the same for all (when they were published, say).
pub fn models_list<'a>(names: impl IntoIterator<Item = &'a str>, created: i64) -> Vec<u8> {
    let data = names.into_iter().map(|name| Entry::new(name, created)).collect();
    // Strings and integers only: serialising them into memory cannot fail.
    serde_json::to_vec(&List { object: "list", data }).unwrap_or_default()
}

/// The body of `GET /models/{model}`.
pub fn model_body(name: &str, created: i64) -> Vec<u8> {
    serde_json::to_vec(&Entry::new(name, created)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let entry = r#"{"id":"fast","object":"model","created":7,"owned_by":"portcullis"}"#;
        assert_eq!(String::from_utf8(model_body("fast", 7)).unwrap(), entry);
        assert_eq!(
            String::from_utf8(models_list(["fast"], 7)).unwrap(),
            format!("{{\"object\":\"list\",\"data\":[{entry}]}}")
        );
        assert_eq!(models_list([], 7), b"{\"object\":\"list\",\"data\":[]}");
    }
}
