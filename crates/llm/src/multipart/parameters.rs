//! `kind; name=value; name="value"`, as headers have it (RFC 2045 §5.1), read one way only: without escapes, without empty
//! parameters.

use super::Malformed;
use std::ops::Range;

/// A header's value, read from left to right.
pub(super) struct Parameters<'b> {
    body: &'b [u8],
    kind: Range<usize>,
    at: usize,
    end: usize,
}

/// One parameter; the value without quotes.
pub(super) struct Parameter {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

impl<'b> Parameters<'b> {
    /// Of the value at `range`.
    pub(super) fn of(body: &'b [u8], range: Range<usize>) -> Self {
        let kind = memchr::memchr(b';', &body[range.clone()]).map_or(range.end, |end| range.start + end);
        let trimmed = body[range.start..kind].trim_ascii_end().len();
        Self { body, kind: range.start..range.start + trimmed, at: kind, end: range.end }
    }

    /// What stands before the parameters.
    pub(super) fn kind(&self) -> Range<usize> {
        self.kind.clone()
    }

    /// The next parameter.
    pub(super) fn next(&mut self) -> Result<Option<Parameter>, Malformed> {
        self.skip_space();
        if self.at == self.end {
            return Ok(None);
        }
        if self.peek() != Some(b';') {
            return Err(Malformed::ambiguous("a parameter does not begin with `;`", self.at));
        }
        self.at += 1;
        self.skip_space();
        let name = self.token();
        if name.is_empty() || self.peek() != Some(b'=') {
            return Err(Malformed::ambiguous("a parameter has no name and `=`", self.at));
        }
        self.at += 1;
        let value = if self.peek() == Some(b'"') { self.quoted()? } else { self.token() };
        Ok(Some(Parameter { name, value }))
    }

    fn peek(&self) -> Option<u8> {
        self.body[..self.end].get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn token(&mut self) -> Range<usize> {
        let start = self.at;
        while self.peek().is_some_and(is_token) {
            self.at += 1;
        }
        start..self.at
    }

    /// Some readers take a backslash for an escape and some for itself (WHATWG HTML §4.10.22.8 writes `%22`), so there
    /// must be none.
    fn quoted(&mut self) -> Result<Range<usize>, Malformed> {
        let start = self.at + 1;
        let rest = &self.body[start..self.end];
        let length = memchr::memchr2(b'"', b'\\', rest)
            .ok_or_else(|| Malformed::ambiguous("a quoted value has no end", self.at))?;
        if rest[length] == b'\\' {
            return Err(Malformed::ambiguous("a quoted value has a backslash", start + length));
        }
        self.at = start + length + 1;
        Ok(start..start + length)
    }
}

/// A character of a token (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
