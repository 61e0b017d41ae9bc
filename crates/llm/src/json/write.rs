//! JSON text, written straight into a buffer: commas put themselves, and text that is JSON already goes in as it is.
//!
//! Not for documents of unknown shape: those are values, and `serde_json` writes them.

use serde::Serialize;

/// Writes one document to the end of a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// The next value or name needs no comma: it is the first, or follows its name.
    first: bool,
}

impl<'o> Writer<'o> {
    /// To the end of `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, first: true }
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    /// An object: `inside` writes its members.
    pub(crate) fn object(&mut self, inside: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'{');
        self.first = true;
        inside(self);
        self.out.push(b'}');
        self.first = false;
    }

    /// An array: `inside` writes its items.
    pub(crate) fn array(&mut self, inside: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'[');
        self.first = true;
        inside(self);
        self.out.push(b']');
        self.first = false;
    }

    /// A member's name; its value must follow.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.comma();
        self.text(name);
        self.out.push(b':');
        self.first = true;
        self
    }

    /// A value: a string, a number, `true`, an option, a [`serde_json::Value`].
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.comma();
        self.text(value);
    }

    /// JSON text as it is. It must be one whole value.
    pub(crate) fn raw(&mut self, json: &str) {
        self.comma();
        self.out.extend_from_slice(json.as_bytes());
    }

    /// A member.
    pub(crate) fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name).value(value);
    }

    /// A member, where there is something to say.
    pub(crate) fn maybe<T: Serialize>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.member(name, value);
        }
    }

    fn text<T: Serialize + ?Sized>(&mut self, value: &T) {
        let before = self.out.len();
        // Into memory; it can only fail for maps with keys that are no strings, of which there are none here.
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            self.out.truncate(before);
            self.out.extend_from_slice(b"null");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_escapes() {
        let mut out = b"data: ".to_vec();
        Writer::new(&mut out).object(|w| {
            w.member("a\"", "x\n");
            w.name("list").array(|w| {
                w.value(&1);
                w.object(|_| {});
                w.object(|w| w.member("b", &true));
                w.array(|_| {});
                w.raw("{ }");
            });
            w.maybe("none", &None::<u8>);
            w.maybe("some", &Some(1.5));
            w.name("raw").raw("[1, 2]");
            w.name("inner").object(|w| w.member("null", &None::<u8>));
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"data: {"a\"":"x\n","list":[1,{},{"b":true},[],{ }],"some":1.5,"raw":[1, 2],"inner":{"null":null}}"#
        );
    }
}
