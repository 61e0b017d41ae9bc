//! Finds the known messages in a pasted text: an error, a line of a log, a JSON body, a stack trace.

use super::{Message, all};
use std::cmp::Reverse;
use std::sync::LazyLock;

/// So much of a text is looked at, in bytes: a screenful of log. What follows is not.
pub const INPUT_MAX: usize = 16 * 1024;

/// So far may one part of a message be from the next, in bytes: the length of a value, not of a log.
const GAP_MAX: usize = 400;
/// So much of a value is shown, in characters.
const VALUE_MAX: usize = 120;

/// A known message found in a text.
#[derive(Clone, Debug)]
pub struct Match {
    /// The row.
    pub message: &'static Message,
    /// What stood in its places, by name, in order. What looks like a token or a key is left out.
    pub values: Vec<(&'static str, String)>,
    /// Where it was found, in bytes of the normalised text.
    span: (usize, usize),
    /// How many bytes of it are words of the message.
    weight: usize,
}

/// The known messages in `text`: those that mean one thing first, of these the longest. A message that is merely a part of
/// a longer one that was found is left out. Tolerant of case, white space, quotes and escapes; only the first
/// [`INPUT_MAX`] bytes are looked at.
pub fn explain(text: &str) -> Vec<Match> {
    let text = Normal::of(text);
    let mut found: Vec<Match> =
        KNOWN.iter().filter_map(|(message, parts)| find(message, parts, &text)).collect();
    let spans: Vec<_> = found.iter().map(|found| found.span).collect();
    found.retain(|found| {
        let (start, end) = found.span;
        !spans.iter().any(|(from, to)| *from <= start && end <= *to && to - from > end - start)
    });
    // Stable: of equals, the table's order decides.
    found.sort_by_key(|found| (found.message.codes.len() > 1, Reverse(found.weight)));
    found
}

/// Words, and the name of the place behind them.
type Part = (String, Option<&'static str>);

/// Every message with its parts. Anybody may search, and the table is long: it is taken apart once.
static KNOWN: LazyLock<Vec<(&Message, Vec<Part>)>> =
    LazyLock::new(|| all().map(|message| (message, parts(message.text))).collect());

/// A text without what differs between a log, a body and a terminal: lower case, no quotes, single spaces.
struct Normal<'a> {
    original: &'a str,
    text: String,
    /// For each byte of `text`, where its character begins in `original`.
    origin: Vec<usize>,
}

impl<'a> Normal<'a> {
    fn of(original: &'a str) -> Self {
        let end = (0..=INPUT_MAX.min(original.len())).rev().find(|end| original.is_char_boundary(*end));
        let original = original.get(..end.unwrap_or_default()).unwrap_or_default();
        let mut normal = Self { original, text: String::with_capacity(original.len()), origin: Vec::new() };
        let mut at = 0;
        while let Some(c) = original[at..].chars().next() {
            let rest = &original[at..];
            let (put, length) = match c {
                // A stack trace's first line is no part of the message above it: "jwt expired", "at verify".
                '\n' if is_frame(&rest[1..]) => (Some('\n'), 1),
                '\\' if rest.starts_with("\\n") && is_frame(&rest[2..]) => (Some('\n'), 2),
                '\\' if rest.starts_with("\\n") || rest.starts_with("\\r") || rest.starts_with("\\t") => {
                    (Some(' '), 2)
                }
                '\\' if ["\\u0027", "\\u0022", "\\u0060"].iter().any(|escape| rest.starts_with(escape)) => {
                    (None, 6)
                }
                '&' if rest.starts_with("&quot;") => (None, 6),
                '&' if rest.starts_with("&#39;") || rest.starts_with("&#34;") => (None, 5),
                '\\' | '\'' | '"' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
                    (None, c.len_utf8())
                }
                c if c.is_whitespace() => (Some(' '), c.len_utf8()),
                c => (Some(c.to_ascii_lowercase()), c.len_utf8()),
            };
            match put {
                Some(' ') if normal.text.ends_with(' ') || normal.text.is_empty() => {}
                Some(c) => {
                    normal.text.push(c);
                    normal.origin.resize(normal.text.len(), at);
                }
                None => {}
            }
            at += length;
        }
        normal
    }

    /// What was written from `start` to `end` of the normalised text.
    fn written(&self, start: usize, end: usize) -> &'a str {
        let from = self.origin.get(start).copied().unwrap_or(self.original.len());
        let to = self.origin.get(end).copied().unwrap_or(self.original.len());
        self.original.get(from..to).unwrap_or_default()
    }

    /// Whether no word goes on across `at`.
    fn is_edge(&self, at: usize) -> bool {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let before = self.text[..at].chars().next_back().is_some_and(word);
        let after = self.text[at..].chars().next().is_some_and(word);
        !(before && after)
    }
}

/// Whether a line is one of a stack trace.
fn is_frame(line: &str) -> bool {
    line.trim_start().starts_with("at ")
}

/// A message's text as words and the names of the places between and behind them.
fn parts(text: &'static str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (literal, place, after) = match rest.split_once('{').and_then(|(literal, after)| {
            let (name, after) = after.split_once('}')?;
            Some((literal, name, after))
        }) {
            Some((literal, name, after)) => (literal, Some(name), after),
            None => (rest, None, ""),
        };
        let words = Normal::of(literal).text.trim_end().to_owned();
        // A place before the first words has no beginning: what stood in it is not read.
        let nothing = words.is_empty() && (place.is_none() || parts.is_empty());
        if !nothing {
            parts.push((words, place));
        }
        if place.is_none() {
            return parts;
        }
        rest = after;
    }
}

fn find(message: &'static Message, parts: &[Part], text: &Normal<'_>) -> Option<Match> {
    let (first, _) = parts.first()?;
    let mut from = 0;
    // Each start is tried once, and looks no further than the places may be long.
    while let Some(at) = text.text.get(from..).and_then(|rest| rest.find(first.as_str())).map(|at| at + from)
    {
        if text.is_edge(at)
            && let Some(found) = follow(message, parts, text, at)
        {
            return Some(found);
        }
        from = at + text.text[at..].chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// The rest of a message whose first words stand at `start`.
fn follow(message: &'static Message, parts: &[Part], text: &Normal<'_>, start: usize) -> Option<Match> {
    let mut values = Vec::new();
    let (mut end, mut weight) = (start, 0);
    let mut open: Option<&'static str> = None;
    for (words, place) in parts {
        if words.is_empty() && open.is_some() {
            continue;
        }
        let at = if open.is_none() {
            end
        } else {
            let window = text.text.get(end..)?;
            let limit = window.char_indices().map(|(i, _)| i).find(|i| *i > GAP_MAX).unwrap_or(window.len());
            end + window[..limit].find(words.as_str())?
        };
        if let Some(name) = open.take() {
            push(&mut values, name, text.written(end, at));
        }
        end = at + words.len();
        weight += words.len();
        if !text.is_edge(end) {
            return None;
        }
        open = *place;
    }
    if let Some(name) = open {
        let window = text.text.get(end..).unwrap_or_default();
        let limit = window.char_indices().map(|(i, _)| i).find(|i| *i > GAP_MAX).unwrap_or(window.len());
        push(&mut values, name, last(text.written(end, end + limit)));
    }
    Some(Match { message, values, span: (start, end), weight })
}

/// The value that a message ends with: up to its closing quote, or the end of the line.
fn last(written: &str) -> &str {
    let written = written.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
    let line = written.split(['\n', '\r']).next().unwrap_or_default();
    let line = line.split("\\n").next().unwrap_or_default();
    for quote in ['\'', '"', '`'] {
        if let Some(inner) = line.strip_prefix(quote) {
            return inner.split(quote).next().unwrap_or_default();
        }
    }
    if let Some(end) = line.find(']').filter(|_| line.starts_with('[')) {
        return &line[..=end];
    }
    line.split('"').next().unwrap_or_default()
}

fn push(values: &mut Vec<(&'static str, String)>, name: &'static str, written: &str) {
    // Some libraries put the whole token into their message, and not every token looks like one.
    if name == "token" {
        return;
    }
    let value = written.trim_matches(|c: char| {
        c.is_whitespace()
            || matches!(c, '\'' | '"' | '`' | '\\' | '.' | ',' | ';' | ')' | '}' | '\u{2018}' | '\u{2019}')
    });
    if !value.is_empty() && !secret(value) {
        values.push((name, value.chars().filter(|c| !c.is_control()).take(VALUE_MAX).collect()));
    }
}

/// Whether a text holds what looks like a token or an API key: a long run without a space that begins like one.
pub(in crate::pages) fn secret(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '=' | ',' | ';' | '(' | '['))
        .any(|word| {
            let long = word.len() >= 16;
            let bearer = word.starts_with("eyJ")
                || ["sk-", "pc_", "ghp_", "xoxb-"].iter().any(|mark| word.starts_with(mark));
            long && (bearer || word.len() > 60 && !word.contains(['/', ':']))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    fn first(text: &str) -> (&'static str, &'static str) {
        let found = explain(text);
        let first = found.first().unwrap_or_else(|| panic!("`{text}` is not found"));
        (first.message.library, first.message.codes[0].name())
    }

    #[test]
    fn the_message_this_product_is_named_for() {
        for text in [
            "User from sub claim in JWT does not exist",
            "AuthApiError: User from sub claim in JWT does not exist",
            "{\"code\":403,\"error_code\":\"user_not_found\",\"msg\":\"User from sub claim in JWT does not exist\"}",
            "user from  sub claim\n in jwt does not exist",
        ] {
            let found = explain(text);
            assert_eq!(found[0].message.codes[0], codes::USER_UNKNOWN, "{text}");
            assert_eq!(found[0].message.page(), "user_from_sub_claim_does_not_exist");
        }
    }

    #[test]
    fn what_is_inside_outweighs_what_is_around() {
        assert_eq!(first("token has invalid claims: token is expired").1, "token_expired");
        assert_eq!(
            first(
                "An error occurred while attempting to decode the Jwt: Jwt used before 2020-05-19T18:52:10Z"
            )
            .1,
            "token_not_yet_valid"
        );
        assert_eq!(
            first("invalid JWT: unable to parse or verify signature, token is malformed: token contains an invalid number of segments").1,
            "token_malformed"
        );
        assert_eq!(first("Could not verify JWT: JWTExpired"), ("Hasura", "token_expired"));
        // A part of a longer message is not another message.
        let found = explain("Jwt issuer is not configured");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            explain("Invalid token issuer. Expected 'https://a', but was 'https://b'")
                .iter()
                .all(|found| found.message.library == "Keycloak")
        );
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        let of = |text: &str| explain(text)[0].values.clone();
        assert_eq!(
            of("JsonWebTokenError: jwt audience invalid. expected: Orders-API or Other\n  at x"),
            [("audience", "Orders-API or Other".to_owned())]
        );
        assert_eq!(
            of("Invalid audience. Expected Billing, received [\"orders\"]"),
            [("expected", "Billing".to_owned()), ("audience", "[\"orders\"]".to_owned())]
        );
        assert_eq!(
            of(
                "{\"error_description\":\"Invalid token issuer. Expected 'https://id.acme.test/realms/Dev'\"}"
            ),
            [("expected", "https://id.acme.test/realms/Dev".to_owned())]
        );
        assert_eq!(of("signing method HS256 is invalid"), [("alg", "HS256".to_owned())]);
        assert_eq!(
            of(
                "IDX10214: Audience validation failed. Audiences: 'api://x'. Did not match: validationParameters.ValidAudience: 'y'"
            ),
            [("audience", "api://x".to_owned())]
        );
    }

    #[test]
    fn a_token_in_the_text_is_no_value() {
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
        for text in [
            format!("Fail to fetch data from the url, err: {token}"),
            format!("Invalid header string: bad {token}"),
            format!("Error loading the user {token}"),
            "Error loading the user sk-live-0123456789abcdef".to_owned(),
            format!("JwtTokenExpired: token ({token}) expired"),
            // Not one that would be known for a token by its looks.
            "JwtTokenExpired: token (opaque-0815) expired".to_owned(),
            "Wrong number of segments in token: opaque-0815".to_owned(),
        ] {
            let found = explain(&text);
            assert!(!found.is_empty() && found.iter().all(|found| found.values.is_empty()), "{found:?}");
        }
    }

    #[test]
    fn words_are_whole() {
        for text in [
            "",
            "jwt expiredness",
            "myjwt expired",
            "InvalidTokenError",
            "nothing here",
            "\\",
            "&quot;",
            "{",
            "\u{201c}",
        ] {
            assert!(explain(text).is_empty(), "{text}");
        }
        // Parts that do not belong together are not put together.
        assert!(explain(&format!("signing method {} is invalid", "x ".repeat(400))).is_empty());
    }

    #[test]
    fn a_hostile_text_ends() {
        for text in [
            "signing method ".repeat(50_000),
            "\u{1f600}".repeat(50_000),
            format!("{}jwt expired", " ".repeat(INPUT_MAX)),
            "é".repeat(INPUT_MAX) + "jwt expired",
            "\\\\\\u0027".repeat(9_000),
        ] {
            assert!(
                explain(&text)
                    .iter()
                    .all(|found| found.values.iter().all(|(_, value)| value.chars().count() <= VALUE_MAX))
            );
        }
    }
}
