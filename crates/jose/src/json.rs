//! Strict JSON (RFC 8259) over text that stays where it is: one pass checks a whole document and notes where the
//! members of its outermost value lie; values are decoded when somebody asks for them.
//!
//! Stricter than most parsers on purpose, because two parsers that read one token differently are an attack: no
//! duplicate member at any level (also not when one is escaped: `"alg"` is `"alg"`), bounded depth and number of
//! members, no unpaired surrogate, no number that a 64-bit float cannot hold, nothing behind the value.
//!
//! Not a general parser: what it found sound is handed to `serde_json` where a tree is wanted.

mod scan;
mod text;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use scan::{Limits, scan};

/// What kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds of RFC 8259 §3")]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A document that was refused: what is wrong and where, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Bytes from the start of the document.
    pub at: usize,
}

/// What can be wrong with a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// It ends in the middle.
    #[error("json ends too early")]
    End,
    /// A character that the grammar does not allow there.
    #[error("unexpected character in json")]
    Character,
    /// Something behind the value.
    #[error("something follows the json value")]
    Trailing,
    /// A control character in a string, an unknown escape or half a surrogate pair.
    #[error("invalid json string")]
    String,
    /// A number against the grammar (leading zero, plus sign, `NaN`) or out of a 64-bit float's range.
    #[error("invalid json number")]
    Number,
    /// One object has the same member twice, escapes resolved.
    #[error("duplicate json member")]
    Duplicate,
    /// Nested deeper than allowed.
    #[error("json nested too deeply")]
    Depth,
    /// More members or elements than allowed.
    #[error("too many json members")]
    Members,
    /// Longer than allowed.
    #[error("json document too large")]
    Size,
}

impl JsonErrorKind {
    /// Stable name for catalogues and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "json_utf8",
            Self::End => "json_end",
            Self::Character => "json_character",
            Self::Trailing => "json_trailing",
            Self::String => "json_string",
            Self::Number => "json_number",
            Self::Duplicate => "json_duplicate_member",
            Self::Depth => "json_depth",
            Self::Members => "json_members",
            Self::Size => "json_size",
        }
    }
}

/// One member of an object or element of an array: where it lies in the scanned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key without its quotes; empty for elements of arrays.
    key: (u32, u32),
    /// The value as written; strings with their quotes.
    value: (u32, u32),
    pub(crate) kind: Kind,
    key_escaped: bool,
    /// Only for strings: whether decoding is needed.
    value_escaped: bool,
}

impl Entry {
    /// The key with escapes resolved.
    pub(crate) fn key<'t>(&self, text: &'t str) -> Cow<'t, str> {
        text::resolve(&text[span(self.key)], self.key_escaped)
    }

    /// Whether this is the member of that name.
    pub(crate) fn is(&self, text: &str, name: &str) -> bool {
        if self.key_escaped { self.key(text) == name } else { text[span(self.key)] == *name }
    }

    /// The value as it is written.
    pub(crate) fn raw<'t>(&self, text: &'t str) -> &'t str {
        &text[span(self.value)]
    }

    /// The string with escapes resolved, if it is one.
    pub(crate) fn string<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        if self.kind != Kind::String {
            return None;
        }
        let (from, to) = self.value;
        Some(text::resolve(&text[from as usize + 1..to as usize - 1], self.value_escaped))
    }
}

fn span((from, to): (u32, u32)) -> Range<usize> {
    from as usize..to as usize
}

/// The outermost value of a sound document.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) kind: Kind,
    /// Members or elements, in order; empty for scalars.
    pub(crate) entries: Vec<Entry>,
}

impl Outline {
    /// The member of that name.
    pub(crate) fn member(&self, text: &str, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(text, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_lie_where_they_are() {
        let text = r#" { "a" : "x\ny" , "\u0062":[1,2], "c":{"d":null} } "#;
        let outline = scan(text, Limits::CLAIMS).unwrap();
        assert_eq!(outline.kind, Kind::Object);
        assert_eq!(outline.member(text, "a").unwrap().string(text).unwrap(), "x\ny");
        assert_eq!(outline.member(text, "b").unwrap().raw(text), "[1,2]");
        assert_eq!(outline.member(text, "c").unwrap().raw(text), r#"{"d":null}"#);
        assert!(outline.member(text, "d").is_none());
        let array = scan("[1, \"b\", {}]", Limits::CLAIMS).unwrap();
        assert_eq!(
            array.entries.iter().map(|e| e.raw("[1, \"b\", {}]")).collect::<Vec<_>>(),
            ["1", "\"b\"", "{}"]
        );
    }
}
