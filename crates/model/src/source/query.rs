//! A query with named parameters: read once, so that what a caller sends is only ever bound and never part of the text.
//!
//! Not here: what a parameter means, and running it.

use std::borrow::Cow;

/// One `SELECT` of the operator's, with `:name` where values are bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    names: Vec<String>,
}

/// Why a text is no query that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It begins with something else, and might write.
    #[error("the query is no `SELECT`")]
    NotASelect,
    /// There is more than one statement.
    #[error("the query has more than one statement")]
    Several,
    /// It has places by number, which would be mixed up with those of the names.
    #[error("the query has numbered parameters, as `$1`")]
    Numbered,
    /// A text, name or comment does not end.
    #[error("the query has {0} that does not end")]
    Unclosed(&'static str),
}

impl Query {
    /// Reads a query. Texts, quoted names and comments are left alone, and so are casts (`::uuid`).
    ///
    /// # Errors
    /// It is not one `SELECT` with named parameters.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut query = Self { text: String::with_capacity(text.len()), names: Vec::new() };
        let mut first: Option<String> = None;
        let mut ended = false;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = skipped(rest)?;
            if let Some((length, blank)) = taken {
                if ended && !blank {
                    return Err(QueryError::Several);
                }
                query.text.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            if c.is_whitespace() {
                query.text.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            if ended {
                return Err(QueryError::Several);
            }
            let word = word(rest);
            let length = match c {
                ';' => {
                    ended = true;
                    rest = &rest[1..];
                    continue;
                }
                // A cast, or an operator that ends in a colon, is no parameter.
                ':' if rest.starts_with("::") => 2,
                ':' if rest.starts_with(":=") => 2,
                ':' if !self::word(&rest[1..]).is_empty() => {
                    let name = self::word(&rest[1..]);
                    let place = query.place(name);
                    query.text.push_str(&place);
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                '$' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    return Err(QueryError::Numbered);
                }
                _ if !word.is_empty() => {
                    first.get_or_insert_with(|| word.to_ascii_lowercase());
                    word.len()
                }
                _ => {
                    if c != '(' {
                        first.get_or_insert_with(String::new);
                    }
                    c.len_utf8()
                }
            };
            query.text.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        match first.as_deref() {
            Some("select" | "with" | "values" | "table") => Ok(query),
            _ => Err(QueryError::NotASelect),
        }
    }

    fn place(&mut self, name: &str) -> Cow<'static, str> {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("${}", at + 1).into()
    }

    /// The text with `$1…$n` for its parameters.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parameters' names, that of `$1` first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// A text, a quoted name or a comment at the beginning of `rest`: its length, and whether it says nothing.
fn skipped(rest: &str) -> Result<Option<(usize, bool)>, QueryError> {
    let quoted = |quote: char, escapes: bool, from: usize, what: &'static str| {
        let mut chars = rest[from..].char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if escapes && c == '\\' {
                chars.next();
            } else if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    return Ok(Some((from + at + c.len_utf8(), false)));
                }
            }
        }
        Err(QueryError::Unclosed(what))
    };
    if rest.starts_with('\'') {
        return quoted('\'', false, 1, "a text");
    }
    if rest.starts_with("E'") || rest.starts_with("e'") {
        return quoted('\'', true, 2, "a text");
    }
    if rest.starts_with('"') {
        return quoted('"', false, 1, "a quoted name");
    }
    if rest.starts_with("--") {
        return Ok(Some((rest.find('\n').map_or(rest.len(), |end| end + 1), true)));
    }
    if rest.starts_with("/*") {
        let (mut depth, mut at) = (0_u32, 0);
        while at < rest.len() {
            let here = &rest[at..];
            if here.starts_with("/*") {
                depth += 1;
                at += 2;
            } else if here.starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(Some((at, true)));
                }
            } else {
                at += here.chars().next().map_or(1, char::len_utf8);
            }
        }
        return Err(QueryError::Unclosed("a comment"));
    }
    // `$tag$ … $tag$`: a text in which nothing means anything.
    if let Some(after) = rest.strip_prefix('$')
        && let Some(end) = after.find('$')
    {
        let tag = &after[..end];
        if (tag.is_empty() || !tag.starts_with(|c: char| c.is_ascii_digit())) && word(tag).len() == tag.len()
        {
            let quote = &rest[..end + 2];
            let Some(close) = rest[quote.len()..].find(quote) else {
                return Err(QueryError::Unclosed("a text"));
            };
            return Ok(Some((quote.len() * 2 + close, false)));
        }
    }
    Ok(None)
}

/// The word that `text` begins with; empty when it begins with none.
fn word(text: &str) -> &str {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
        return "";
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<String>) {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        (query.text().to_owned(), query.names().map(str::to_owned).collect())
    }

    #[test]
    fn names_become_places_and_nothing_else_does() {
        for (text, places, names) in [
            ("SELECT * FROM p WHERE a = :subject", "SELECT * FROM p WHERE a = $1", vec!["subject"]),
            (
                "select a::text from p where a=:b::uuid and c=:a or :b = d;",
                "select a::text from p where a=$1::uuid and c=$2 or $1 = d",
                vec!["b", "a"],
            ),
            (
                "SELECT ':x', \":y\", 'it''s :z' -- :c\n, E'\\':d' /* :e /* :f */ :g */, $t$ :h $t$, $$ :i $$ WHERE k = :s",
                "SELECT ':x', \":y\", 'it''s :z' -- :c\n, E'\\':d' /* :e /* :f */ :g */, $t$ :h $t$, $$ :i $$ WHERE k = $1",
                vec!["s"],
            ),
            (
                "WITH p AS (SELECT 1) SELECT a[1:2] FROM p ; -- done",
                "WITH p AS (SELECT 1) SELECT a[1:2] FROM p  -- done",
                vec![],
            ),
            ("(SELECT 1) UNION (SELECT :a)", "(SELECT 1) UNION (SELECT $1)", vec!["a"]),
            (
                "/* a */ SELECT größe FROM p WHERE é = :s",
                "/* a */ SELECT größe FROM p WHERE é = $1",
                vec!["s"],
            ),
        ] {
            assert_eq!(
                read(text),
                (places.to_owned(), names.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_single_select_is_refused() {
        for (text, error) in [
            ("DELETE FROM p", QueryError::NotASelect),
            ("", QueryError::NotASelect),
            ("'SELECT'", QueryError::NotASelect),
            ("SELECT 1; DELETE FROM p", QueryError::Several),
            ("SELECT 1;;", QueryError::Several),
            ("SELECT 1; 'a'", QueryError::Several),
            ("SELECT $1", QueryError::Numbered),
            ("SELECT 'a", QueryError::Unclosed("a text")),
            ("SELECT $a$ b $a", QueryError::Unclosed("a text")),
            ("SELECT \"a", QueryError::Unclosed("a quoted name")),
            ("SELECT /* /* */", QueryError::Unclosed("a comment")),
        ] {
            assert_eq!(Query::parse(text), Err(error), "{text}");
        }
    }
}
