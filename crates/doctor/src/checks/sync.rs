//! Synchronisation lag: what a user source says of somebody by now, and the last synchronisation did not bring. Also what
//! keeps a synchronisation from its work: failures, and deletions that wait for approval.
//!
//! Not here: subjects that are looked up in a source themselves (`user_source`); those wait for no synchronisation.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, span, when, word};
use async_trait::async_trait;
use portcullis_identity::directory::Directory;
use portcullis_identity::sources::foreign::{Person, Wanted, identity_of};
use portcullis_identity::{Looked, SourceAtHand};
use portcullis_model::source::Sync as Settings;
use portcullis_model::sync::SyncOutcome;
use portcullis_model::{User, UserStatus};
use portcullis_store::entity::{identities, syncs};
use std::time::Duration;
use tokio::task::JoinSet;

pub(super) struct Sync;

/// For the answers of all sources together.
const PATIENCE: Duration = Duration::from_secs(3);
/// Sources of one tenant that are asked.
const SOURCES: usize = 8;
/// Sources say in whole seconds when somebody was changed.
const SECOND: Duration = Duration::from_secs(1);

/// A source that is synchronised, and how that stands.
struct Synchronised {
    source: SourceAtHand,
    settings: Option<Settings>,
    state: Option<syncs::Sync>,
    /// What the source is asked for.
    forms: Vec<String>,
    /// The keys under which the source has the user of the case.
    keys: Vec<String>,
}

#[async_trait]
impl Check for Sync {
    fn name(&self) -> &'static str {
        "synchronisation"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let looked = case.course.caller.as_ref().and_then(|caller| case.identity.looked(caller));
        let Some(Ok(looked)) = looked else { return Seen::Nothing };
        let mut all = match synchronised(case, &looked).await {
            Ok(all) => all,
            Err(why) => return Seen::NotObservable(why),
        };
        if all.is_empty() {
            return Seen::Nothing;
        }
        let mut findings: Vec<Finding> = all.iter().filter_map(|one| held_up(case, one)).collect();
        // Who is looked up in a source itself is as the source says now.
        if !looked.attribute.starts_with("source:") {
            let user = case.course.seen.user.as_deref();
            if let Err(why) = prepare(case, &looked, user, &mut all).await {
                return Seen::NotObservable(why);
            }
            let wanted = |one: &Synchronised| Wanted {
                subject: looked.value.clone(),
                issuer: looked.issuer.clone(),
                tenant: one.source.tenant.clone(),
            };
            let mut asked = JoinSet::new();
            for (at, one) in all.iter().enumerate().filter(|(_, one)| !one.forms.is_empty()) {
                let (foreign, wanted, forms) = (one.source.foreign.clone(), wanted(one), one.forms.clone());
                asked.spawn(async move {
                    (at, tokio::time::timeout(PATIENCE, foreign.near(&wanted, &forms)).await)
                });
            }
            while let Some(answer) = asked.join_next().await {
                // A source that cannot say is told of elsewhere; what it would have said is not claimed.
                let Ok((at, Ok(Ok(people)))) = answer else { continue };
                findings.extend(match user {
                    None => newcomer(case, &looked, &all[at], &people).await,
                    Some(user) => known(case, user, &all[at], &people),
                });
            }
        }
        let states: Vec<String> = all.iter().map(|one| in_short(case, one)).collect();
        Seen::all(findings, states.join("; "))
    }
}

/// The sources of the caller's tenant that are or were synchronised.
async fn synchronised(case: &Case, looked: &Looked) -> Result<Vec<Synchronised>, String> {
    let states = syncs::list(&case.store).await.map_err(|error| {
        format!("how synchronisation stands is not known: the directory cannot be asked: {error}")
    })?;
    let sources = case.identity.sources().into_iter().filter(|source| source.tenant == looked.tenant.name);
    let all = sources.filter_map(|source| {
        let configured = case.config.sources.iter().find(|configured| configured.name == source.name);
        let settings = configured.and_then(|configured| configured.sync);
        let state =
            states.iter().find(|state| state.source == source.name && state.tenant == looked.tenant.id);
        (settings.is_some() || state.is_some()).then(|| Synchronised {
            source,
            settings,
            state: state.cloned(),
            forms: Vec::new(),
            keys: Vec::new(),
        })
    });
    Ok(all.take(SOURCES).collect())
}

/// What each source is asked for: the subject of somebody who is not known here, or everything that the source's own
/// person is known by.
async fn prepare(
    case: &Case,
    looked: &Looked,
    user: Option<&User>,
    all: &mut [Synchronised],
) -> Result<(), String> {
    let Some(user) = user else {
        if matches!(case.code(), "user_unknown" | "subject_unresolved") {
            all.iter_mut().for_each(|one| one.forms = vec![looked.value.clone()]);
        }
        return Ok(());
    };
    let linked = identities::list_by_user(&case.store, user.id)
        .await
        .map_err(|error| format!("the directory cannot be asked for the user's identities: {error}"))?;
    for one in all {
        let of = identity_of(&one.source.name);
        one.keys = linked.iter().filter(|id| id.issuer == of).map(|id| id.subject.clone()).collect();
        if !one.keys.is_empty() {
            let names = [&user.username, &user.external_id, &user.email].into_iter().flatten();
            one.forms = one.keys.iter().chain(names).cloned().collect();
        }
    }
    Ok(())
}

/// The source has somebody by the subject, and we do not.
async fn newcomer(case: &Case, looked: &Looked, one: &Synchronised, people: &[Person]) -> Option<Finding> {
    let person = people.iter().find(|person| holds(person, &looked.attribute, &looked.value))?;
    let name = &one.source.name;
    let shadow = shadow(&case.directory, one, looked, person).await;
    // A tombstone stays one, whatever the source says; that is another cause.
    if shadow.as_ref().is_some_and(|user| matches!(user.status, UserStatus::Deleted | UserStatus::Merged)) {
        return None;
    }
    let failure = one.state.as_ref().and_then(|state| state.last.as_ref()).and_then(|last| {
        let own = |who: &str| who == person.key || who.ends_with(&format!("({})", person.key));
        last.failures.iter().find(|failure| own(&failure.who))
    });
    let finding = match (succeeded(one), person.changed) {
        (None, _) => behind(
            one,
            Likelihood::Certain,
            format!("user source `{name}` has this person, and was never synchronised to the end"),
        ),
        (Some(at), Some(changed)) if changed.plus(SECOND) > at => behind(
            one,
            Likelihood::Certain,
            format!("user source `{name}` has this person since after the last synchronisation"),
        )
        .evidence(format!("made or changed there {}", when(changed, case.now))),
        _ => {
            let likelihood = if failure.is_some() { Likelihood::Certain } else { Likelihood::Likely };
            let summary =
                format!("user source `{name}` has this person, whom the last synchronisation did not bring");
            Finding::new(cause::SYNC_LEFT_OUT, Stage::Resolve, likelihood, By::Operator, summary)
                .action("see whether the source's filter of people finds this person, and what the last run says of failures")
                .command(format!("portcullis source show {}", word(name.as_str())))
        }
    };
    let state = if person.active { "active" } else { "disabled" };
    let finding = finding.evidence(format!(
        "the source has `{}` {}, {state}, key {}",
        looked.attribute,
        quoted(&looked.value),
        quoted(&person.key)
    ));
    let finding = failure.iter().fold(finding, |finding, failure| {
        finding.evidence(format!("the last run could not take this person: {}", failure.reason))
    });
    let finding = shadow.iter().fold(finding, |finding, user| {
        let before = user.username.as_deref().map_or_else(|| "without a name".to_owned(), quoted);
        finding.evidence(format!("known here as user {}, {before}", user.id))
    });
    Some(with_state(finding, case, one))
}

async fn shadow(directory: &Directory, one: &Synchronised, looked: &Looked, person: &Person) -> Option<User> {
    directory.shadow(&one.source.name, looked.tenant.id, &person.key).await.ok().flatten()
}

/// The source says something else of a user of ours by now.
fn known(case: &Case, user: &User, one: &Synchronised, people: &[Person]) -> Option<Finding> {
    let name = &one.source.name;
    let person = people.iter().find(|person| one.keys.contains(&person.key));
    let by_source = user.status_changed_by == identity_of(name).as_str();
    let (likelihood, summary) = match (user.status, person) {
        (UserStatus::Suspended, Some(person)) if by_source && person.active => (
            Likelihood::Certain,
            format!(
                "user source `{name}` has this person active by now, and the last synchronisation did not"
            ),
        ),
        (UserStatus::Active, Some(person)) if !person.active => (
            Likelihood::Aside,
            format!(
                "user source `{name}` has this person disabled by now: they are let in until the next synchronisation"
            ),
        ),
        (UserStatus::Active, None) => (
            Likelihood::Aside,
            format!(
                "user source `{name}` has this person no longer, or does not show them: they are let in until a synchronisation has read everybody"
            ),
        ),
        _ => return None,
    };
    let changed = person.and_then(|person| person.changed);
    let finding = changed.iter().fold(behind(one, likelihood, summary), |finding, changed| {
        finding.evidence(format!("last changed there {}", when(*changed, case.now)))
    });
    Some(with_state(finding, case, one))
}

fn behind(one: &Synchronised, likelihood: Likelihood, summary: String) -> Finding {
    Finding::new(cause::SYNC_BEHIND, Stage::Resolve, likelihood, By::Operator, summary)
        .action("synchronise now; if this happens often, have it done more often (`sync.every`), or let the issuer look subjects up in the source itself (`subject.source`)")
        .command(format!("portcullis source sync {} --full --wait", word(one.source.name.as_str())))
}

/// Something keeps the synchronisation from its work.
fn held_up(case: &Case, one: &Synchronised) -> Option<Finding> {
    let (name, state) = (&one.source.name, one.state.as_ref()?);
    let finding =
        |code, summary| Finding::new(code, Stage::Resolve, Likelihood::Aside, By::Operator, summary);
    if let Some(waiting) = &state.waiting {
        let summary = format!(
            "{} of {} users of user source `{name}` are to be deleted, and that waits for approval: they are let in meanwhile",
            waiting.gone, waiting.of
        );
        let finding = finding(cause::SYNC_WAITING, summary)
            .action("see that the source is right, then approve; the next run deletes no more than waited")
            .command(format!("portcullis source approve {}", word(name.as_str())));
        return Some(with_state(finding, case, one));
    }
    let failed = state.last.as_ref().filter(|last| last.outcome == SyncOutcome::Failed);
    failed.map(|_| {
        let summary = format!("the last synchronisation of user source `{name}` failed");
        let finding = finding(cause::SYNC_FAILING, summary)
            .action("correct what the evidence names; it is tried again every minute at least")
            .command(format!("portcullis source test {}", word(name.as_str())));
        with_state(finding, case, one)
    })
}

/// How the synchronisation stands, as evidence.
fn with_state(finding: Finding, case: &Case, one: &Synchronised) -> Finding {
    let Some(state) = &one.state else { return finding.evidence("no synchronisation has begun yet") };
    let mut finding = finding.evidence(lag(case, one));
    if let Some(last) = &state.last {
        let what = if last.full { "of everybody" } else { "of what had changed" };
        let stopped = last.stopped.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        finding = finding.evidence(format!(
            "run {}, {what}, ended {}: {}, {} seen, {} failed{stopped}",
            last.run,
            when(last.ended_at, case.now),
            last.outcome.as_str(),
            last.seen,
            last.failed
        ));
    }
    if let Some(mark) = &state.watermark {
        finding = finding.evidence(format!("the next run goes on from {}", quoted(mark)));
    }
    if let Some(waiting) = &state.waiting {
        finding = finding.evidence(format!(
            "waits for approval since {}: {} of {} users would be deleted, and {} may be at once",
            when(waiting.since, case.now),
            waiting.gone,
            waiting.of,
            waiting.allowed
        ));
    }
    if state.holder.as_ref().is_some_and(|(_, until)| *until > case.now) {
        finding = finding.evidence("a run is under way");
    } else if state.asked.is_some() {
        finding = finding.evidence("a run was asked for, and no `serve` has begun it");
    }
    finding
}

fn succeeded(one: &Synchronised) -> Option<portcullis_model::Timestamp> {
    one.state.as_ref()?.succeeded_at
}

fn lag(case: &Case, one: &Synchronised) -> String {
    let every = match &one.settings {
        Some(settings) => format!("it is due every {}", span(settings.every.0)),
        None => "it is done on demand only".to_owned(),
    };
    match succeeded(one) {
        Some(at) => format!(
            "the lag is {}: the last run that ended well began {}; {every}",
            span(case.now.since(at)),
            when(at, case.now)
        ),
        None => format!("no run has ended well yet; {every}"),
    }
}

fn in_short(case: &Case, one: &Synchronised) -> String {
    format!("user source `{}`: {}", one.source.name, lag(case, one))
}

/// Whether a person's field that the issuer's rule looks up is this value.
fn holds(person: &Person, attribute: &str, value: &str) -> bool {
    let held = match attribute {
        "username" => person.username.as_deref(),
        "external_id" => person.external_id.as_deref(),
        other => {
            other.strip_prefix("attributes.").and_then(|name| person.attributes.get(name)).map(String::as_str)
        }
    };
    held == Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_field_that_is_looked_up_counts_and_byte_for_byte() {
        let mut person = Person {
            username: Some("ada".to_owned()),
            external_id: Some("7".to_owned()),
            email: Some("ada@example.org".to_owned()),
            ..Person::default()
        };
        person.attributes.insert("badge".to_owned(), "B7".to_owned());
        assert!(holds(&person, "username", "ada") && holds(&person, "external_id", "7"));
        assert!(holds(&person, "attributes.badge", "B7"));
        for (attribute, value) in [
            ("username", "Ada"),
            ("username", "ada@example.org"),
            ("external_id", "ada"),
            ("attributes.other", "B7"),
            ("identity", "ada"),
            ("id", "7"),
        ] {
            assert!(!holds(&person, attribute, value), "{attribute} {value}");
        }
    }
}
