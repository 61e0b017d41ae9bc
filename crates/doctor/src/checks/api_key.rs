//! API keys: expired, revoked, cut, confined.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use async_trait::async_trait;

pub(super) struct ApiKey;

/// Code, who, what it means, what to do.
const CAUSES: [(Cause, By, &str, &str); 5] = [
    (
        cause::API_KEY_INVALID,
        By::Caller,
        "the API key is not whole: it was cut or mistyped",
        "copy the whole key, `pck_…`, without spaces; it is shown once, when it is made",
    ),
    (
        cause::API_KEY_UNKNOWN,
        By::Caller,
        "no API key has this id, or its secret is another one",
        "check that the key is of this environment; make a new one if it is lost",
    ),
    (cause::API_KEY_EXPIRED, By::Operator, "the API key has expired", "rotate it"),
    (
        cause::API_KEY_REVOKED,
        By::Operator,
        "the API key was revoked",
        "make a new one; the audit log says who revoked it",
    ),
    (
        cause::API_KEY_CONFINED,
        By::Operator,
        "the API key may not be used for this",
        "use it within its limits, or make one with wider limits",
    ),
];

#[async_trait]
impl Check for ApiKey {
    fn name(&self) -> &'static str {
        "api_key"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some((code, by, what, action)) = CAUSES.iter().find(|(code, ..)| case.refused_as(code.as_str()))
        else {
            return Seen::Nothing;
        };
        let Some(refusal) = &case.course.refusal else { return Seen::Nothing };
        let mut finding = Finding::new(*code, refusal.stage, Likelihood::Certain, *by, *what)
            .action(*action)
            .command("portcullis key list");
        if let Some(context) = &refusal.context {
            finding = finding.evidence(context.clone());
        }
        Seen::one(finding)
    }
}
