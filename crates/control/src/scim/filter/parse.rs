//! The grammar of filters and paths. Bounded in length, depth and number of terms: whatever is sent, reading it ends.

use super::{DEEPEST, Filter, LONGEST, MOST_TERMS, Op, Path};
use serde_json::{Number, Value};

/// Reads a filter.
///
/// # Errors
/// What is wrong, and where, in bytes from the beginning.
pub fn parse(text: &str) -> Result<Filter, String> {
    let mut reader = Reader::new(text)?;
    let filter = reader.either(0, true)?;
    reader.end()?;
    Ok(filter)
}

/// Reads the path of a PATCH operation.
///
/// # Errors
/// As [`parse`].
pub fn parse_path(text: &str) -> Result<Path, String> {
    let mut reader = Reader::new(text)?;
    reader.space();
    let attribute = reader.path()?;
    let (mut filter, mut sub) = (None, None);
    if reader.takes('[') {
        filter = Some(reader.either(1, false)?);
        reader.space();
        reader.expect(']')?;
        if reader.takes('.') {
            sub = Some(reader.path()?);
        }
    }
    reader.end()?;
    Ok(Path { attribute, filter, sub })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    terms: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes"));
        }
        Ok(Self { text, at: 0, terms: 0 })
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        let found: String = self.rest().chars().take(20).collect();
        let found =
            if found.is_empty() { "the end".to_owned() } else { format!("`{}`", found.escape_debug()) };
        Err(format!("{what} at byte {}, not {found}", self.at))
    }

    fn space(&mut self) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t']);
        self.at += rest.len() - trimmed.len();
        trimmed.len() < rest.len()
    }

    fn takes(&mut self, c: char) -> bool {
        let is = self.rest().starts_with(c);
        self.at += if is { c.len_utf8() } else { 0 };
        is
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.takes(c) { Ok(()) } else { self.wrong(&format!("`{c}` is expected")) }
    }

    fn end(&mut self) -> Result<(), String> {
        self.space();
        if self.rest().is_empty() { Ok(()) } else { self.wrong("the end, `and` or `or` is expected") }
    }

    /// Whether the next word is this one, in whatever case, before a space or a bracket; then it is taken.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let is = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && rest[word.len()..].chars().next().is_none_or(|c| matches!(c, ' ' | '\t' | '(' | ')' | ']'));
        self.at += if is { word.len() } else { 0 };
        is
    }

    /// Terms between `or`.
    fn either(&mut self, depth: usize, elements: bool) -> Result<Filter, String> {
        if depth > DEEPEST {
            return Err(format!("brackets are nested more than {DEEPEST} deep"));
        }
        let mut parts = vec![self.both(depth, elements)?];
        while self.follows("or") {
            parts.push(self.both(depth, elements)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    /// Terms between `and`, which binds closer.
    fn both(&mut self, depth: usize, elements: bool) -> Result<Filter, String> {
        let mut parts = vec![self.term(depth, elements)?];
        while self.follows("and") {
            parts.push(self.term(depth, elements)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn follows(&mut self, word: &str) -> bool {
        let before = self.at;
        // After a bracket no space is needed.
        let apart = self.space() || self.text[..before].ends_with([')', ']']);
        if apart && self.word(word) {
            return true;
        }
        self.at = before;
        false
    }

    fn term(&mut self, depth: usize, elements: bool) -> Result<Filter, String> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(format!("more than {MOST_TERMS} terms"));
        }
        self.space();
        if self.takes('(') {
            return self.bracketed(depth, elements);
        }
        let before = self.at;
        if self.word("not") {
            self.space();
            if self.takes('(') {
                return Ok(Filter::Not(Box::new(self.bracketed(depth, elements)?)));
            }
            self.at = before;
        }
        let path = self.path()?;
        if self.takes('[') {
            if !elements {
                return Err(format!("brackets within brackets, after `{path}`"));
            }
            let filter = Box::new(self.either(depth + 1, false)?);
            self.space();
            self.expect(']')?;
            return Ok(Filter::Element { path, filter });
        }
        if !self.space() {
            return self.wrong("a space and an operator are expected");
        }
        if self.word("pr") {
            return Ok(Filter::Present(path));
        }
        let op = Op::ALL.into_iter().find(|(word, _)| self.word(word)).map(|(_, op)| op);
        let Some(op) = op else {
            return self.wrong("an operator (`eq ne co sw ew pr gt ge lt le`) is expected");
        };
        if !self.space() {
            return self.wrong("a space and a value are expected");
        }
        Ok(Filter::Compare { path, op, value: self.value()? })
    }

    fn bracketed(&mut self, depth: usize, elements: bool) -> Result<Filter, String> {
        let filter = self.either(depth + 1, elements)?;
        self.space();
        self.expect(')')?;
        Ok(filter)
    }

    /// An attribute, with its URN and sub-attribute.
    fn path(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '.' | ':');
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        let path = &rest[..length];
        if !path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') {
            return self.wrong("an attribute is expected");
        }
        self.at += length;
        Ok(path.to_owned())
    }

    fn value(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        if rest.starts_with('"') {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            let Some((end, _)) = end else { return self.wrong("text without its closing quotation mark") };
            let Ok(text) = serde_json::from_str::<String>(&rest[..=end]) else {
                return self.wrong("text as JSON has it is expected");
            };
            self.at += end + 1;
            return Ok(Value::String(text));
        }
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.word(word) {
                return Ok(value);
            }
        }
        let length = rest.find([' ', '\t', ')', ']']).unwrap_or(rest.len());
        match number(&rest[..length]) {
            Some(number) => {
                self.at += length;
                Ok(Value::Number(number))
            }
            None => self.wrong("a value is expected (`\"text\"`, a number, `true`, `false` or `null`)"),
        }
    }
}

/// A number as JSON has it. One with very many digits is rounded to the nearest, and not to a neighbour of that, so that it is
/// the same when it is written and read again.
fn number(text: &str) -> Option<Number> {
    let number: Number = serde_json::from_str(text).ok()?;
    if number.is_f64() { Number::from_f64(text.parse().ok()?) } else { Some(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7644 §3.4.2.2, figure 2.
        for text in [
            r#"userName eq "bjensen""#,
            r#"name.familyName co "O'Malley""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            "title pr",
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"title pr and userType eq "Employee""#,
            r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType eq "Employee" and (emails.type eq "work")"#,
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        ] {
            let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(parse(&filter.to_string()), Ok(filter), "{text}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        let parts = parse("a pr or b pr and not (c pr)").unwrap();
        let (a, b, c) = (
            Filter::Present("a".to_owned()),
            Filter::Present("b".to_owned()),
            Filter::Present("c".to_owned()),
        );
        assert_eq!(parts, Filter::Or(vec![a, Filter::And(vec![b, Filter::Not(Box::new(c))])]));
        assert_eq!(parse("A PR AND b EQ TRUE").unwrap().to_string(), "A pr and b eq true");
        assert_eq!(parse("active eq True").unwrap().to_string(), "active eq true");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, said) in [
            ("", "an attribute is expected at byte 0"),
            ("userName", "at byte 8, not the end"),
            ("userName eq", "a value are expected at byte 11"),
            ("userName like \"a\"", "operator"),
            ("userName eq \"a", "closing quotation mark"),
            ("userName eq ada", "a value is expected"),
            ("userName eq \"a\" x", "the end, `and` or `or`"),
            ("(userName pr", "`)` is expected"),
            ("emails[type pr", "`]` is expected"),
            ("emails[a[b pr]]", "brackets within brackets"),
            ("not userName pr", "operator"),
            ("userName eq \"\\x\"", "JSON"),
            ("1a pr", "an attribute is expected"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        assert!(parse(&"(".repeat(8_000)).unwrap_err().contains("nested"));
        assert!(parse(&"not (".repeat(1_500)).unwrap_err().contains("nested"));
        let many = vec!["a pr"; 200].join(" or ");
        assert!(parse(&many).unwrap_err().contains("more than 128 terms"));
        assert!(parse(&"a".repeat(9_000)).unwrap_err().contains("longer"));
    }

    #[test]
    fn paths_choose_elements() {
        let path = parse_path("emails[type eq \"work\"].value").unwrap();
        assert_eq!((path.attribute.as_str(), path.sub.as_deref()), ("emails", Some("value")));
        assert_eq!(path.to_string(), "emails[type eq \"work\"].value");
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        assert_eq!(parse_path(urn).unwrap().attribute, urn);
        for wrong in ["", "a b", "a[", "a[b pr", "a[b pr]c", "a[b pr].", "[b pr]", "a]"] {
            assert!(parse_path(wrong).is_err(), "{wrong}");
        }
    }

    fn literal() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::String),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ]
    }

    fn attribute() -> impl Strategy<Value = String> {
        "[a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.[a-z$][a-zA-Z]{0,5})?"
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let leaf = || {
            prop_oneof![
                (attribute(), 0..9usize, literal()).prop_map(|(path, op, value)| Filter::Compare {
                    path,
                    op: Op::ALL[op].1,
                    value
                }),
                attribute().prop_map(Filter::Present),
            ]
        };
        let element =
            (attribute(), leaf()).prop_map(|(path, inner)| Filter::Element { path, filter: Box::new(inner) });
        prop_oneof![leaf(), element].prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|inner| Filter::Not(Box::new(inner))),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner, 2..4).prop_map(Filter::Or),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(filter in filter()) {
            let text = filter.to_string();
            prop_assert_eq!(parse(&text), Ok(filter), "{}", text);
        }

        #[test]
        fn whatever_is_sent_reading_ends(text in ".{0,200}") {
            let _ = (parse(&text), parse_path(&text));
        }

        #[test]
        fn near_filters_are_read_or_refused(text in "([a-z]{1,3}|\\(|\\)|\\[|\\]|\"|\\\\| |eq|and|or|not|pr|\\.|:|1|-){0,40}") {
            if let Ok(filter) = parse(&text) {
                prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
            }
            if let Ok(path) = parse_path(&text) {
                prop_assert_eq!(parse_path(&path.to_string()), Ok(path));
            }
        }
    }
}
