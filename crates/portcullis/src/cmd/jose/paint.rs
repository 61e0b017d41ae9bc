//! Colour as far as the terminal wants it, and text out of tokens made harmless for a terminal.

use clap::ValueEnum;
use serde_json::Value;
use std::fmt::Write;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a colour stands for. The three parts of a token have those by which people know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The header.
    Header,
    /// The payload; of an encrypted token, the ciphertext.
    Payload,
    /// The signature; of an encrypted token, the authentication tag.
    Signature,
    /// The encrypted key of an encrypted token.
    Key,
    /// Its initialisation vector.
    Iv,
    /// A good outcome.
    Good,
    /// An error.
    Bad,
    /// A warning.
    Warning,
    /// Worth knowing.
    Info,
    /// What stands beside.
    Faint,
    /// A heading.
    Strong,
}

/// Writes in colour, or not.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// For a stream that is a terminal or not.
    pub fn of(color: Color, environment: &[(String, String)], terminal: bool) -> Self {
        let variable = |name: &str| {
            environment.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()).unwrap_or("")
        };
        Self(match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && variable("NO_COLOR").is_empty() && variable("TERM") != "dumb",
        })
    }

    /// In this colour. An empty text stays one.
    pub fn ink(self, ink: Ink, text: &str) -> String {
        if !self.0 || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Header => "31",
            Ink::Payload => "35",
            Ink::Signature => "36",
            Ink::Key => "33",
            Ink::Iv => "34",
            Ink::Good => "1;32",
            Ink::Bad => "1;31",
            Ink::Warning => "1;33",
            Ink::Info => "1;34",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        // Line by line: pagers lose a colour at the end of a line.
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| if line.is_empty() { String::new() } else { format!("\x1b[{code}m{line}\x1b[0m") })
            .collect();
        lines.join("\n")
    }

    /// JSON over several lines, indented by `indent` columns, with what `beside` says about a member of the outermost
    /// object behind it.
    pub fn json(
        self,
        ink: Ink,
        value: &Value,
        indent: usize,
        beside: impl Fn(&str, &Value) -> Option<String>,
    ) -> String {
        let mut out = String::new();
        let margin = " ".repeat(indent);
        let Value::Object(members) = value else {
            return pretty(value, indent).lines().map(|line| self.ink(ink, line) + "\n").collect();
        };
        if members.is_empty() {
            return format!("{margin}{}\n", self.ink(ink, "{}"));
        }
        let _ = writeln!(out, "{margin}{}", self.ink(ink, "{"));
        for (at, (name, member)) in members.iter().enumerate() {
            let comma = if at + 1 < members.len() { "," } else { "" };
            let text = pretty(member, indent + 2);
            let text = format!("{margin}  {}: {}{comma}", quoted(name), text.trim_start());
            out.push_str(&self.ink(ink, &text));
            if let Some(note) = beside(name, member) {
                let _ = write!(out, "  {}", self.ink(Ink::Faint, &note));
            }
            out.push('\n');
        }
        let _ = writeln!(out, "{margin}{}", self.ink(ink, "}"));
        out
    }
}

/// Every line after the first, and the first, indented by `indent` columns. Without a final line break.
fn pretty(value: &Value, indent: usize) -> String {
    let margin = " ".repeat(indent);
    match value {
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let items: Vec<String> = items.iter().map(|item| pretty(item, indent + 2)).collect();
            format!("{margin}[\n{}\n{margin}]", items.join(",\n"))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| pretty(item, 0)).collect();
            format!("{margin}[{}]", items.join(", "))
        }
        Value::Object(members) if members.is_empty() => format!("{margin}{{}}"),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, member)| {
                    format!("{margin}  {}: {}", quoted(name), pretty(member, indent + 2).trim_start())
                })
                .collect();
            format!("{margin}{{\n{}\n{margin}}}", members.join(",\n"))
        }
        Value::String(text) => format!("{margin}{}", quoted(text)),
        other => format!("{margin}{other}"),
    }
}

fn quoted(text: &str) -> String {
    let json = Value::String(text.to_owned()).to_string();
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if is_harmful(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        out
    })
}

/// Text of strangers, as it may be written to a terminal: what would move the cursor, change colours or turn the
/// direction of writing is written as an escape.
pub fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_harmful(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    })
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Breaks text into lines of at most `width` columns at its spaces; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn colour_follows_the_wish_then_the_variable_then_the_terminal() {
        let no_color = [("NO_COLOR".to_owned(), "1".to_owned())];
        let empty = [("NO_COLOR".to_owned(), String::new())];
        let dumb = [("TERM".to_owned(), "dumb".to_owned())];
        for (color, environment, terminal, want) in [
            (Color::Auto, &[][..], true, true),
            (Color::Auto, &[], false, false),
            (Color::Auto, &no_color, true, false),
            // https://no-color.org: an empty value is as none.
            (Color::Auto, &empty, true, true),
            (Color::Auto, &dumb, true, false),
            (Color::Always, &no_color, false, true),
            (Color::Never, &[], true, false),
        ] {
            assert_eq!(
                Paint::of(color, environment, terminal).0,
                want,
                "{color:?} {environment:?} {terminal}"
            );
        }
        assert_eq!(Paint(true).ink(Ink::Header, "a\nb"), "\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m");
        assert_eq!(Paint(false).ink(Ink::Header, "a"), "a");
    }

    #[test]
    fn json_is_readable_and_cannot_paint_by_itself() {
        let value =
            json!({ "a": ["x", 1], "exp": 5, "o": { "n": [{ "k": "\u{1b}[31m\u{202e}\u{9b}" }] }, "e": {} });
        let text = Paint(false)
            .json(Ink::Payload, &value, 2, |name, _| (name == "exp").then(|| "beside".to_owned()));
        assert_eq!(
            text,
            concat!(
                "  {\n    \"a\": [\"x\", 1],\n    \"exp\": 5,  beside\n    \"o\": {\n      \"n\": [\n        {\n",
                "          \"k\": \"\\u001b[31m\\u202e\\u009b\"\n        }\n      ]\n    },\n    \"e\": {}\n  }\n"
            )
        );
        let again: Value = serde_json::from_str(&text.replace("  beside", "")).unwrap();
        assert_eq!(again, value);
        assert_eq!(harmless("a\u{1b}[0m"), "a\\u{1b}[0m");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("aa bb ccccccc d", 5), ["aa bb", "ccccccc", "d"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
