//! Bounds on the texts that people send: length, and no control characters.

use crate::answer::{Refused, invalid};
use portcullis_model::Timestamp;

/// Longest text of one line: names for people, reasons, e-mail addresses, subjects.
pub const LINE: usize = 512;

/// Checks one line of text.
pub fn line(member: &str, text: &str) -> Result<(), Refused> {
    bounded(member, text, LINE)
}

/// Checks an optional line of text.
pub fn optional_line(member: &str, text: Option<&str>) -> Result<(), Refused> {
    text.map_or(Ok(()), |text| line(member, text))
}

/// Checks a list of short texts: at most `most` of them, each a line, none twice.
pub fn list(member: &str, texts: &[String], most: usize) -> Result<(), Refused> {
    if texts.len() > most {
        return Err(invalid(format!("`{member}` has at most {most} entries, not {}", texts.len())));
    }
    for (index, text) in texts.iter().enumerate() {
        line(member, text)?;
        if texts[..index].contains(text) {
            return Err(invalid(format!("`{member}` names the same thing twice")));
        }
    }
    Ok(())
}

/// Reads a time in RFC 3339.
pub fn time(member: &str, text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| invalid(format!("`{member}` is a time in RFC 3339, as `2026-11-22T08:09:10Z`")))
}

/// Reads an optional time in RFC 3339.
pub fn optional_time(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refused> {
    text.map(|text| time(member, text)).transpose()
}

fn bounded(member: &str, text: &str, most: usize) -> Result<(), Refused> {
    if text.is_empty() {
        return Err(invalid(format!("`{member}` is empty")));
    }
    if text.len() > most {
        return Err(invalid(format!("`{member}` is longer than {most} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(format!("`{member}` has a control character in it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert!(line("reason", "left the company").is_ok());
        for bad in ["", "a\nb", "\u{0}", &"x".repeat(LINE + 1)] {
            assert!(line("reason", bad).is_err());
        }
        assert!(list("roles", &["a".into(), "a".into()], 9).is_err());
        assert!(time("from", "yesterday").is_err());
    }
}
