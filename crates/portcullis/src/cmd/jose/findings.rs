//! Findings on a terminal: an ordered list, each with how bad it is, where it is, what was seen and what to do next.

use super::paint::{Ink, harmless, wrapped};
use super::session::Session;
use portcullis_jose::{Finding, Severity};
use std::fmt::Write;

/// Characters before and behind the place, when it is shown.
const AROUND: usize = 24;

/// The list. `input` is what offsets count in; after a repair they count in the repaired form. Without it no place is
/// shown.
pub fn list(session: &Session<'_>, findings: &[Finding], input: Option<&str>) -> String {
    let mut text = String::new();
    let mut seen = input.map(str::to_owned);
    let margin = findings.len().to_string().len() + 2;
    let indent = " ".repeat(margin);
    for (index, finding) in findings.iter().enumerate() {
        let number = format!("{}.", index + 1);
        let severity = severity(session, finding.severity);
        let code = session.paint.ink(Ink::Strong, finding.code);
        let _ = writeln!(text, "{number:<margin$}{severity} {code}");
        let evidence = harmless(&format!("{}{}", finding.subject, finding.evidence));
        for line in wrapped(&evidence, session.width - margin) {
            let _ = writeln!(text, "{indent}{line}");
        }
        if let (Some(at), Some(seen)) = (finding.at, &seen) {
            for line in place(session, seen, at).unwrap_or_default() {
                let _ = writeln!(text, "{indent}  {line}");
            }
        }
        if finding.next != "nothing" {
            for (at, line) in wrapped(finding.next, session.width - margin - 6).iter().enumerate() {
                let label = if at == 0 { session.paint.ink(Ink::Faint, "next:") } else { "     ".to_owned() };
                let _ = writeln!(text, "{indent}{label} {line}");
            }
        }
        // Without an input to show nothing of it is shown, in whatever form.
        if let (Some(repaired), true) = (&finding.repaired, seen.is_some()) {
            seen = Some(repaired.clone());
        }
    }
    text
}

fn severity(session: &Session<'_>, severity: Severity) -> String {
    let (ink, word) = match severity {
        Severity::Error => (Ink::Bad, "error"),
        Severity::Warning => (Ink::Warning, "warning"),
        Severity::Info => (Ink::Info, "info"),
    };
    session.paint.ink(ink, word)
}

/// What stands around this byte, and a caret under it. Nothing if there is no such byte.
///
/// Only a little of it: what was given is a secret of whoever gave it, and ends up in screenshots and tickets.
fn place(session: &Session<'_>, input: &str, at: usize) -> Option<[String; 2]> {
    if at > input.len() {
        return None;
    }
    // The start of the character that this byte belongs to.
    let at = (0..=at).rev().find(|at| input.is_char_boundary(*at))?;
    let (before, behind) = input.split_at(at);
    let start = before.char_indices().rev().nth(AROUND - 1).map_or(0, |(start, _)| start);
    let cut = behind.char_indices().nth(AROUND).map_or(behind.len(), |(end, _)| end);
    let shown = |text: &str| -> String {
        // One column each, so that the caret stands right.
        text.chars()
            .map(|c| if c == ' ' || harmless(&c.to_string()).len() == c.len_utf8() { c } else { '·' })
            .collect()
    };
    let dots = if start > 0 { "…" } else { "" };
    let lead = format!("{dots}{}", shown(&before[start..]));
    let tail = if cut < behind.len() { "…" } else { "" };
    let line = format!("{lead}{}{tail}", shown(&behind[..cut]));
    let caret = format!("{}^ byte {at}", " ".repeat(lead.chars().count()));
    Some([line, session.paint.ink(Ink::Bad, &caret)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Globals, Output};
    use crate::cmd::jose::paint::Color;
    use portcullis_jose::explain::{AtHand, explain};
    use portcullis_model::Timestamp;

    #[test]
    fn a_place_has_a_caret_under_it_and_little_around_it() {
        let globals = Globals { config: None, data_dir: None, output: Output::Text, environment: Vec::new() };
        let session = Session::new(&globals, Color::Never, Some(Timestamp::from_seconds(0)));
        let [line, caret] = place(&session, "abc\ndef", 3).unwrap();
        assert_eq!((line.as_str(), caret.as_str()), ("abc·def", "   ^ byte 3"));
        let [line, caret] = place(&session, &"x".repeat(400), 200).unwrap();
        assert_eq!(line.chars().count(), 2 * AROUND + 2);
        assert_eq!(caret.find('^'), Some(AROUND + 1));
        assert_eq!(place(&session, "é", 1).unwrap()[1], "^ byte 0");
        assert!(place(&session, "a", 2).is_none());
        // The second offset counts in what was left after the first repair.
        let pasted = "Bearer eyJhbGciOiJFUzI1NiJ9.e30=.AAAA";
        let found = explain(pasted, &AtHand::new(0)).findings;
        let text = list(&session, &found, Some(pasted));
        assert!(text.contains("1. error scheme_prefix") && text.contains("Bearer eyJ"), "{text}");
        assert!(text.lines().any(|line| line.trim_end().ends_with("^ byte 24")), "{text}");
    }
}
