//! The user source that the subject is looked up in: does it answer, how fast, is its breaker open, and is its copy behind.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{span, when};
use async_trait::async_trait;
use portcullis_identity::SourceAtHand;
use portcullis_identity::sources::foreign::{Failure, FailureKind, Freshness, Person, Wanted};
use portcullis_model::probe::SourceState;
use std::time::{Duration, Instant};

pub(super) struct UserSource;

/// Slower than this is worth knowing.
const SLOW: Duration = Duration::from_millis(200);
/// For one answer, whatever the source's own `timeout` allows: what is known has to be told before the check is given up.
const PATIENCE: Duration = Duration::from_millis(1_500);

#[async_trait]
impl Check for UserSource {
    fn name(&self) -> &'static str {
        "user_source"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let asked = case.course.caller.as_ref().and_then(|caller| case.identity.source_of(caller));
        let Some((source, wanted)) = asked else { return Seen::Nothing };
        let states = case.probe.as_ref().map(|probe| probe.sources()).unwrap_or_default();
        let state = states.into_iter().find(|state| state.name == source.name);
        let refused = matches!(case.code(), "resolution_unavailable" | "resolution_overloaded");
        let likelihood = if refused { Likelihood::Certain } else { Likelihood::Aside };
        let mut findings = Vec::new();
        let began = Instant::now();
        let truth = in_time(source.foreign.find(&wanted, Freshness::Primary)).await;
        let took = began.elapsed();
        // Whom the call itself found was only slow.
        let slow = match &truth {
            Ok(_) => took > SLOW,
            Err(failure) => failure.kind == FailureKind::Slow && !refused,
        };
        if let Err(failure) = truth.as_ref()
            && !slow
        {
            findings.extend(failed(&source, failure.kind, likelihood).map(|finding| {
                finding.evidence(failure.message.clone()).evidence(format!("after {}", span(took)))
            }));
        }
        findings.extend(state.as_ref().and_then(|state| breaker(case, &source, state, likelihood)));
        if slow {
            let least = if truth.is_ok() { "" } else { "more than " };
            findings.push(
                finding(
                    cause::SOURCE_SLOW,
                    if refused { Likelihood::Likely } else { Likelihood::Aside },
                    format!("user source `{}` took {least}{} to answer", source.name, span(took)),
                )
                .evidence(format!("a look-up is given up after `timeout` of `[[sources]]` `{}`", source.name))
                .action("see to an index for the query, or to the service; callers wait for it"),
            );
        }
        if truth.is_ok() && refused && findings.is_empty() {
            let finding = finding(
                cause::SOURCE_WAS_UNREACHABLE,
                Likelihood::Certain,
                format!("user source `{}` could not be asked at that moment, and answers now", source.name),
            );
            let finding = finding
                .evidence(format!("it answered in {}", span(took)))
                .action("call again; if it comes back, look at the source's own log at that time");
            findings.push(last_error(finding, state.as_ref(), case));
        }
        if source.foreign.has_replica() {
            findings.extend(replica(&source, &wanted, truth.as_deref().ok(), case).await);
        }
        Seen::all(findings, format!("user source `{}` answered in {}", source.name, span(took)))
    }
}

fn finding(code: Cause, likelihood: Likelihood, summary: String) -> Finding {
    Finding::new(code, Stage::Resolve, likelihood, By::Operator, summary)
}

/// What a source says, if it says it soon.
async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late =
        || Failure::slow(format!("no answer within {}, and it is waited for no longer", span(PATIENCE)));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}

fn failed(source: &SourceAtHand, kind: FailureKind, likelihood: Likelihood) -> Option<Finding> {
    let name = &source.name;
    let (code, summary, action) = match kind {
        // What it says of one person is told where the subject is refused.
        FailureKind::Person => return None,
        FailureKind::Unreachable => (
            cause::SOURCE_UNREACHABLE,
            format!("user source `{name}` does not answer"),
            "check its address, its certificate and the network between; callers are told 503 meanwhile, never that they do not exist",
        ),
        FailureKind::Slow => (
            cause::SOURCE_TOO_SLOW,
            format!("user source `{name}` does not answer in time"),
            "see to an index for the query, or to the service; or raise `timeout` of the source, for which callers wait",
        ),
        FailureKind::Refused => (
            cause::SOURCE_CREDENTIAL_REFUSED,
            format!("user source `{name}` does not accept our credential"),
            "correct the credential, and what it may read",
        ),
        FailureKind::Broken => (
            cause::SOURCE_MISCONFIGURED,
            format!("user source `{name}` answers with something that is not what the configuration says"),
            "correct the query or the mapping of fields in `[[sources]]`",
        ),
        FailureKind::Unsupported => (
            cause::SOURCE_MISCONFIGURED,
            format!("user source `{name}` is configured so that it cannot be asked"),
            "correct what the evidence names",
        ),
    };
    Some(finding(code, likelihood, summary).action(action).command("portcullis check"))
}

fn breaker(
    case: &Case,
    source: &SourceAtHand,
    state: &SourceState,
    likelihood: Likelihood,
) -> Option<Finding> {
    let until = state.open_until?;
    let summary = format!(
        "user source `{}` failed {} times in a row and is left alone for a while",
        source.name, state.failures
    );
    let finding = finding(cause::SOURCE_BREAKER_OPEN, likelihood, summary)
        .evidence(format!("until {}", when(until, case.now)))
        .action("mend the source; the first look-up after that time that goes well closes the breaker");
    Some(last_error(finding, Some(state), case))
}

fn last_error(mut finding: Finding, state: Option<&SourceState>, case: &Case) -> Finding {
    let Some(state) = state else { return finding };
    if let (Some(at), Some(error)) = (state.failed_at, &state.last_error) {
        finding = finding.evidence(format!("{}: {error}", when(at, case.now)));
    }
    if !state.took.is_empty() {
        let took: Vec<_> = state.took.iter().rev().take(5).map(|took| span(*took)).collect();
        finding = finding.evidence(format!("its last answers took {}", took.join(", ")));
    }
    finding
}

/// Whether the copy says what the truth says.
async fn replica(
    source: &SourceAtHand,
    wanted: &Wanted,
    truth: Option<&[Person]>,
    case: &Case,
) -> Option<Finding> {
    let (copy, lag) =
        tokio::join!(in_time(source.foreign.find(wanted, Freshness::Any)), in_time(source.foreign.lag()));
    let behind = match &lag {
        Ok(Some(lag)) => format!("the replica is {} behind, as it measures itself", span(*lag)),
        Ok(None) => {
            "the replica is no copy of another server: it is configured, and replicates nothing".to_owned()
        }
        Err(failure) => format!("how far the replica is behind is not known: {failure}"),
    };
    let copy = match copy {
        Ok(copy) => copy,
        Err(failure) if failure.kind == FailureKind::Person => return None,
        Err(failure) => {
            let summary = format!("the replica of user source `{}` does not answer", source.name);
            return Some(
                finding(cause::REPLICA_UNREACHABLE, Likelihood::Aside, summary)
                    .evidence(failure.message)
                    .action("mend it; the primary is asked meanwhile, for everybody"),
            );
        }
    };
    let truth = truth?;
    let state = |people: &[Person]| match people {
        [] => "nobody".to_owned(),
        [one] => format!("one person, {}", if one.active { "active" } else { "disabled" }),
        several => format!("{} people", several.len()),
    };
    let facts =
        |people: &[Person]| people.iter().map(|one| (one.key.clone(), one.active)).collect::<Vec<_>>();
    if facts(truth) == facts(&copy) {
        return None;
    }
    let refused = case.failed() == Some(Stage::Resolve) && !truth.is_empty();
    let likelihood = if refused { Likelihood::Certain } else { Likelihood::Aside };
    let summary = format!(
        "the replica of user source `{}` is behind: the primary has {}, and the replica {}",
        source.name,
        state(truth),
        state(&copy)
    );
    let finding = finding(cause::REPLICA_BEHIND, likelihood, summary).evidence(behind);
    Some(match truth.is_empty() {
        false => finding.action(
            "see why the replica lags (a long query, paused replay, the network); who is not found there is looked up in the primary, who was changed is as the replica has them until it has caught up",
        ),
        true => finding.action("see why the replica lags; whom the primary has no longer is let in until it has caught up"),
    })
}
