//! A report for people: verdict, path, findings, what was in order. With colour where the reader wants it.

use crate::report::{Diagnosis, Finding, Likelihood, Step, StepState};
use std::fmt::Write;

/// How wide lines are broken.
const WIDTH: usize = 100;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
struct Ink(bool);

impl Ink {
    fn paint(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// The report as text. What strangers wrote is harmless in it: it cannot move a cursor or change a colour.
pub fn render(diagnosis: &Diagnosis, colour: bool) -> String {
    let ink = Ink(colour);
    let mut text = String::new();
    let mark = if diagnosis.accepted { ink.paint("32", "✓") } else { ink.paint("31", "✗") };
    block(&mut text, &format!("{mark} "), 2, &harmless(&diagnosis.verdict), |line| ink.bold(line));
    text.push('\n');
    for one in &diagnosis.path {
        step(&mut text, one, ink);
    }
    for (number, one) in diagnosis.findings.iter().enumerate() {
        finding(&mut text, number + 1, one, ink);
    }
    if !diagnosis.comparison.is_empty() {
        let _ = writeln!(text, "\n{}", ink.bold("beside the good one"));
        for row in &diagnosis.comparison {
            let mark = if row.differs { ink.paint("33", "≠") } else { ink.dim("=") };
            let _ = match row.differs {
                true => writeln!(
                    text,
                    "  {mark} {}: {} {} {}",
                    row.what,
                    harmless(&row.good),
                    ink.dim("| here"),
                    harmless(&row.bad)
                ),
                false => {
                    writeln!(text, "  {mark} {}", ink.dim(&format!("{}: {}", row.what, harmless(&row.good))))
                }
            };
        }
    }
    for (title, list) in [("in order", &diagnosis.in_order), ("not observable", &diagnosis.not_observable)] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", ink.dim(title));
        for one in list {
            block(&mut text, "  · ", 4, &harmless(&format!("{}: {}", one.check, one.detail)), |line| {
                ink.dim(line)
            });
        }
    }
    text
}

fn step(text: &mut String, step: &Step, ink: Ink) {
    let (mark, dim) = match step.state {
        StepState::Passed => (ink.paint("32", "✓"), false),
        StepState::Failed => (ink.paint("31", "✗"), false),
        StepState::AsRecorded => (ink.paint("36", "≈"), false),
        StepState::NotReached => (ink.dim("·"), true),
    };
    let name = format!("{:<11}", step.stage.as_str());
    let detail = match step.state {
        StepState::AsRecorded if step.detail.is_empty() => "as recorded".to_owned(),
        StepState::AsRecorded => format!("{} (as recorded)", step.detail),
        StepState::NotReached => "not reached".to_owned(),
        _ => step.detail.clone(),
    };
    let first = format!("  {mark} {name}");
    block(text, &first, 15, &harmless(&detail), |line| if dim { ink.dim(line) } else { line.to_owned() });
}

fn finding(text: &mut String, number: usize, finding: &Finding, ink: Ink) {
    let sure = match finding.likelihood {
        Likelihood::Certain => "certain",
        Likelihood::Likely => "likely",
        Likelihood::Possible => "possible",
        Likelihood::Aside => "beside the point",
    };
    let _ = writeln!(text);
    block(text, &format!("{number}. "), 3, &harmless(&finding.summary), |line| ink.bold(line));
    let _ =
        writeln!(text, "   {}", ink.dim(&format!("{} · {sure} · {}", finding.code, finding.stage.as_str())));
    for evidence in &finding.evidence {
        block(text, "   - ", 5, &harmless(evidence), str::to_owned);
    }
    if !finding.action.is_empty() {
        let first = format!("   {} ", ink.paint("36", &format!("{}:", finding.by.as_str())));
        block(text, &first, 5, &harmless(&finding.action), str::to_owned);
    }
    if let Some(command) = &finding.command {
        let _ = writeln!(text, "     {}", ink.paint("36", &format!("$ {}", harmless(command))));
    }
}

/// Text broken at spaces, below a first line that has a mark in front.
fn block(out: &mut String, first: &str, indent: usize, text: &str, paint: impl Fn(&str) -> String) {
    let mut line = String::new();
    let mut lines = Vec::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - indent {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    for (at, line) in lines.iter().enumerate() {
        let margin = " ".repeat(indent);
        let front = if at == 0 { first } else { margin.as_str() };
        let _ = writeln!(out, "{front}{}", paint(line));
    }
}

fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause;
    use crate::report::By;
    use crate::stage::Stage;

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            verdict: "this credential is refused with `user_unknown`: nobody".to_owned(),
            accepted: false,
            code: Some("user_unknown".to_owned()),
            examined_at: "2026-11-22T08:00:00Z".to_owned(),
            running: true,
            path: vec![
                Step { stage: Stage::Shape, state: StepState::Passed, detail: "well-formed".to_owned() },
                Step { stage: Stage::Resolve, state: StepState::Failed, detail: "x\u{1b}[31m".to_owned() },
            ],
            findings: vec![
                Finding::new(
                    cause::SUBJECT_IS_EMAIL,
                    Stage::Resolve,
                    Likelihood::Certain,
                    By::Operator,
                    "an e-mail address",
                )
                .evidence("word ".repeat(60))
                .action("link it")
                .command("portcullis user link x"),
            ],
            in_order: Vec::new(),
            not_observable: Vec::new(),
            comparison: Vec::new(),
        }
    }

    #[test]
    fn is_plain_without_colour_and_harmless_with_it() {
        let plain = render(&diagnosis(), false);
        assert!(!plain.contains('\x1b'), "{plain}");
        assert!(plain.lines().all(|line| line.chars().count() <= WIDTH + 4), "{plain}");
        for part in [
            "✓ shape",
            "✗ resolve",
            "1. an e-mail address",
            "subject_is_email · certain",
            "$ portcullis user link x",
        ] {
            assert!(plain.contains(part), "{part}: {plain}");
        }
        let coloured = render(&diagnosis(), true);
        assert!(coloured.contains("\x1b[31m✗") && !coloured.contains("x\x1b[31m"));
    }
}
