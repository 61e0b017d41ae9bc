//! A cursor over a whole JSON document (RFC 8259): single pass, no allocation, no recursion. What it accepts every
//! other conforming parser accepts too; where RFC 8259 leaves parsers room (§8.1 byte order mark, §8.2 unpaired
//! surrogates, §9 depth), it refuses.

use std::fmt;
use std::ops::Range;

/// Containers inside containers. Parsers commonly stop at 128; tool schemas rarely need 30.
pub(crate) const MAX_DEPTH: u32 = 100;

/// A position in a document that is known to be UTF-8.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Which members' names somebody wants to know of.
    wanted: Option<fn(&[u8]) -> bool>,
    found: bool,
}

/// A string as written.
#[derive(Debug)]
pub(crate) struct Quoted {
    /// Between the quotes.
    pub(crate) inside: Range<usize>,
    /// Whether it has escapes.
    pub(crate) escaped: bool,
}

impl Quoted {
    /// With the quotes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.inside.start - 1..self.inside.end + 1
    }
}

/// Why a document is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Byte offset.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: What,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Utf8,
    ByteOrderMark,
    End,
    Value,
    Name,
    Colon,
    CommaOrEnd,
    Control,
    Escape,
    Surrogate,
    Number,
    Depth,
    Trailing,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "the bytes are not UTF-8",
            Self::ByteOrderMark => "a byte order mark is not part of JSON",
            Self::End => "the document ends too early",
            Self::Value => "a value is expected",
            Self::Name => "a member name in double quotes is expected",
            Self::Colon => "a colon is expected",
            Self::CommaOrEnd => "a comma or the end of the object or array is expected",
            Self::Control => "control characters in strings must be escaped",
            Self::Escape => "there is no such escape",
            Self::Surrogate => "an escaped surrogate lacks its other half",
            Self::Number => "numbers are written in another way",
            Self::Depth => "objects and arrays are nested more than 100 deep",
            Self::Trailing => "nothing may follow the document",
        })
    }
}

impl<'a> Cursor<'a> {
    /// At the document's first byte that is not white space.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(Error { at: 0, what: What::ByteOrderMark });
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            return Err(Error { at: error.valid_up_to(), what: What::Utf8 });
        }
        let mut cursor = Self { bytes, at: 0, wanted: None, found: false };
        cursor.space();
        Ok(cursor)
    }

    /// From here on, looks at the name of every member that it comes by, at any depth.
    pub(crate) fn looking_for(&mut self, wanted: fn(&[u8]) -> bool) {
        self.wanted = Some(wanted);
    }

    /// Whether it came by one since it was asked last: by a name that is wanted, or one with escapes, which may be any name.
    pub(crate) fn take_found(&mut self) -> bool {
        std::mem::take(&mut self.found)
    }

    /// Where it stands.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The byte where it stands.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over `byte` and the white space behind it, if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
            self.space();
        }
        there
    }

    /// Steps over `byte` alone, if it is next: it ends a value.
    pub(crate) fn close(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Over a member's name and its colon, to the value.
    pub(crate) fn name(&mut self) -> Result<Quoted, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong(What::Name));
        }
        let name = self.string()?;
        if let Some(wanted) = self.wanted {
            self.found |= name.escaped || wanted(&self.bytes[name.inside.clone()]);
        }
        self.space();
        if !self.take(b':') {
            return Err(self.wrong(What::Colon));
        }
        Ok(name)
    }

    /// After a member's value: true when another member follows, false when the object was closed.
    pub(crate) fn more(&mut self) -> Result<bool, Error> {
        self.space();
        if self.take(b',') {
            return Ok(true);
        }
        if self.take(b'}') {
            return Ok(false);
        }
        Err(self.wrong(What::CommaOrEnd))
    }

    /// Over a string, from its opening quote.
    pub(crate) fn string(&mut self) -> Result<Quoted, Error> {
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Quoted { inside: start..self.at - 1, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong(What::Control)),
                None => return Err(self.wrong(What::End)),
            }
        }
    }

    /// Over any value that has `depth` containers around it; its span. The bytes of the string values in it are added
    /// to `text`, apart from what is data by its look (`data:` URLs, members named `data`).
    pub(crate) fn value(&mut self, mut depth: u32, text: &mut u64) -> Result<Range<usize>, Error> {
        let (start, outside) = (self.at, depth);
        // One bit per open container, the innermost lowest: 1 is an object. `MAX_DEPTH` bits fit.
        let mut objects: u128 = 0;
        let mut name = 0..0;
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth >= MAX_DEPTH {
                        return Err(self.wrong(What::Depth));
                    }
                    self.take(open);
                    if self.peek() != Some(if open == b'{' { b'}' } else { b']' }) {
                        depth += 1;
                        objects = objects << 1 | u128::from(open == b'{');
                        name = if open == b'{' { self.name()?.inside } else { 0..0 };
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'"') => {
                    let inside = self.string()?.inside;
                    if &self.bytes[name.clone()] != b"data"
                        && !self.bytes[inside.clone()].starts_with(b"data:")
                    {
                        *text += inside.len() as u64;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                Some(_) => return Err(self.wrong(What::Value)),
                None => return Err(self.wrong(What::End)),
            }
            // A value is behind us: close what closes, until another one follows.
            loop {
                if depth == outside {
                    return Ok(start..self.at);
                }
                self.space();
                let object = objects & 1 == 1;
                if self.take(b',') {
                    name = if object { self.name()?.inside } else { 0..0 };
                    break;
                }
                if self.peek() != Some(if object { b'}' } else { b']' }) {
                    return Err(self.wrong(What::CommaOrEnd));
                }
                self.at += 1;
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    /// The end of the document.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong(What::Trailing)) }
    }

    /// An error where it stands; at the end of the document, that it ends.
    pub(crate) fn wrong(&self, what: What) -> Error {
        let what = if self.at >= self.bytes.len() { What::End } else { what };
        Error { at: self.at, what }
    }

    /// Over white space.
    pub(crate) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong(What::Value));
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), Error> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.wrong(What::Number));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.wrong(What::Number));
        }
        self.at += count;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        let start = self.at;
        match self.bytes.get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.unit(start)?;
                self.at += 6;
                match unit {
                    0xD800..=0xDBFF => match self.unit(self.at) {
                        Ok(0xDC00..=0xDFFF) => self.at += 6,
                        _ => return Err(Error { at: start, what: What::Surrogate }),
                    },
                    0xDC00..=0xDFFF => return Err(Error { at: start, what: What::Surrogate }),
                    _ => {}
                }
            }
            Some(_) => return Err(self.wrong(What::Escape)),
            None => return Err(Error { at: self.bytes.len(), what: What::End }),
        }
        Ok(())
    }

    /// The code unit that the `\uXXXX` at `at` stands for.
    fn unit(&self, at: usize) -> Result<u32, Error> {
        let wrong = Error { at, what: What::Escape };
        let written = self.bytes.get(at..at + 6).ok_or(wrong)?;
        if !written.starts_with(b"\\u") {
            return Err(wrong);
        }
        written[2..]
            .iter()
            .try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
            .ok_or(wrong)
    }
}

/// How many bytes at the start of `bytes` a string can hold as they are: up to a quote, a backslash or a control
/// character. Eight at a time: in each word, subtracting sets the high bit of bytes that are below the subtrahend; the
/// lowest one set is exact, those above it may be borrow.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let hit =
            (zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\'))) | control)
                & HIGH;
        if hit != 0 {
            return index * 8 + hit.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + rest.iter().take_while(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(document: &[u8]) -> Result<Range<usize>, Error> {
        let mut cursor = Cursor::new(document)?;
        let span = cursor.value(0, &mut 0)?;
        cursor.end().map(|()| span)
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (document, at, what) in [
            ("", 0, What::End),
            ("\u{feff}{}", 0, What::ByteOrderMark),
            ("{", 1, What::End),
            ("{a:1}", 1, What::Name),
            ("{\"a\" 1}", 5, What::Colon),
            ("{\"a\":}", 5, What::Value),
            ("{\"a\":1,}", 7, What::Name),
            ("[1,]", 3, What::Value),
            ("[1 2]", 3, What::CommaOrEnd),
            ("[1}", 2, What::CommaOrEnd),
            ("{\"a\":1]", 6, What::CommaOrEnd),
            ("\"a\nb\"", 2, What::Control),
            ("\"a\\x\"", 2, What::Escape),
            ("\"\\u12g4\"", 1, What::Escape),
            ("\"\\ud83d\"", 1, What::Surrogate),
            ("\"\\ud83d\\u0041\"", 1, What::Surrogate),
            ("\"\\ude00\"", 1, What::Surrogate),
            ("\"abc", 4, What::End),
            ("\"abc\\", 5, What::End),
            ("01", 1, What::Number),
            ("-", 1, What::End),
            ("1.", 2, What::End),
            ("1.e5", 2, What::Number),
            ("1e+", 3, What::End),
            ("+1", 0, What::Value),
            ("NaN", 0, What::Value),
            ("tru", 0, What::Value),
            ("{} {}", 3, What::Trailing),
            ("1 //", 2, What::Trailing),
        ] {
            assert_eq!(check(document.as_bytes()), Err(Error { at, what }), "{document}");
        }
        assert_eq!(check(b"\"\xff\""), Err(Error { at: 1, what: What::Utf8 }));
    }

    #[test]
    fn spans_are_exact() {
        for document in
            ["1", "\"a\"", "[]", "{}", "[ ]", "[1, {\"a\": [] } ]", "-0.5e+7", "null", "\"\\ud83d\\ude00\""]
        {
            let padded = format!(" {document}\n");
            assert_eq!(check(padded.as_bytes()), Ok(1..1 + document.len()), "{document}");
        }
        // Not the white space behind an empty container either.
        let mut cursor = Cursor::new(b"{}  ,").unwrap();
        assert_eq!(cursor.value(0, &mut 0), Ok(0..2));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        assert!(check(&nested(100)).is_ok());
        assert_eq!(check(&nested(101)), Err(Error { at: 100, what: What::Depth }));
        assert_eq!(check(&vec![b'['; 1_000_000]).unwrap_err().what, What::Depth);
    }

    #[test]
    fn plain_runs_stop_at_the_first_special_byte() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for at in 0..20 {
                let mut bytes = vec![b'a'; 24];
                bytes[at] = special;
                assert_eq!(plain(&bytes), at);
            }
        }
        for harmless in [0x20, 0x21, 0x7f, 0x80, 0xff, b'#', b']'] {
            assert_eq!(plain(&[harmless; 17]), 17);
        }
    }

    proptest! {
        #[test]
        fn accepts_no_more_than_serde_json(document in proptest::collection::vec(prop_oneof![
            Just(b"{".to_vec()), Just(b"}".to_vec()), Just(b"[".to_vec()), Just(b"]".to_vec()), Just(b",".to_vec()), Just(b":".to_vec()),
            Just(b"\"a\"".to_vec()), Just(b"\"".to_vec()), Just(b"\\".to_vec()), Just(b"\\u00e9".to_vec()), Just(b"\\ud83d".to_vec()), Just(b"\\ude00".to_vec()),
            Just(b"1".to_vec()), Just(b"0".to_vec()), Just(b"-".to_vec()), Just(b".".to_vec()), Just(b"e".to_vec()), Just(b" ".to_vec()),
            Just(b"null".to_vec()), Just(b"true".to_vec()), proptest::collection::vec(any::<u8>(), 0..3),
        ], 0..24)) {
            let document = document.concat();
            let theirs = serde_json::from_slice::<serde_json::Value>(&document);
            match check(&document) {
                // Numbers too large for a double are grammatical (RFC 8259 §6).
                Ok(_) => prop_assert!(theirs.as_ref().err().is_none_or(|e| e.to_string().contains("out of range")), "{theirs:?}"),
                Err(error) => prop_assert!(theirs.is_err(), "{error:?}"),
            }
        }

        #[test]
        fn accepts_what_serde_json_writes(text in ".{0,40}", number in any::<f64>(), count in 0_usize..5) {
            let document = serde_json::json!({ "a": vec![text.clone(); count], text: { "b": number, "c": null } }).to_string();
            prop_assert_eq!(check(document.as_bytes()), Ok(0..document.len()));
        }
    }
}
