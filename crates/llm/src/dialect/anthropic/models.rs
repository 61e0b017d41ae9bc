//! The bodies of `GET /models` and `GET /models/{model}`: what this caller may use.

use crate::json::write::Writer;
use portcullis_model::Timestamp;

/// All models, on one page. `created`: seconds since 1970.
pub(super) fn list(names: &[&str], created: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + names.len() * 128);
    Writer::new(&mut out).object(|w| {
        w.name("data").array(|w| names.iter().for_each(|name| model(name, created, w)));
        w.member("has_more", &false);
        w.member("first_id", &names.first());
        w.member("last_id", &names.last());
    });
    out
}

/// One model.
pub(super) fn one(name: &str, created: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    model(name, created, &mut Writer::new(&mut out));
    out
}

fn model(name: &str, created: i64, w: &mut Writer<'_>) {
    let created = Timestamp::from_micros(created.saturating_mul(1_000_000)).rfc3339();
    w.object(|w| {
        w.member("type", "model");
        w.member("id", name);
        w.member("display_name", name);
        w.member("created_at", &created);
        w.member("lifecycle", "active");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape() {
        insta::assert_snapshot!(String::from_utf8(list(&["a", "b"], 0)).unwrap(), @r#"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:00.000000Z","lifecycle":"active"},{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00.000000Z","lifecycle":"active"}],"has_more":false,"first_id":"a","last_id":"b"}"#);
        assert!(list(&[], 0).ends_with(br#""first_id":null,"last_id":null}"#));
        assert!(one("a/b", i64::MAX).starts_with(br#"{"type":"model","id":"a/b""#));
    }
}
