//! The path of the call as the report shows it, and the verdict in one sentence.

use crate::case::Case;
use crate::report::{Finding, Likelihood, Step, StepState};
use crate::stage::Stage;
use crate::words::{quoted, when};
use portcullis_identity::CredentialKind;
use portcullis_model::service::AuthMode;

/// What happened, and why, in one sentence.
pub(crate) fn verdict(case: &Case, first: Option<&Finding>) -> String {
    let call = match (&case.token, &case.record) {
        (None, Some(record)) => format!("call {}", record.id),
        _ => "this credential".to_owned(),
    };
    match (&case.course.refusal, first.filter(|finding| finding.likelihood != Likelihood::Aside)) {
        (Some(refusal), Some(finding)) => {
            let sure = match finding.likelihood {
                Likelihood::Certain => "",
                Likelihood::Likely => "probably: ",
                _ => "possibly: ",
            };
            format!("{call} is refused with `{}`: {sure}{}", refusal.code, finding.summary)
        }
        (Some(refusal), None) => format!("{call} is refused with `{}`: {}", refusal.code, refusal.title),
        (None, Some(finding)) => format!("{call} passes the gateway, and yet: {}", finding.summary),
        (None, None) => format!("{call} is accepted"),
    }
}

/// Every step, as far as the call came.
pub(crate) fn steps(case: &Case) -> Vec<Step> {
    let api_key = case.course.seen.kind == Some(CredentialKind::ApiKey);
    let path = Stage::PATH.into_iter().filter(|stage| {
        !api_key || matches!(stage, Stage::Credential | Stage::Resolve | Stage::Authorise | Stage::Dispatch)
    });
    let mut steps: Vec<Step> = Vec::new();
    if case.failed() == Some(Stage::Accept) {
        steps.push(Step { stage: Stage::Accept, state: StepState::Failed, detail: refusal(case) });
    }
    for stage in path {
        let (state, detail) = step(case, stage);
        if matches!(stage, Stage::Authorise | Stage::Dispatch)
            && state == StepState::NotReached
            && case.service.is_none()
        {
            continue;
        }
        steps.push(Step { stage, state, detail });
    }
    steps
}

fn refusal(case: &Case) -> String {
    case.course.refusal.as_ref().map_or_else(String::new, |refusal| {
        let more = refusal.context.clone().unwrap_or_else(|| refusal.detail.clone());
        if more.is_empty() || more == refusal.title {
            format!("`{}`: {}", refusal.code, refusal.title)
        } else {
            format!("`{}`: {}; {more}", refusal.code, refusal.title)
        }
    })
}

fn step(case: &Case, stage: Stage) -> (StepState, String) {
    if case.failed() == Some(stage) {
        return (StepState::Failed, refusal(case));
    }
    let recorded = case.token.is_none();
    let reached = match case.failed() {
        Some(Stage::Accept) => false,
        // Whose token it is, is asked before its keys are looked at; the code comes later in the order of codes.
        Some(Stage::Issuer) => matches!(stage, Stage::Credential | Stage::Shape),
        Some(failed) => stage < failed,
        None => match stage {
            Stage::Authorise => case.service.is_some(),
            Stage::Dispatch => recorded,
            _ => true,
        },
    };
    if !reached {
        return (StepState::NotReached, String::new());
    }
    let state = match (recorded, stage) {
        (true, Stage::Resolve) => StepState::Passed,
        (true, _) => StepState::AsRecorded,
        (false, _) => StepState::Passed,
    };
    (state, detail(case, stage))
}

fn detail(case: &Case, stage: Stage) -> String {
    let seen = &case.course.seen;
    match stage {
        Stage::Credential => match seen.kind {
            Some(CredentialKind::ApiKey) => "an API key, by its shape".to_owned(),
            Some(CredentialKind::Token) => "a token, by its shape".to_owned(),
            None => "one credential".to_owned(),
        },
        Stage::Shape => {
            let digest = seen.token.as_ref().map_or("", |facts| facts.digest.as_str());
            let opened = seen.opened.as_ref().map(|how| format!(", opened ({how})")).unwrap_or_default();
            format!("well-formed{opened}; digest `{digest}`")
        }
        Stage::Algorithm => {
            let alg = seen.header.as_ref().map(|(alg, ..)| alg.clone());
            let alg = alg.or_else(|| Some(case.header.as_ref()?.get("alg")?.as_str()?.to_owned()));
            format!("`{}`", alg.unwrap_or_default())
        }
        Stage::Key => {
            let kid = case.kid();
            let asked: String =
                seen.asked.iter().map(|(why, what)| format!("; key set ({why}): {what}")).collect();
            format!("`kid` {}{asked}", kid.map_or("none".to_owned(), quoted))
        }
        Stage::Signature => match &seen.signed {
            Some((kid, alg)) => {
                let before = if seen.remembered { ", verified before" } else { "" };
                format!("counts under key `{}` with `{alg}`{before}", kid.as_deref().unwrap_or("none"))
            }
            None => "judged when the call was made".to_owned(),
        },
        Stage::Issuer => {
            let name = seen.issuer.as_ref().map_or("unknown", |name| name.as_str());
            format!("`{name}`, `iss` {}", case.text("iss").map_or("none".to_owned(), quoted))
        }
        Stage::Time => match case.time("exp") {
            Some(exp) => format!("expires {}", when(exp, case.now)),
            None => String::new(),
        },
        Stage::Audience => {
            let claim = case.issuer().and_then(|issuer| issuer.audience_claim.as_deref()).unwrap_or("aud");
            let value = case.claims.as_ref().and_then(|claims| claims.get(claim));
            format!("`{claim}` {}", value.map_or("none".to_owned(), |value| quoted(&value.to_string())))
        }
        Stage::Type => {
            let typ = case.header.as_ref().and_then(|header| header.get("typ")?.as_str());
            format!("`typ` {}", typ.map_or("none".to_owned(), quoted))
        }
        Stage::Revocation if case.issuer().is_some_and(|issuer| issuer.single_use) => match case.code() {
            // It may be just this that could not be asked.
            "resolution_unavailable" | "resolution_overloaded" => {
                "not on the list; for one call, and whether it was used before may not be known".to_owned()
            }
            _ => "not on the list; for one call, and not used before".to_owned(),
        },
        Stage::Revocation => "not on the list".to_owned(),
        Stage::Resolve => resolved(case),
        Stage::Authorise => match &case.service {
            Some(service) if service.auth == AuthMode::Required => format!("may call `{}`", service.name),
            Some(service) => format!("`{}` asks nobody (`auth`)", service.name),
            None => String::new(),
        },
        Stage::Dispatch => match case.record.as_ref().and_then(|record| record.upstream_status) {
            Some(status) => format!("the service behind answered {status}"),
            None => "the service behind was not asked, or did not answer".to_owned(),
        },
        Stage::Accept => String::new(),
    }
}

fn resolved(case: &Case) -> String {
    let seen = &case.course.seen;
    let asked = match (&seen.subject, &seen.machine) {
        (_, Some((client, claim))) => format!("the machine's client {} (by `{claim}`)", quoted(client)),
        (Some((attribute, value)), _) => format!("looked up as `{attribute}`: {}", quoted(value)),
        (None, None) => case
            .course
            .caller
            .as_ref()
            .and_then(|caller| case.identity.looked(caller)?.ok())
            .map(|looked| format!("looked up as `{}`: {}", looked.attribute, quoted(&looked.value)))
            .unwrap_or_default(),
    };
    let from = seen.resolved.map(|(outcome, freshness)| format!("; {outcome}, {}", freshness.as_str()));
    let user = seen.user.as_ref().map(|user| format!("; user {}", user.id));
    let application =
        seen.application.as_ref().map(|application| format!("; application `{}`", application.name));
    let teams =
        case.course.principal.as_ref().filter(|principal| !principal.teams.is_empty()).map(|principal| {
            let names: Vec<_> = principal.teams.iter().map(|team| format!("`{}`", team.name)).collect();
            format!("; in teams {}", names.join(", "))
        });
    let text = [Some(asked), from, user, application, teams].into_iter().flatten().collect::<String>();
    text.trim_start_matches("; ").to_owned()
}
