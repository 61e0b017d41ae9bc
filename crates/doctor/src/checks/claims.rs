//! A claim that is missing or has the wrong form, where the token itself shows how.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_jose::{FindingSubject, Severity};
use serde_json::Value;

pub(super) struct Claims;

/// Said better elsewhere.
const ELSEWHERE: [&str; 8] = [
    "expired",
    "expired_recently",
    "not_yet_valid",
    "issued_in_future",
    "too_old",
    "signature_valid",
    "id_token",
    "logout_token",
];

#[async_trait]
impl Check for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(stage) = case.failed() else { return Seen::Nothing };
        if matches!(case.code(), "subject_missing" | "subject_invalid") {
            return Seen::one(subject(case));
        }
        if !matches!(stage, Stage::Time | Stage::Type | Stage::Revocation) {
            return Seen::Nothing;
        }
        let Some(explanation) = &case.explanation else { return Seen::Nothing };
        let code = portcullis_fault::Code::find(case.code()).unwrap_or(codes::CLAIM_INVALID);
        let about = explanation.findings.iter().filter(|found| {
            let claim = matches!(found.subject, FindingSubject::Claim(_) | FindingSubject::Part("header"));
            let bound = stage == Stage::Revocation && found.code == "bound_token";
            (bound || (claim && found.severity == Severity::Error))
                && !ELSEWHERE.contains(&found.code)
                && !found.code.starts_with("audience")
                && !found.code.starts_with("issuer")
        });
        let findings = about.map(|found| {
            let by = if found.code == "bound_token" { By::Caller } else { By::IssuerAdministrator };
            Finding::new(
                found,
                stage,
                Likelihood::Certain,
                by,
                format!("{}{}", found.subject, found.evidence),
            )
            .action(found.next)
            .page(code)
        });
        Seen::all(findings.collect(), "no claim has the wrong form")
    }
}

fn subject(case: &Case) -> Finding {
    let claim = case.issuer().map_or("sub", |issuer| issuer.subject.claim.as_str());
    // As the rule reads it: a name that has dots in it, or a path.
    let value = case.claims.as_ref().and_then(|claims| {
        claims.get(claim).or_else(|| claim.split('.').try_fold(claims, |value, name| value.get(name)))
    });
    let form = case.course.caller.as_ref().and_then(|caller| case.identity.looked(caller)?.ok()?.unfit);
    let names: Vec<String> = case
        .claims
        .as_ref()
        .and_then(Value::as_object)
        .map(|claims| claims.keys().take(30).map(|name| quoted(name)).collect())
        .unwrap_or_default();
    let finding = |code, by, summary: String| {
        Finding::new(code, Stage::Resolve, Likelihood::Certain, by, summary)
            .evidence(format!("the subject rule reads `{claim}`; the token has {}", names.join(", ")))
    };
    match value {
        None | Some(Value::Null) => finding(cause::SUBJECT_MISSING, By::IssuerAdministrator, format!("the token has no `{claim}` claim, so it names nobody"))
            .action("have the issuer write it (for some products a scope as `openid`, or a mapper, does so); or set `subject.claim` of the issuer to the claim that names the user")
            .page(codes::SUBJECT_MISSING),
        Some(Value::String(text)) if text.is_empty() => finding(cause::SUBJECT_EMPTY, By::IssuerAdministrator, format!("the token's `{claim}` is empty, so it names nobody"))
            .action("have the issuer fill it: the attribute that it is mapped from has no value for this user")
            .page(codes::SUBJECT_MISSING),
        Some(Value::Number(number)) => finding(cause::SUBJECT_IS_NUMBER, By::Operator, format!("the token's `{claim}` is a number (`{number}`) instead of text"))
            .action("have the issuer write it in quotes; or set `subject.allow_numeric_sub = true` of the issuer")
            .page(codes::SUBJECT_INVALID),
        Some(Value::String(text)) if form.is_some() => finding(cause::SUBJECT_OF_OTHER_FORM, By::IssuerAdministrator, format!("the token's `{claim}` does not look as subjects of this issuer do"))
            .evidence(format!("it is {}, and the subject rule accepts {} only", quoted(text), form.unwrap_or_default()))
            .action("have the issuer write the identifier that users are known by; or correct `subject.form` of the issuer, if it writes others too")
            .page(codes::SUBJECT_INVALID),
        // Well-formed: what it stands for is the trouble, and other checks may know more.
        Some(Value::String(_)) => {
            let context = case.course.refusal.as_ref().and_then(|refusal| refusal.context.clone());
            let summary = "the subject is well-formed, and whom it stands for cannot be a user here";
            Finding::new(cause::SUBJECT_UNFIT, Stage::Resolve, Likelihood::Possible, By::Operator, summary)
                .evidence(context.unwrap_or_else(|| "the record says no more".to_owned()))
                .action("do what the evidence says")
                .page(codes::SUBJECT_INVALID)
        }
        Some(other) => finding(cause::SUBJECT_OF_WRONG_TYPE, By::IssuerAdministrator, format!("the token's `{claim}` cannot name anybody: {}", quoted(&other.to_string())))
            .action("have the issuer write the identifier as text")
            .page(codes::SUBJECT_INVALID),
    }
}
