//! Synchronisation: the people of a source, brought into the directory without being asked for, and those who are gone
//! taken out. Works for any source that can list its people.
//!
//! A run writes person by person, and its end last: one that is killed on the way has done no harm, and the next begins
//! anew. Nobody is deleted but by a run that has read everybody, and never more than a share of all at once.

mod held;

use super::{Actor, Directory, Mirrored};
use crate::sources::foreign::{Cursor, Failure, Foreign, Person, Watermark, identity_of};
use held::Held;
use portcullis_fault::Fault;
use portcullis_model::source::Sync as Settings;
use portcullis_model::sync::{SyncAsked, SyncFailure, SyncOutcome, SyncReport, SyncWaiting};
use portcullis_model::{Name, TenantId};
use portcullis_store::Error;
use portcullis_store::entity::syncs::{self, Sync, Unseen};
use tokio_util::sync::CancellationToken;

/// What is to be synchronised, and by whom.
pub struct Synchronisation<'a> {
    /// The source.
    pub foreign: &'a dyn Foreign,
    /// Whose users its people are.
    pub tenant: TenantId,
    /// How.
    pub settings: &'a Settings,
    /// This process, as other nodes know it.
    pub holder: &'a str,
    /// Ends it at the next person.
    pub shutdown: &'a CancellationToken,
}

/// So many are always deleted without asking.
const FEW: u64 = 10;
/// Failures that are told.
const TOLD: usize = 20;

/// Why a run did not come to its end.
enum Stop {
    /// The source failed.
    Source(Failure),
    /// The directory failed.
    Directory(Error),
    /// The process is to end, or another one took over.
    Interrupted(&'static str),
    /// Too many would be deleted.
    Waiting(SyncWaiting),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Directory(error)
    }
}

impl Directory {
    /// Runs a synchronisation: everybody when that is due or was asked for, otherwise what has changed. What came of it;
    /// nothing when another process is at it.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn synchronise(&self, what: &Synchronisation<'_>) -> Result<Option<SyncReport>, Fault> {
        let source = what.foreign.name().clone();
        let Some((held, state)) = Held::claim(self, &source, what).await? else { return Ok(None) };
        let began_at = self.clock.now();
        let full = state.asked == Some(SyncAsked::Full)
            || state.watermark.is_none()
            || state.full_at.is_none_or(|at| began_at.since(at) >= what.settings.full_every.0);
        let report = SyncReport { run: state.run, full, began_at, ..SyncReport::default() };
        let mut run = Run { directory: self, what, source, held, report, watermark: None };
        let stop = run.go(&state).await.err();
        let mut after = Sync { waiting: state.waiting.clone().filter(|_| !full), ..state };
        let mut report = run.report;
        report.ended_at = self.clock.now();
        (report.outcome, report.stopped) = match &stop {
            None => (SyncOutcome::Done, None),
            Some(Stop::Source(failure)) => (SyncOutcome::Failed, Some(failure.message.clone())),
            Some(Stop::Directory(error)) => (SyncOutcome::Failed, Some(error.to_string())),
            Some(Stop::Interrupted(why)) => (SyncOutcome::Interrupted, Some((*why).to_owned())),
            Some(Stop::Waiting(waiting)) => (
                SyncOutcome::Waiting,
                Some(format!(
                    "{} of {} users are no longer in the source, and {} may be deleted at once; look at the source, then `portcullis source approve {}`",
                    waiting.gone, waiting.of, waiting.allowed, run.source
                )),
            ),
        };
        match stop {
            None => {}
            Some(Stop::Waiting(waiting)) => after.waiting = Some(waiting),
            // What waited before still does: this run has not found out otherwise.
            Some(_) => after.waiting.clone_from(&run.held.waiting),
        }
        if matches!(report.outcome, SyncOutcome::Done | SyncOutcome::Waiting) {
            after.succeeded_at = Some(report.began_at);
            after.full_at = if full { Some(report.began_at) } else { after.full_at };
            after.watermark = run.watermark.map(|mark| mark.0).or(after.watermark.filter(|_| !full));
        }
        after.last = Some(report.clone());
        if run.held.end(&after).await? {
            return Ok(Some(report));
        }
        tracing::warn!(source = %run.source, "another node took over the synchronisation; this one's end is not written");
        Ok(Some(report))
    }
}

struct Run<'a> {
    directory: &'a Directory,
    what: &'a Synchronisation<'a>,
    source: Name,
    held: Held<'a>,
    report: SyncReport,
    watermark: Option<Watermark>,
}

impl Run<'_> {
    async fn go(&mut self, state: &Sync) -> Result<(), Stop> {
        let since = state.watermark.clone().filter(|_| !self.report.full).map(Watermark);
        let mut cursor: Option<Cursor> = None;
        let mut unreadable = false;
        loop {
            let page = self.what.foreign.page(since.as_ref(), cursor);
            let batch = self.held.during(page).await?.map_err(Stop::Source)?;
            unreadable |= !batch.unreadable.is_empty();
            for (who, reason) in batch.unreadable {
                self.report.seen += 1;
                self.failed(who, reason);
            }
            if self.report.full {
                let keys: Vec<String> = batch.people.iter().map(|person| person.key.clone()).collect();
                self.held.seen(&keys).await?;
            }
            for mut person in batch.people {
                if !self.what.settings.teams {
                    person.groups = None;
                }
                self.held.keep().await?;
                self.report.seen += 1;
                self.take(&person).await?;
            }
            cursor = batch.next;
            if cursor.is_none() {
                self.watermark = batch.watermark;
                break;
            }
        }
        if !self.report.full {
            return Ok(());
        }
        if unreadable {
            // Without their keys it is not known who they are: they would be taken for gone.
            return Err(Stop::Source(Failure::broken(
                "people cannot be read (see `failures`); until they can be, nobody is deleted",
            )));
        }
        self.remove(state.approved).await
    }

    /// Writes one person into its shadow.
    async fn take(&mut self, person: &Person) -> Result<(), Stop> {
        let mirrored = self.directory.mirror(&self.source, self.what.tenant, None, person).await;
        match mirrored {
            Ok(Mirrored::Made(_)) => self.report.created += 1,
            Ok(Mirrored::Changed(_)) => self.report.changed += 1,
            Ok(Mirrored::Same(_)) => self.report.unchanged += 1,
            Ok(Mirrored::Gone(_)) => self.report.gone += 1,
            Ok(Mirrored::Rekeyed { user, by }) => {
                let reason = match user.merged_into {
                    Some(into) => format!(
                        "user {}, who was merged into {into}, has this {by}: link the key to that one if they are one person; if not, give them another {by} there",
                        user.id
                    ),
                    None => format!(
                        "user {} has this {by} and another key of the source: it was made anew there, or the name was given to somebody else; delete the user here, or link the new key to it",
                        user.id
                    ),
                };
                self.failed(shown(person), reason);
            }
            Err(error @ (Error::Invalid { .. } | Error::Conflict { .. })) => {
                self.failed(shown(person), error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Deletes who was not seen, unless they are too many.
    async fn remove(&mut self, approved: Option<i64>) -> Result<(), Stop> {
        let store = self.directory.store();
        let issuer = identity_of(&self.source);
        let source = self.source.clone();
        let unseen = Unseen {
            source: &source,
            issuer: &issuer,
            tenant: self.what.tenant,
            run: self.report.run,
            began_at: self.report.began_at,
        };
        let of = unseen.count_all(store).await?;
        let share = of * u64::from(self.what.settings.most_deleted) / 100;
        let mut allowed = share.max(FEW);
        if self.report.seen == 0 {
            // A source that shows nobody is broken rather than empty.
            allowed = 0;
        }
        let allowed = allowed.max(approved.and_then(|approved| u64::try_from(approved).ok()).unwrap_or(0));
        let (mut gone, mut after) = (0, String::new());
        loop {
            let page = unseen.page(store, &after).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            gone += u64::try_from(page.len()).unwrap_or(u64::MAX);
        }
        if gone > allowed {
            let (run, since) = (self.report.run, self.directory.clock.now());
            return Err(Stop::Waiting(SyncWaiting { run, since, gone, of, allowed }));
        }
        let actor = Actor::new(issuer.to_string(), "sync");
        let mut after = String::new();
        loop {
            let page = unseen.page(store, &after).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (key, user) in page {
                self.held.keep().await?;
                match self.directory.delete(&actor, user, Some("sync".to_owned())).await {
                    Ok(_) => self.report.deleted += 1,
                    Err(fault) if fault.code().status() >= 500 => {
                        return Err(Stop::Directory(Error::Unavailable(fault.to_string())));
                    }
                    Err(fault) => self.failed(key, fault.public_detail().to_owned()),
                }
            }
        }
        self.held.forget().await
    }

    fn failed(&mut self, who: String, reason: String) {
        self.report.failed += 1;
        if self.report.failures.len() < TOLD {
            self.report.failures.push(SyncFailure { who, reason });
        }
    }
}

fn shown(person: &Person) -> String {
    match &person.username {
        Some(name) => format!("{name} ({})", person.key),
        None => person.key.clone(),
    }
}

impl Directory {
    /// Asks for a run as soon as a node can.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn ask_for_sync(
        &self,
        actor: &Actor,
        source: &Name,
        tenant: TenantId,
        asked: SyncAsked,
    ) -> Result<Sync, Fault> {
        let mut work = self.work(actor).await?;
        let state = syncs::ask(&mut work.tx, source, tenant, asked).await?;
        let after = serde_json::json!({ "asked": asked });
        work.audit(Some(tenant), "source.sync", source, serde_json::Value::Null, after).await?;
        work.done().await?;
        Ok(state)
    }

    /// Lets the next run delete as many as wait for approval.
    ///
    /// # Errors
    /// Nothing waits for approval; the database cannot be asked.
    pub async fn approve_sync(&self, actor: &Actor, source: &Name, tenant: TenantId) -> Result<Sync, Fault> {
        let mut work = self.work(actor).await?;
        let Some(state) = syncs::approve(&mut work.tx, source, tenant).await? else {
            return Err(super::conflict("nothing of this source waits for approval"));
        };
        let after = serde_json::json!({ "approved": state.approved });
        work.audit(Some(tenant), "source.approve", source, serde_json::Value::Null, after).await?;
        work.done().await?;
        Ok(state)
    }
}
