//! Where the values of our own headers are written: one piece of memory for all of a call, so that they cost one
//! allocation instead of one each, and another for every copy.

use bytes::{BufMut, BytesMut};
use http::HeaderValue;
use uuid::Uuid;

/// Memory for header values.
pub(crate) struct Ink(BytesMut);

impl Ink {
    /// Enough for what is usually written.
    pub(crate) fn new() -> Self {
        Self(BytesMut::with_capacity(384))
    }

    /// What `write` writes, as a value; none, when it has characters that no value has.
    pub(super) fn value(&mut self, write: impl FnOnce(&mut BytesMut)) -> Option<HeaderValue> {
        // What was written before was split off.
        write(&mut self.0);
        HeaderValue::from_maybe_shared(self.0.split().freeze()).ok()
    }

    /// Text as a value. UTF-8 stands in a header as opaque bytes (RFC 9110 §5.5); control characters cannot.
    pub(super) fn text(&mut self, text: &str) -> Option<HeaderValue> {
        self.value(|to| to.put_slice(text.as_bytes()))
    }

    /// An id as a value.
    pub(crate) fn id(&mut self, id: Uuid) -> HeaderValue {
        let mut buffer = Uuid::encode_buffer();
        let text = id.as_hyphenated().encode_lower(&mut buffer);
        // Hexadecimal digits and hyphens are always a value.
        self.text(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_apart() {
        let mut ink = Ink::new();
        let (a, b) = (ink.text("one").unwrap(), ink.text("two").unwrap());
        assert_eq!(ink.text("a\nb"), None);
        let long = "x".repeat(1_000);
        assert_eq!(ink.text(&long).unwrap(), long);
        assert_eq!((a, b), (HeaderValue::from_static("one"), HeaderValue::from_static("two")));
        assert_eq!(ink.id(Uuid::nil()), "00000000-0000-0000-0000-000000000000");
    }
}
