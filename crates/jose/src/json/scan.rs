//! The one pass over a document.

use super::text;
use super::{Entry, JsonError, JsonErrorKind, Kind, Outline};

/// How much of a document is looked at before it is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the document.
    pub(crate) bytes: usize,
    /// Containers within containers; 1 is a flat object.
    pub(crate) depth: usize,
    /// Members of one object. Also bounds the search for duplicates, which compares each with each.
    pub(crate) members: usize,
    /// Members and elements of the whole document.
    pub(crate) total: usize,
}

impl Limits {
    /// A JOSE header: flat but for an embedded `jwk` and `x5c`, which are not read.
    pub(crate) const HEADER: Limits = Limits { bytes: 16 << 10, depth: 5, members: 64, total: 256 };
    /// A claims set. Its bytes are bounded by the token's own limit.
    pub(crate) const CLAIMS: Limits =
        Limits { bytes: u32::MAX as usize, depth: 24, members: 256, total: 16_384 };
    /// One key.
    pub(crate) const KEY: Limits = Limits { bytes: 64 << 10, depth: 6, members: 64, total: 512 };
    /// A set of keys.
    pub(crate) const KEYS: Limits = Limits { bytes: 1 << 20, depth: 8, members: 64, total: 16_384 };
}

/// Checks the whole of `text` and notes where the parts of its outermost value lie.
pub(crate) fn scan(text: &str, limits: Limits) -> Result<Outline, JsonError> {
    if text.len() > limits.bytes || u32::try_from(text.len()).is_err() {
        return Err(JsonError { kind: JsonErrorKind::Size, at: limits.bytes });
    }
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        limits,
        total: 0,
        keys: Vec::with_capacity(16),
        entries: Vec::with_capacity(16),
    };
    scanner.space();
    let (kind, _) = scanner.value(0)?;
    scanner.space();
    if scanner.at < scanner.bytes.len() {
        return Err(scanner.fault(JsonErrorKind::Trailing));
    }
    Ok(Outline { kind, entries: scanner.entries })
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    limits: Limits,
    total: usize,
    /// Keys of the objects that are open, innermost last.
    keys: Vec<Key>,
    entries: Vec<Entry>,
}

/// A key seen in an open object: enough to compare it with the next.
#[derive(Clone, Copy)]
struct Key {
    from: u32,
    to: u32,
    escaped: bool,
    /// Of the resolved characters: most comparisons end here.
    digest: u32,
}

type Scan<T> = Result<T, JsonError>;

impl Scanner<'_> {
    fn value(&mut self, depth: usize) -> Scan<(Kind, bool)> {
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(depth).map(|()| (Kind::Object, false)),
            Some(b'[') => self.array(depth).map(|()| (Kind::Array, false)),
            Some(b'"') => self.string().map(|(_, _, escaped)| (Kind::String, escaped)),
            Some(b't') => self.word("true").map(|()| (Kind::Bool, false)),
            Some(b'f') => self.word("false").map(|()| (Kind::Bool, false)),
            Some(b'n') => self.word("null").map(|()| (Kind::Null, false)),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| (Kind::Number, false)),
            Some(b'+' | b'.' | b'N' | b'I') => Err(self.fault(JsonErrorKind::Number)),
            Some(_) => Err(self.fault(JsonErrorKind::Character)),
            None => Err(self.fault(JsonErrorKind::End)),
        }
    }

    fn object(&mut self, depth: usize) -> Scan<()> {
        self.enter(depth)?;
        let first = self.keys.len();
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            let key_at = self.at;
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err(self.unexpected());
            }
            let (from, to, escaped) = self.string()?;
            self.admit(Key { from, to, escaped, digest: 0 }, first, key_at)?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value_at = self.at;
            let (kind, value_escaped) = self.value(depth + 1)?;
            if depth == 0 {
                self.entries.push(Entry {
                    key: (from, to),
                    value: (value_at as u32, self.at as u32),
                    kind,
                    key_escaped: escaped,
                    value_escaped,
                });
            }
            if self.ends(b'}')? {
                self.keys.truncate(first);
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Scan<()> {
        self.enter(depth)?;
        if self.closes(b']') {
            return Ok(());
        }
        loop {
            self.count(self.at)?;
            let value_at = self.at;
            let (kind, value_escaped) = self.value(depth + 1)?;
            if depth == 0 {
                self.entries.push(Entry {
                    key: (0, 0),
                    value: (value_at as u32, self.at as u32),
                    kind,
                    key_escaped: false,
                    value_escaped,
                });
            }
            if self.ends(b']')? {
                return Ok(());
            }
        }
    }

    /// Steps over the opening bracket.
    fn enter(&mut self, depth: usize) -> Scan<()> {
        if depth >= self.limits.depth {
            return Err(self.fault(JsonErrorKind::Depth));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Whether the container ends before it began.
    fn closes(&mut self, bracket: u8) -> bool {
        let empty = self.bytes.get(self.at) == Some(&bracket);
        self.at += usize::from(empty);
        empty
    }

    /// After a value: `true` behind the closing bracket, `false` before the next value.
    fn ends(&mut self, bracket: u8) -> Scan<bool> {
        self.space();
        if self.closes(bracket) {
            return Ok(true);
        }
        self.expect(b',')?;
        self.space();
        Ok(false)
    }

    /// Takes a key into the open object, unless it is there already.
    fn admit(&mut self, mut key: Key, first: usize, at: usize) -> Scan<()> {
        self.count(at)?;
        if self.keys.len() - first >= self.limits.members {
            return Err(JsonError { kind: JsonErrorKind::Members, at });
        }
        key.digest = digest(&self.name(key));
        let twin = self.keys[first..]
            .iter()
            .any(|seen| seen.digest == key.digest && self.name(*seen) == self.name(key));
        if twin {
            return Err(JsonError { kind: JsonErrorKind::Duplicate, at });
        }
        self.keys.push(key);
        Ok(())
    }

    fn name(&self, key: Key) -> std::borrow::Cow<'_, str> {
        text::resolve(&self.text[key.from as usize..key.to as usize], key.escaped)
    }

    fn count(&mut self, at: usize) -> Scan<()> {
        self.total += 1;
        if self.total > self.limits.total {
            return Err(JsonError { kind: JsonErrorKind::Members, at });
        }
        Ok(())
    }

    /// The span between the quotes, and whether there are escapes in it.
    fn string(&mut self) -> Scan<(u32, u32, bool)> {
        let from = self.at + 1;
        let mut at = from;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) else {
                return Err(JsonError { kind: JsonErrorKind::End, at: self.bytes.len() });
            };
            at += plain;
            match self.bytes[at] {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    // Whatever follows is not the end; what it means is looked at below.
                    at += 2;
                }
                _ => return Err(JsonError { kind: JsonErrorKind::String, at }),
            }
        }
        if escaped && text::unescape(&self.text[from..at]).is_none() {
            return Err(JsonError { kind: JsonErrorKind::String, at: from });
        }
        self.at = at + 1;
        Ok((from as u32, at as u32, escaped))
    }

    fn number(&mut self) -> Scan<()> {
        let from = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = self.digits()?;
        if leading_zero && whole > 1 {
            return Err(JsonError { kind: JsonErrorKind::Number, at: from });
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // Without an exponent it takes 309 digits to leave the range of a 64-bit float.
        let finite =
            !(exponent || whole > 300) || self.text[from..self.at].parse::<f64>().is_ok_and(f64::is_finite);
        if finite { Ok(()) } else { Err(JsonError { kind: JsonErrorKind::Number, at: from }) }
    }

    /// At least one digit.
    fn digits(&mut self) -> Scan<usize> {
        let from = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at - from {
            0 if self.at == self.bytes.len() => Err(self.fault(JsonErrorKind::End)),
            0 => Err(self.fault(JsonErrorKind::Number)),
            count => Ok(count),
        }
    }

    fn word(&mut self, word: &str) -> Scan<()> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fault(JsonErrorKind::Character))
    }

    fn expect(&mut self, byte: u8) -> Scan<()> {
        if self.bytes.get(self.at) == Some(&byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn unexpected(&self) -> JsonError {
        self.fault(if self.at < self.bytes.len() { JsonErrorKind::Character } else { JsonErrorKind::End })
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, at: self.at }
    }
}

/// Tells most different keys apart at once; equal ones are compared in full. Collisions cost time only, and the
/// number of members bounds that.
fn digest(name: &str) -> u32 {
    name.bytes().fold(name.len() as u32, |hash, byte| {
        (hash.rotate_left(5) ^ u32::from(byte)).wrapping_mul(0x9e37_79b9)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> JsonErrorKind {
        scan(text, Limits::CLAIMS).expect_err(text).kind
    }

    #[test]
    fn duplicates_are_found_at_every_level_and_behind_escapes() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\u0061":1,"a":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[{"a":1},{"b":1,"b":2}]}"#,
            r#"{"é":1,"\u00e9":2}"#,
        ] {
            assert_eq!(refusal(text), JsonErrorKind::Duplicate, "{text}");
        }
        assert!(scan(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#, Limits::CLAIMS).is_ok());
    }

    #[test]
    fn grammar_is_kept() {
        use JsonErrorKind::*;
        for (text, want) in [
            ("", End),
            ("{", End),
            (r#"{"a""#, End),
            (r#"{"a":"#, End),
            (r#"{"a":1"#, End),
            (r#"{"a":1,}"#, Character),
            ("[1,]", Character),
            (r#"{a:1}"#, Character),
            (r#"{'a':1}"#, Character),
            ("{} {}", Trailing),
            ("{}\0", Trailing),
            ("\u{feff}{}", Character),
            (r#"{"a":01}"#, Number),
            (r#"{"a":-}"#, Number),
            (r#"{"a":1.}"#, Number),
            (r#"{"a":.5}"#, Number),
            (r#"{"a":+1}"#, Number),
            (r#"{"a":1e}"#, Number),
            (r#"{"a":1e999}"#, Number),
            (r#"{"a":NaN}"#, Number),
            (r#"{"a":Infinity}"#, Number),
            (r#"{"a":True}"#, Character),
            ("{\"a\":\"\n\"}", String),
            (r#"{"a":"\ud800"}"#, String),
            (r#"{"a":"\x"}"#, String),
            (r#"{"a":"\"#, End),
        ] {
            assert_eq!(refusal(text), want, "{text}");
        }
    }

    #[test]
    fn depth_and_members_are_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refusal(&deep), JsonErrorKind::Depth);
        let wide = format!("{{{}}}", (0..257).map(|i| format!("\"m{i}\":0")).collect::<Vec<_>>().join(","));
        assert_eq!(refusal(&wide), JsonErrorKind::Members);
        let long = format!("{{\"a\":[{}0]}}", "0,".repeat(20_000));
        assert_eq!(refusal(&long), JsonErrorKind::Members);
    }

    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What another parser wrote is read, and read as the same.
        #[test]
        fn sound_documents_are_taken_apart_without_loss(value in value()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let outline = scan(&text, Limits::CLAIMS).unwrap();
                if let Some(object) = value.as_object() {
                    prop_assert_eq!(outline.entries.len(), object.len());
                    for (name, member) in object {
                        let entry = outline.member(&text, name).unwrap();
                        let again: serde_json::Value = serde_json::from_str(&member.to_string()).unwrap();
                        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(entry.raw(&text)).unwrap(), again);
                        let string = entry.string(&text);
                        prop_assert_eq!(string.as_deref(), member.as_str());
                    }
                }
            }
        }

        /// On documents that are nearly sound both parsers say the same, but for what only this one refuses.
        #[test]
        fn agrees_with_another_parser(
            value in value(), at in any::<prop::sample::Index>(), junk in "[\"\\\\{}\\[\\],:0-9eE.+ua-f -]{0,3}", cut in 0..3usize
        ) {
            let text = value.to_string();
            let mut from = at.index(text.len() + 1);
            while !text.is_char_boundary(from) { from -= 1; }
            let mut to = (from + cut).min(text.len());
            while !text.is_char_boundary(to) { to += 1; }
            let text = format!("{}{junk}{}", &text[..from], &text[to..]);
            let other = serde_json::from_str::<serde_json::Value>(&text);
            match scan(&text, Limits::CLAIMS) {
                Ok(_) => prop_assert!(other.is_ok(), "{text}"),
                Err(error) => prop_assert!(
                    other.is_err() || error.kind == JsonErrorKind::Duplicate, "{text}: {error}"
                ),
            }
        }
    }
}
