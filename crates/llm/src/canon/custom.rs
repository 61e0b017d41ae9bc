//! Tools that take text where others take JSON (OpenAI's custom tools).
//!
//! In the canonical form their calls have arguments like all others: an object with the text as its one member `input`. So they
//! are functions to whoever does not know them, and only who does takes the text out, or puts it in; in streams too, where
//! it comes in pieces.

use super::request::Tool;
use serde_json::{Value, json};

/// The member that the text is.
const INPUT: &str = "input";

/// Whether the tool of this name takes text.
pub fn takes_text(tools: &[Tool], name: &str) -> bool {
    tools.iter().any(|tool| matches!(tool, Tool::Custom { name: own, .. } if own == name))
}

/// Says tools that take text as functions, for whoever does not know them.
pub(super) fn as_functions(tools: &mut [Tool]) {
    for tool in tools {
        if let Tool::Custom { name, description, cache, .. } = tool {
            *tool = Tool::Function {
                name: std::mem::take(name),
                description: description.take(),
                parameters: Some(parameters()),
                strict: None,
                cache: cache.take(),
            };
        }
    }
}

/// The schema of the arguments of such a function.
fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": { INPUT: { "type": "string", "description": "the whole input of the tool, as plain text" } },
        "required": [INPUT],
    })
}

/// Arguments with this text.
pub fn arguments(input: &str) -> String {
    let mut wrap = Wrap::default();
    wrap.feed(input) + wrap.finish()
}

/// The text in arguments. Arguments of another form are what the model took for the text.
pub fn input(arguments: &str) -> String {
    let mut unwrap = Unwrap::default();
    let text = unwrap.feed(arguments);
    text + &unwrap.finish()
}

/// Puts text that comes in pieces into arguments.
#[derive(Debug, Default)]
pub struct Wrap {
    begun: bool,
}

impl Wrap {
    /// The next piece, as a piece of arguments.
    pub fn feed(&mut self, text: &str) -> String {
        let quoted = Value::from(text).to_string();
        // A text is written between two quotes.
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        if std::mem::replace(&mut self.begun, true) {
            return inside.to_owned();
        }
        format!("{{\"{INPUT}\":\"{inside}")
    }

    /// What ends them.
    pub fn finish(&mut self) -> &'static str {
        if std::mem::replace(&mut self.begun, true) { "\"}" } else { "{\"input\":\"\"}" }
    }
}

/// Takes the text out of arguments that come in pieces, cut anywhere.
#[derive(Debug, Default)]
pub struct Unwrap {
    at: At,
    /// What came before the text, in case there is none; at most what stands before it, and white space.
    before: String,
    /// The first half of a character of two.
    high: Option<u16>,
}

#[derive(Debug)]
enum At {
    /// Before the text: how many of the [`SIGNS`] came, and how much of the next.
    Before(usize, usize),
    Text,
    /// Within a character that is written otherwise: what came behind the backslash.
    Escape(String),
    /// Behind it.
    Behind,
    /// They are of another form, and pass as they are.
    Other,
}

impl Default for At {
    fn default() -> Self {
        Self::Before(0, 0)
    }
}

/// What stands before the text, with white space between.
const SIGNS: [&str; 4] = ["{", "\"input\"", ":", "\""];

/// Bytes of it that are kept: nobody writes so much white space.
const MOST_BEFORE: usize = 4 << 10;

/// Characters of `\u` and its digits, without the backslash.
const UNIT: usize = 5;

impl Unwrap {
    /// The text in the next piece.
    pub fn feed(&mut self, piece: &str) -> String {
        let mut text = String::new();
        for c in piece.chars() {
            self.char(c, &mut text);
        }
        text
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> String {
        match std::mem::replace(&mut self.at, At::Behind) {
            At::Before(..) => std::mem::take(&mut self.before),
            _ => self.high.take().map(|_| char::REPLACEMENT_CHARACTER).into_iter().collect(),
        }
    }

    fn char(&mut self, c: char, text: &mut String) {
        match &mut self.at {
            At::Before(sign, offset) => {
                self.before.push(c);
                if *offset == 0 && c.is_ascii_whitespace() && self.before.len() < MOST_BEFORE {
                    return;
                }
                let wanted = SIGNS[*sign];
                if wanted[*offset..].starts_with(c) {
                    *offset += c.len_utf8();
                    if *offset == wanted.len() {
                        (*sign, *offset) = (*sign + 1, 0);
                    }
                    if *sign == SIGNS.len() {
                        self.at = At::Text;
                    }
                } else if (*sign, *offset, c) == (1, 0, '}') {
                    // No arguments at all.
                    self.at = At::Behind;
                } else {
                    text.push_str(&std::mem::take(&mut self.before));
                    self.at = At::Other;
                }
            }
            At::Text => match c {
                '\\' => self.at = At::Escape(String::new()),
                '"' => {
                    self.lone(text);
                    self.at = At::Behind;
                }
                c => {
                    self.lone(text);
                    text.push(c);
                }
            },
            At::Escape(escape) => {
                escape.push(c);
                if escape.starts_with('u') && escape.chars().count() < UNIT {
                    return;
                }
                let escape = std::mem::take(escape);
                self.at = At::Text;
                self.escaped(&escape, text);
            }
            At::Behind => {}
            At::Other => text.push(c),
        }
    }

    /// A character that was written otherwise (RFC 8259 §7).
    fn escaped(&mut self, escape: &str, text: &mut String) {
        let plain = match escape {
            "n" => '\n',
            "t" => '\t',
            "r" => '\r',
            "b" => '\u{8}',
            "f" => '\u{c}',
            escape => match escape.strip_prefix('u') {
                Some(digits) => return self.unit(u16::from_str_radix(digits, 16).unwrap_or(0xfffd), text),
                // A quote, a slash, a backslash; what is none is meant as it stands.
                None => escape.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER),
            },
        };
        self.lone(text);
        text.push(plain);
    }

    /// A unit of UTF-16: a character, or half of one.
    fn unit(&mut self, unit: u16, text: &mut String) {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => text.extend(char::decode_utf16([high, unit]).flatten()),
            (before, unit) => {
                text.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                match unit {
                    0xd800..=0xdbff => self.high = Some(unit),
                    unit => text.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
        }
    }

    /// A half without its other.
    fn lone(&mut self, text: &mut String) {
        if self.high.take().is_some() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and cut at every character.
    fn unwrapped(arguments: &str) -> String {
        let whole = input(arguments);
        let mut unwrap = Unwrap::default();
        let mut text: String = arguments.chars().map(|c| unwrap.feed(c.encode_utf8(&mut [0; 4]))).collect();
        text.push_str(&unwrap.finish());
        assert_eq!(text, whole, "{arguments}");
        whole
    }

    #[test]
    fn text_goes_in_and_comes_out_as_it_was() {
        for text in [
            "",
            "plain",
            "two\nlines\t\"quoted\" \\ / é 😀 \u{0} \u{2028}",
            "{\"input\":\"x\"}",
            "\"}",
            "\\u0041",
        ] {
            let wrapped = arguments(text);
            assert_eq!(serde_json::from_str::<Value>(&wrapped).unwrap(), json!({ "input": text }));
            assert_eq!(unwrapped(&wrapped), text);
            let mut wrap = Wrap::default();
            let mut pieces: String = text.chars().map(|c| wrap.feed(c.encode_utf8(&mut [0; 4]))).collect();
            pieces.push_str(wrap.finish());
            assert_eq!(pieces, wrapped);
        }
    }

    #[test]
    fn arguments_as_models_write_them() {
        for (arguments, text) in [
            ("", ""),
            ("{}", ""),
            (" { } ", ""),
            (" {\n \"input\" : \"a b\" \n} ", "a b"),
            (r#"{"input":"\u00e9\ud83d\ude00\/\"\\\b\f\n\r\t"}"#, "é😀/\"\\\u{8}\u{c}\n\r\t"),
            // What is more than asked for is not the text.
            (r#"{"input":"a","why":"b"}"#, "a"),
            // Cut: what came of it.
            (r#"{"input":"half"#, "half"),
            (r#"{"input":"half\"#, "half"),
            (r#"{"input":"half\u00"#, "half"),
            (r#"{"inp"#, r#"{"inp"#),
            // Of another form: all of it is the text.
            ("print(1)", "print(1)"),
            (r#"{"text":"a"}"#, r#"{"text":"a"}"#),
            (r#"{"input":7}"#, r#"{"input":7}"#),
            (r#"["a"]"#, r#"["a"]"#),
            // Halves of characters.
            (r#"{"input":"\ud83d"}"#, "\u{fffd}"),
            (r#"{"input":"\ud83dx\ude00"}"#, "\u{fffd}x\u{fffd}"),
            (r#"{"input":"\ud83d\ud83d\ude00"}"#, "\u{fffd}😀"),
            (r#"{"input":"\ud83d\n"}"#, "\u{fffd}\n"),
            (r#"{"input":"\ud83d"#, "\u{fffd}"),
            (r#"{"input":"\uzzzz"}"#, "\u{fffd}"),
        ] {
            assert_eq!(unwrapped(arguments), text, "{arguments}");
        }
    }

    #[test]
    fn what_comes_before_is_bounded() {
        let (mut unwrap, mut text) = (Unwrap::default(), String::new());
        for _ in 0..100 {
            text.push_str(&unwrap.feed(&" ".repeat(1 << 10)));
            assert!(unwrap.before.len() <= MOST_BEFORE);
        }
        assert_eq!(text.len() + unwrap.finish().len(), 100 << 10, "none of it is lost");
    }

    #[test]
    fn only_what_takes_text_becomes_a_function() {
        let custom =
            Tool::Custom { name: "shell".into(), description: Some("d".into()), grammar: None, cache: None };
        let mut tools = vec![custom, Tool::Server { dialect: "x", kind: "shell".into(), value: json!({}) }];
        assert!(takes_text(&tools, "shell") && !takes_text(&tools, "x") && !takes_text(&tools[1..], "shell"));
        as_functions(&mut tools);
        let Tool::Function { name, description, parameters, strict: None, cache: None } = &tools[0] else {
            panic!("{tools:?}")
        };
        assert_eq!((name.as_str(), description.as_deref()), ("shell", Some("d")));
        assert_eq!(parameters.as_ref().unwrap()["required"], json!(["input"]));
        assert!(matches!(tools[1], Tool::Server { .. }) && !takes_text(&tools, "shell"));
    }
}
