//! Malformed: truncated, `Bearer` pasted in, padding, quotes, line breaks, the wrong number of parts. With the place, and
//! with what the credential would be if it were mended.

use crate::case::Case;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_identity::CredentialKind;
use portcullis_jose::Severity;

pub(super) struct Shape;

#[async_trait]
impl Check for Shape {
    fn name(&self) -> &'static str {
        "shape"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(stage) = case.failed().filter(|stage| matches!(stage, Stage::Credential | Stage::Shape))
        else {
            return match &case.token {
                Some(_) => Seen::InOrder("one well-formed credential".to_owned()),
                None => Seen::Nothing,
            };
        };
        // The shape of an API key has a check of its own.
        if case.course.seen.kind == Some(CredentialKind::ApiKey) {
            return Seen::Nothing;
        }
        let Some(explanation) = &case.explanation else { return Seen::Nothing };
        let mut findings = Vec::new();
        for found in explanation.findings.iter().filter(|found| found.severity != Severity::Info) {
            let at = found.at.map(|at| format!(", at byte {at}")).unwrap_or_default();
            let likelihood = if found.code.ends_with("_missing") || found.severity == Severity::Warning {
                Likelihood::Likely
            } else {
                Likelihood::Certain
            };
            let mut finding =
                Finding::new(found, stage, likelihood, By::Caller, summary(found.code, &found.evidence))
                    .evidence(format!("{}{}{at}", found.subject, found.evidence))
                    .action(found.next)
                    .page(codes::TOKEN_MALFORMED);
            if let Some(repaired) = &found.repaired {
                let mended = case.ground().course_of(repaired).await;
                let begins: String = repaired.chars().take(12).collect();
                let outcome = match &mended.refusal {
                    None => "it would be accepted".to_owned(),
                    Some(refusal) => format!("it would be refused with `{}`", refusal.code),
                };
                finding = finding.evidence(format!(
                    "mended (it then begins with {} and has {} bytes), {outcome}",
                    quoted(&begins),
                    repaired.len()
                ));
            }
            findings.push(finding);
        }
        Seen::all(findings, "nothing wrong was found in its shape")
    }
}

/// The sentence for the commonest; otherwise the evidence is the sentence.
fn summary(code: &str, evidence: &str) -> String {
    match code {
        "scheme_prefix" => {
            "`Bearer` was sent twice: it stands in front of the token that was given".to_owned()
        }
        "header_line_pasted" => "a whole header line was given instead of the token in it".to_owned(),
        "surrounding_space" => "there is white space around the token".to_owned(),
        "parts_missing" => "the token was cut: it has too few parts".to_owned(),
        "invisible_character" => "the token has a character in it that cannot be seen".to_owned(),
        _ => evidence.to_owned(),
    }
}
