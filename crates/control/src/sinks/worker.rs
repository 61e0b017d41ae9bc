//! One sink's way through the log: what is next, who delivers, when it is tried again, when it is set aside.
//!
//! Everything that must not be lost is in the database: where the sink is, since when it fails, when it is tried next,
//! who has it. A process that ends in between makes at most one delivery twice.

use super::{Delivery, Notice, Patience, Sink};
use portcullis_model::event::Event;
use portcullis_model::{Clock, Name, Rng, TenantId, Timestamp};
use portcullis_store::entity::dead_letters::{self, DeadLetter};
use portcullis_store::entity::sinks::{self, Progress, State};
use portcullis_store::entity::{events, meta, tenants};
use portcullis_store::{Error, Store};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events that are read at once.
const BATCH: u32 = 100;
/// How long a node that stopped without a word keeps a sink, beyond a delivery's own time.
const LEASE: Duration = Duration::from_secs(30);
/// The same where there is only one process, which has no one to wait for.
const LEASE_ALONE: Duration = Duration::from_secs(2 * 3_600);
/// How soon a failed delivery is tried again, the first time. Doubles.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// And at the latest.
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);
/// Names of tenants that are remembered.
const TENANTS: usize = 10_000;
/// Events of one sink that are set aside; the oldest go when there are more.
const DEAD_LETTERS: u32 = 10_000;
/// The longest error that is kept, in characters.
const LONGEST_ERROR: usize = 500;

/// What to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more.
    AtOnce,
    /// Wait until something happens.
    News,
    /// Wait so long.
    In(Duration),
}

/// Delivers to one sink.
pub struct Worker {
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    node: Uuid,
    leased_until: Timestamp,
    installation: Option<String>,
    tenants: HashMap<TenantId, Name>,
    /// Dead letters that were refused again, one after the other, and until when the next waits. What happens now does not
    /// wait for them, so this is not in the database, where a sink's own failures are.
    letters_failed: u32,
    letters_after: Timestamp,
    shutdown: CancellationToken,
}

impl Worker {
    /// Of this node. A delivery under way is given up at `shutdown`, to be made again.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        node: Uuid,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            clock,
            rng,
            node,
            leased_until: Timestamp::default(),
            installation: None,
            tenants: HashMap::new(),
            letters_failed: 0,
            letters_after: Timestamp::default(),
            shutdown,
        }
    }

    /// Delivers what is due, up to a batch.
    ///
    /// # Errors
    /// The database cannot be asked. Nothing is lost.
    pub async fn step(&mut self, sink: &dyn Sink) -> Result<Next, Error> {
        let Some(progress) = self.progress(sink).await? else { return Ok(Next::In(LEASE / 3)) };
        if progress.state != State::Active {
            return Ok(Next::In(LEASE / 3));
        }
        let now = self.clock.now();
        if progress.next_at > now {
            return Ok(Next::In(progress.next_at.since(now)));
        }
        let rows = events::read_after(&self.store, progress.position, BATCH).await?;
        let more = rows.len() == BATCH as usize;
        let mut passed = None;
        for (i, (position, event)) in rows.iter().enumerate() {
            // One that only a newer release knows is for the nodes of that release; this one passes it over.
            let notice = match event {
                Some(event) => Some(self.notice(event).await?).filter(|notice| sink.wants(notice)),
                None => None,
            };
            let Some(notice) = notice else {
                passed = Some(*position);
                continue;
            };
            if !self.lease(sink).await? {
                return Ok(Next::In(LEASE / 3));
            }
            self.lag(sink, Some(notice.at));
            let Some(delivery) = self.attempt(sink, &notice).await else { return Ok(Next::AtOnce) };
            match delivery {
                Delivery::Done => {
                    let now = self.clock.now();
                    if !self.advance(sink, *position, Some(now)).await? {
                        return Ok(Next::In(LEASE / 3));
                    }
                    passed = None;
                }
                Delivery::Failed { why, after, .. } => {
                    if let Some(position) = passed {
                        self.advance(sink, position, None).await?;
                    }
                    return self.failed(sink, &progress, &why, after, &rows[i..]).await;
                }
                Delivery::Gone { why } => {
                    if let Some(position) = passed {
                        self.advance(sink, position, None).await?;
                    }
                    return self.gone(sink, &why).await;
                }
            }
        }
        if let Some(position) = passed {
            self.advance(sink, position, None).await?;
        }
        if more {
            return Ok(Next::AtOnce);
        }
        self.lag(sink, None);
        // Behind what happens now: many of them, or a receiver that takes none, must not hold it up.
        if self.letters_after > self.clock.now() {
            return Ok(Next::News);
        }
        match dead_letters::next(&self.store, sink.name()).await? {
            Some(letter) => self.try_again(sink, letter).await,
            None => Ok(Next::News),
        }
    }

    /// Gives the sink back, so that another node can go on at once.
    ///
    /// # Errors
    /// The database cannot be asked; the lease runs out by itself.
    pub async fn release(&mut self, name: &str) -> Result<(), Error> {
        if self.leased_until == Timestamp::default() {
            return Ok(());
        }
        self.leased_until = Timestamp::default();
        let mut tx = self.store.begin().await?;
        sinks::release(&mut tx, name, self.node, self.clock.now()).await?;
        tx.commit().await.map(drop)
    }

    /// How far the sink is, when this node has it.
    async fn progress(&mut self, sink: &dyn Sink) -> Result<Option<Progress>, Error> {
        if !self.lease(sink).await? {
            return Ok(None);
        }
        sinks::find(&self.store, sink.name()).await
    }

    /// Whether this node has the sink for long enough to deliver something.
    async fn lease(&mut self, sink: &dyn Sink) -> Result<bool, Error> {
        let (now, timeout) = (self.clock.now(), sink.patience().timeout);
        if self.leased_until.since(now) > timeout + LEASE / 2 {
            return Ok(true);
        }
        let until = now.plus(timeout + if self.store.is_embedded() { LEASE_ALONE } else { LEASE });
        let mut tx = self.store.begin().await?;
        if sinks::find(&mut tx, sink.name()).await?.is_none() {
            sinks::ensure(&mut tx, sink.name()).await?;
        }
        let taken = sinks::claim(&mut tx, sink.name(), self.node, now, until).await?.is_some();
        tx.commit().await?;
        self.leased_until = if taken { until } else { Timestamp::default() };
        Ok(taken)
    }

    /// One delivery; nothing when the process is to end.
    async fn attempt(&self, sink: &dyn Sink, notice: &Notice) -> Option<Delivery> {
        let Patience { timeout, .. } = sink.patience();
        let delivery = tokio::select! {
            () = self.shutdown.cancelled() => return None,
            delivery = tokio::time::timeout(timeout, sink.deliver(notice)) => delivery,
        };
        let delivery = delivery.unwrap_or_else(|_| {
            let why = format!("it did not answer within {timeout:?}");
            Delivery::Failed { reason: "timeout", why, after: None }
        });
        let name = sink.name().to_owned();
        match &delivery {
            Delivery::Done => {
                metrics::counter!("portcullis_sink_delivered_total", "sink" => name).increment(1)
            }
            Delivery::Failed { reason, why, .. } => {
                tracing::debug!(sink = sink.name(), notice = notice.id, why, "an event was not delivered");
                metrics::counter!("portcullis_sink_failures_total", "sink" => name, "reason" => *reason)
                    .increment(1);
            }
            Delivery::Gone { .. } => {
                metrics::counter!("portcullis_sink_failures_total", "sink" => name, "reason" => "gone")
                    .increment(1);
            }
        }
        Some(delivery)
    }

    async fn advance(
        &mut self,
        sink: &dyn Sink,
        position: i64,
        delivered: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let mut tx = self.store.begin().await?;
        let ours = sinks::advance(&mut tx, sink.name(), self.node, position, delivered).await?;
        tx.commit().await?;
        self.lost_unless(ours);
        Ok(ours)
    }

    /// A delivery failed: when it is tried again, and whether what is too old is set aside. `rest` begins with the event.
    async fn failed(
        &mut self,
        sink: &dyn Sink,
        progress: &Progress,
        why: &str,
        after: Option<Duration>,
        rest: &[(i64, Option<Event>)],
    ) -> Result<Next, Error> {
        let now = self.clock.now();
        let Patience { give_up_after, .. } = sink.patience();
        // Since the last success of this very step, when there was one.
        let current = sinks::find(&self.store, sink.name()).await?;
        let current = current.as_ref().unwrap_or(progress);
        let wait = self.wait(current.failures).max(after.unwrap_or_default());
        if current.failures == 0 {
            tracing::warn!(sink = sink.name(), why, "an event was not delivered; it is tried again");
        }
        let why = shortened(why);
        let mut tx = self.store.begin().await?;
        let ours = sinks::fail(&mut tx, sink.name(), self.node, &why, now, now.plus(wait)).await?;
        let since = current.failing_since.unwrap_or(now);
        let (mut aside, mut lost) = (Vec::new(), 0);
        if ours && now.since(since) >= give_up_after {
            aside = self.set_aside(sink, rest, now.minus(give_up_after)).await?;
            for event in &aside {
                let letter = DeadLetter {
                    id: self.random(),
                    sink: sink.name().to_owned(),
                    event: event.clone(),
                    error: why.clone(),
                    at: now,
                    again: false,
                };
                dead_letters::insert(&mut tx, &letter).await?;
            }
            if !aside.is_empty() {
                lost = dead_letters::shorten(&mut tx, sink.name(), DEAD_LETTERS).await?;
            }
            if let Some(last) = aside.last() {
                sinks::advance(&mut tx, sink.name(), self.node, last.position, None).await?;
            }
        }
        tx.commit().await?;
        self.lost_unless(ours);
        if !aside.is_empty() {
            tracing::error!(
                sink = sink.name(),
                events = aside.len(),
                why,
                "events could not be delivered for too long and were set aside; see `portcullis webhook show`, and `portcullis webhook retry`"
            );
            metrics::counter!("portcullis_sink_dead_letters_total", "sink" => sink.name().to_owned())
                .increment(aside.len() as u64);
        }
        if lost > 0 {
            tracing::error!(
                sink = sink.name(),
                events = lost,
                "more than {DEAD_LETTERS} events are set aside; the oldest of them are forgotten"
            );
        }
        Ok(Next::In(wait))
    }

    /// The events of `rest`, from its first on, that are older than `before` and wanted.
    async fn set_aside(
        &mut self,
        sink: &dyn Sink,
        rest: &[(i64, Option<Event>)],
        before: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let mut aside = Vec::new();
        for event in
            rest.iter().filter_map(|(_, event)| event.as_ref()).take_while(|event| event.at <= before)
        {
            if sink.wants(&self.notice(event).await?) {
                aside.push(event.clone());
            }
        }
        Ok(aside)
    }

    async fn gone(&mut self, sink: &dyn Sink, why: &str) -> Result<Next, Error> {
        tracing::error!(
            sink = sink.name(),
            why,
            "nothing is delivered here any more; take it out of the configuration, or have it begin again with `portcullis webhook resume`"
        );
        let (now, why) = (self.clock.now(), shortened(why));
        let mut tx = self.store.begin().await?;
        if sinks::fail(&mut tx, sink.name(), self.node, &why, now, now).await? {
            sinks::set_state(&mut tx, sink.name(), State::Disabled, Some(&why)).await?;
        }
        tx.commit().await?;
        Ok(Next::In(LEASE / 3))
    }

    /// Somebody wants dead letters delivered now.
    pub fn hurry(&mut self) {
        self.letters_after = Timestamp::default();
    }

    /// A dead letter that somebody wants delivered. One that fails stays set aside, and those behind it wait as events would,
    /// which do not wait for them: a receiver that is still down is not tried with each of them.
    async fn try_again(&mut self, sink: &dyn Sink, letter: DeadLetter) -> Result<Next, Error> {
        let notice = self.notice(&letter.event).await?;
        if !self.lease(sink).await? {
            return Ok(Next::In(LEASE / 3));
        }
        let Some(delivery) = self.attempt(sink, &notice).await else { return Ok(Next::AtOnce) };
        let now = self.clock.now();
        let (why, after) = match delivery {
            Delivery::Done => {
                let mut tx = self.store.begin().await?;
                dead_letters::delete(&mut tx, letter.id).await?;
                let ours = sinks::delivered(&mut tx, sink.name(), self.node, now).await?;
                tx.commit().await?;
                self.lost_unless(ours);
                (self.letters_failed, self.letters_after) = (0, Timestamp::default());
                return Ok(Next::AtOnce);
            }
            Delivery::Gone { why } => return self.gone(sink, &why).await,
            Delivery::Failed { why, after, .. } => (shortened(&why), after),
        };
        let wait = self.wait(self.letters_failed).max(after.unwrap_or_default());
        let mut tx = self.store.begin().await?;
        dead_letters::fail(&mut tx, letter.id, &why, now).await?;
        tx.commit().await?;
        self.letters_failed = self.letters_failed.saturating_add(1);
        self.letters_after = now.plus(wait);
        Ok(Next::News)
    }

    async fn notice(&mut self, event: &Event) -> Result<Notice, Error> {
        let installation = match &self.installation {
            Some(known) => known.clone(),
            None => {
                let mut tx = self.store.begin().await?;
                let new = self.random().simple().to_string();
                let settled = meta::settle(&mut tx, "installation", &new).await?;
                tx.commit().await?;
                self.installation.insert(settled).clone()
            }
        };
        let name = match event.tenant {
            Some(id) => self.tenant(id).await?,
            None => None,
        };
        Ok(Notice::new(event, &installation, name))
    }

    /// A tenant's name, which never changes.
    async fn tenant(&mut self, id: TenantId) -> Result<Option<Name>, Error> {
        if let Some(name) = self.tenants.get(&id) {
            return Ok(Some(name.clone()));
        }
        let Some(tenant) = tenants::find(&self.store, id).await? else { return Ok(None) };
        if self.tenants.len() >= TENANTS {
            self.tenants.clear();
        }
        self.tenants.insert(id, tenant.name.clone());
        Ok(Some(tenant.name))
    }

    /// How long to wait after so many failures: doubling, and never together with others.
    fn wait(&self, failures: u32) -> Duration {
        let full = FIRST_RETRY.saturating_mul(1 << failures.min(16)).min(LAST_RETRY);
        let mut byte = [0];
        self.rng.fill(&mut byte);
        full / 2 + full / 2 * u32::from(byte[0]) / 255
    }

    fn random(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        Uuid::from_bytes(bytes)
    }

    fn lost_unless(&mut self, ours: bool) {
        if !ours {
            self.leased_until = Timestamp::default();
        }
    }

    fn lag(&self, sink: &dyn Sink, of: Option<Timestamp>) {
        let lag = of.map_or(0.0, |at| self.clock.now().since(at).as_secs_f64());
        metrics::gauge!("portcullis_sink_lag_seconds", "sink" => sink.name().to_owned()).set(lag);
    }
}

/// What is kept of an error.
fn shortened(why: &str) -> String {
    why.chars().filter(|c| !c.is_control()).take(LONGEST_ERROR).collect()
}
