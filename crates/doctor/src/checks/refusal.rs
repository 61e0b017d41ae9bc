//! The refusal itself, for whatever no check has a better word for. Last, and never silent: whoever asks is told at least
//! what the request path said.

use crate::case::Case;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use async_trait::async_trait;
use portcullis_fault::Code;
use portcullis_fault::codes::Blame;

pub(super) struct Refusal;

#[async_trait]
impl Check for Refusal {
    fn name(&self) -> &'static str {
        "refusal"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(refusal) = &case.course.refusal else {
            return Seen::InOrder("nothing refuses it".to_owned());
        };
        let Some(code) = Code::find(&refusal.code) else { return Seen::Nothing };
        let by = match code.blame() {
            Blame::Caller => By::Caller,
            Blame::Administrator => By::IssuerAdministrator,
            _ => By::Operator,
        };
        let mut finding = Finding::new(code, refusal.stage, Likelihood::Possible, by, code.title())
            .action("read the page of the code: root causes, what to check, workarounds and dead ends")
            .page(code);
        for evidence in [Some(refusal.detail.clone()), refusal.context.clone()].into_iter().flatten() {
            if !evidence.is_empty() && evidence != code.title() {
                finding = finding.evidence(evidence);
            }
        }
        Seen::one(finding)
    }
}
