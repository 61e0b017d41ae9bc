//! Synchronises user sources when they are due, or when an operator asks for it. One node at a time does one source: the
//! hold on it is in the database.

use crate::publish::Publisher;
use portcullis_config::Config;
use portcullis_fault::defect::outlive;
use portcullis_identity::directory::{Directory, Synchronisation};
use portcullis_identity::sources::kinds;
use portcullis_model::sync::{SyncOutcome, SyncReport};
use portcullis_model::{Clock, Name, Rng, Source, Timestamp};
use portcullis_net::egress::Egress;
use portcullis_store::entity::syncs::{self, Sync};
use portcullis_store::{Error, entity::tenants};
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the job is made of.
#[derive(Clone)]
pub struct Parts {
    /// What is written to.
    pub directory: Directory,
    /// Which sources there are.
    pub publisher: Arc<Publisher>,
    /// The way out.
    pub egress: Egress,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process, as other nodes know it.
    pub holder: String,
}

/// How soon what an operator asks for begins.
const TICK: Duration = Duration::from_secs(1);
/// A source that failed is tried again after this, or when it is due anyway.
const AGAIN: Duration = Duration::from_secs(60);
/// Sources that one node synchronises at a time.
const AT_ONCE: usize = 4;

/// A name for this process that no other has.
pub fn holder(rng: &dyn Rng) -> String {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs until `shutdown`.
pub async fn run(parts: Parts, shutdown: CancellationToken) {
    let mut busy: HashSet<Name> = HashSet::new();
    let mut runs: JoinSet<Name> = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(TICK) => {}
            Some(ended) = runs.join_next() => {
                match ended {
                    Ok(source) => { busy.remove(&source); }
                    // What panics is outlived: only the end of the process ends here.
                    Err(error) => tracing::error!(%error, "a synchronisation failed"),
                }
                continue;
            }
        }
        let config = parts.publisher.config();
        if config.sources.is_empty() {
            continue;
        }
        let due = match due(&parts, &config).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "it cannot be seen which sources are due");
                continue;
            }
        };
        for source in due {
            if runs.len() < AT_ONCE && busy.insert(source.name.clone()) {
                let (parts, shutdown) = (parts.clone(), shutdown.clone());
                runs.spawn(async move {
                    if let Err(defect) = outlive(pin!(one(&parts, &source, &shutdown))).await {
                        tracing::error!(source = source.name.as_str(), %defect, "a synchronisation panicked; it is tried again");
                        tokio::select! {
                            () = shutdown.cancelled() => {}
                            () = tokio::time::sleep(AGAIN) => {}
                        }
                    }
                    source.name
                });
            }
        }
    }
    // Each ends at its next person.
    while runs.join_next().await.is_some() {}
}

/// The sources that somebody should read now.
async fn due(parts: &Parts, config: &Config) -> Result<Vec<Source>, Error> {
    let states = syncs::list(parts.directory.store()).await?;
    let now = parts.clock.now();
    let state_of = |source: &Source| states.iter().find(|state| state.source == source.name);
    for source in &config.sources {
        measure(source, state_of(source), now);
    }
    Ok(config.sources.iter().filter(|source| is_due(source, state_of(source), now)).cloned().collect())
}

fn is_due(source: &Source, state: Option<&Sync>, now: Timestamp) -> bool {
    let Some(state) = state else { return source.sync.is_some() };
    if state.holder.as_ref().is_some_and(|(_, until)| *until > now) {
        return false;
    }
    if state.asked.is_some() {
        return true;
    }
    let Some(settings) = &source.sync else { return false };
    let Some(last) = &state.last else { return true };
    let pause = match last.outcome {
        SyncOutcome::Done | SyncOutcome::Waiting => settings.every.0,
        SyncOutcome::Failed | SyncOutcome::Interrupted => settings.every.0.min(AGAIN),
    };
    now.since(last.ended_at) >= pause
}

/// One run of one source.
async fn one(parts: &Parts, source: &Source, shutdown: &CancellationToken) {
    let name = source.name.as_str();
    match synchronise(parts, source, shutdown).await {
        Ok(None) => {}
        Ok(Some(report)) => {
            count(name, &report);
            let SyncReport { full, seen, created, changed, deleted, failed, .. } = report;
            let outcome = report.outcome.as_str();
            match &report.stopped {
                None => tracing::info!(
                    source = name,
                    full,
                    seen,
                    created,
                    changed,
                    deleted,
                    failed,
                    "source synchronised"
                ),
                Some(why) => tracing::warn!(
                    source = name,
                    full,
                    seen,
                    outcome,
                    why,
                    "a synchronisation did not come to its end"
                ),
            }
        }
        Err(reason) => {
            tracing::warn!(source = name, reason, "a source cannot be synchronised");
            // The database, or a configuration that is being replaced: no need to hurry.
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
}

/// Runs a synchronisation of `source` now; nothing when another process is at it.
///
/// # Errors
/// The database cannot be asked, or the source cannot be made from its configuration.
pub async fn synchronise(
    parts: &Parts,
    source: &Source,
    shutdown: &CancellationToken,
) -> Result<Option<SyncReport>, String> {
    let tenant = tenants::find_by_name(parts.directory.store(), source.tenant.as_str()).await;
    let tenant = tenant.map_err(|error| error.to_string())?.ok_or("its tenant is not there yet")?;
    let made_of =
        kinds::Parts { egress: &parts.egress, secrets: parts.publisher.secrets(), clock: &parts.clock };
    let foreign = kinds::open(source, &made_of).map_err(|(at, why)| format!("`{at}`: {why}"))?;
    let settings = source.sync.unwrap_or_default();
    let what = Synchronisation {
        foreign: &*foreign,
        tenant: tenant.id,
        settings: &settings,
        holder: &parts.holder,
        shutdown,
    };
    parts.directory.synchronise(&what).await.map_err(|fault| fault.to_string())
}

/// Seconds between the last run that ended well and now; nothing before the first.
pub fn lag(state: &Sync, now: Timestamp) -> Option<u64> {
    state.succeeded_at.map(|at| now.since(at).as_secs())
}

fn measure(source: &Source, state: Option<&Sync>, now: Timestamp) {
    let (Some(state), name) = (state, source.name.as_str().to_owned()) else { return };
    #[expect(clippy::cast_precision_loss, reason = "a metric")]
    if let (Some(lag), Some(at)) = (lag(state, now), state.succeeded_at) {
        metrics::gauge!("portcullis_sync_lag_seconds", "source" => name.clone()).set(lag as f64);
        metrics::gauge!("portcullis_sync_last_success_seconds", "source" => name.clone())
            .set(at.seconds() as f64);
    }
    let waits = if state.waiting.is_some() { 1.0 } else { 0.0 };
    metrics::gauge!("portcullis_sync_waiting", "source" => name).set(waits);
}

fn count(source: &str, report: &SyncReport) {
    let source = source.to_owned();
    metrics::counter!("portcullis_sync_runs_total", "source" => source.clone(), "outcome" => report.outcome.as_str())
        .increment(1);
    for (what, n) in [
        ("created", report.created),
        ("changed", report.changed),
        ("unchanged", report.unchanged),
        ("gone", report.gone),
        ("deleted", report.deleted),
        ("failed", report.failed),
    ] {
        metrics::counter!("portcullis_sync_people_total", "source" => source.clone(), "outcome" => what)
            .increment(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::sync::SyncAsked;

    #[test]
    fn a_source_is_due_when_its_time_has_come_or_somebody_asks() {
        let text = r#"{ "name": "corp", "tenant": "acme", "sync": { "every": "5m" } }"#;
        let source: Source = serde_json::from_str(text).unwrap();
        let idle = Source { sync: None, ..source.clone() };
        let at = Timestamp::from_seconds;
        assert!(is_due(&source, None, at(0)) && !is_due(&idle, None, at(0)));
        let last = SyncReport {
            began_at: at(1_000),
            ended_at: at(1_010),
            outcome: SyncOutcome::Done,
            ..SyncReport::default()
        };
        let state = Sync {
            source: source.name.clone(),
            tenant: portcullis_model::TenantId(uuid::Uuid::nil()),
            run: 1,
            holder: None,
            watermark: None,
            full_at: None,
            succeeded_at: None,
            asked: None,
            approved: None,
            last: Some(last.clone()),
            waiting: None,
        };
        assert!(!is_due(&source, Some(&state), at(1_309)) && is_due(&source, Some(&state), at(1_310)));
        let failed =
            Sync { last: Some(SyncReport { outcome: SyncOutcome::Failed, ..last }), ..state.clone() };
        assert!(!is_due(&source, Some(&failed), at(1_069)) && is_due(&source, Some(&failed), at(1_070)));
        let asked = Sync { asked: Some(SyncAsked::Full), ..state.clone() };
        assert!(is_due(&idle, Some(&asked), at(1_011)));
        let held = Sync { holder: Some(("other".to_owned(), at(2_000))), ..asked };
        assert!(!is_due(&source, Some(&held), at(1_999)) && is_due(&source, Some(&held), at(2_000)));
    }
}
