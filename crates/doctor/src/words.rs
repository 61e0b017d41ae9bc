//! How evidence is written: times as distances, values of strangers cut and made harmless.

use portcullis_model::Timestamp;
use portcullis_model::time::in_words;
use std::time::Duration;

/// The most of a stranger's text that is shown.
const SHOWN: usize = 200;

/// A stranger's text in backticks: cut, with control and invisible characters as escapes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for c in text.chars().take(SHOWN) {
        if is_invisible(c) || c.is_control() {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if text.chars().count() > SHOWN {
        out.push('…');
    }
    out.push('`');
    out
}

/// Characters that are there and cannot be seen, or that turn the direction of writing.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}')
}

/// A span in its two largest units: `3 d 4 h`.
pub fn span(of: Duration) -> String {
    if of < Duration::from_secs(1) { format!("{} ms", of.as_millis()) } else { in_words(of) }
}

/// A time, and how far it is from `now`: `2026-11-22T08:00:00Z (3 h ago)`.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let distance = match at <= now {
        true => format!("{} ago", span(now.since(at))),
        false => format!("in {}", span(at.since(now))),
    };
    format!("{} ({distance})", at.rfc3339())
}

/// A word of a shell command. What cannot be seen is written by its bytes (`$'…'`, of bash, ksh and zsh): a terminal would
/// obey it, and a person could not tell what is copied.
pub fn word(text: &str) -> String {
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/@=+,".contains(&b));
    if plain {
        return text.to_owned();
    }
    let unseen = |c: char| is_invisible(c) || c.is_control();
    if !text.contains(unseen) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        if unseen(c) {
            // Three octal digits each: nothing that follows can belong to them.
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.push_str(&format!("\\{byte:03o}"));
            }
        } else {
            if matches!(c, '\'' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_stays_harmless() {
        assert_eq!(quoted("a\u{1b}[31m\u{200b}b"), "`a\\u{1b}[31m\\u{200b}b`");
        assert!(quoted(&"x".repeat(5_000)).chars().count() < 210);
        assert_eq!(word("ada"), "ada");
        assert_eq!(word("o'neil $(id)"), r"'o'\''neil $(id)'");
        assert_eq!(word("a\u{200b}1"), r"$'a\342\200\2131'");
        assert_eq!(word("\u{1b}[31m\n$(id)'\\"), r"$'\033[31m\012$(id)\'\\'");
    }

    #[test]
    fn spans_have_two_units() {
        assert_eq!(span(Duration::from_secs(93_784)), "1 d 2 h");
        assert_eq!(span(Duration::from_millis(20)), "20 ms");
        let now = Timestamp::from_seconds(1_000);
        assert!(when(Timestamp::from_seconds(940), now).ends_with("(1 min ago)"));
        assert!(when(Timestamp::from_seconds(1_030), now).ends_with("(in 30 s)"));
    }
}
