//! The record of a call: opened at accept, filled as things become known, closed exactly once, whatever ends the call.
//!
//! Not here: how records are kept (the store's spool).

use crate::filters::Ink;
use crate::limit::Slot;
use crate::measure::Meters;
use crate::trace::{Spans, Trace};
use crate::upstream::ai::realtime::Share;
use crate::upstream::ai::route::{Busy, Class};
use http::HeaderValue;
use portcullis_fault::{Code, Defect, Fault, codes, defect};
use portcullis_identity::{Fact, Observer};
use portcullis_llm::catalog::{self, Amounts};
use portcullis_llm::dialect::openai::batch::Bill;
use portcullis_model::record::{Cost, Outcome, Record, Timing};
use portcullis_model::{RequestId, Timestamp, Usage};
use portcullis_net::accept::Connection;
use portcullis_store::spool::{Appended, Spool};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// Where records go when they are closed.
pub(crate) struct Keeper {
    pub(crate) spool: Spool,
    pub(crate) spans: Option<Spans>,
    /// Metrics of calls that reach no service.
    pub(crate) unrouted: Arc<Meters>,
}

/// How a call ended.
pub(crate) enum Ending {
    /// The whole answer was delivered.
    Completed,
    /// We said no.
    Refused(Code, Option<String>),
    /// The upstream broke off.
    UpstreamCut(Code, String),
    /// The upstream's model broke off before it said anything, which is not held against the upstream.
    SaidNothing(Code, String),
    /// We ended it in its middle.
    Cut(Code, Option<String>),
    /// The caller went away.
    ClientClosed,
}

/// An open record. Dropped open, the caller went away, or what served it panicked, and that is recorded.
pub(crate) struct Recording {
    /// What is known so far.
    pub(crate) record: Record,
    /// The call's id, as a header.
    pub(crate) id: HeaderValue,
    /// Memory for further header values of this call.
    pub(crate) ink: Option<Ink>,
    /// The call's place in its trace.
    pub(crate) trace: Trace,
    started: Instant,
    keeper: Arc<Keeper>,
    connection: Arc<Connection>,
    meters: Option<Arc<Meters>>,
    /// On AI calls: the model that answers, where the catalogue knows it.
    pub(crate) known: Option<Arc<catalog::Model>>,
    /// Where what was used is that of a batch: how many calls that were.
    batch: Option<u64>,
    /// Where several models did the call's work: what each used.
    shares: Vec<Share>,
    /// The call's place among those under way.
    pub(crate) slot: Option<Slot>,
    /// On AI calls: the call's place at the deployment that answers.
    pub(crate) busy: Option<Busy>,
    open: bool,
}

/// What is known when a call is accepted.
pub(crate) struct Accepted {
    pub(crate) id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) method: Cow<'static, str>,
    pub(crate) path: String,
    pub(crate) source: String,
}

impl Recording {
    /// Opens a record.
    pub(crate) fn open(keeper: Arc<Keeper>, connection: Arc<Connection>, accepted: Accepted) -> Box<Self> {
        let Accepted { id, at, trace, method, path, source } = accepted;
        let record = Record {
            id,
            at,
            outcome: Outcome::default(),
            status: 0,
            code: None,
            detail: None,
            would_refuse: None,
            tenant: None,
            user: None,
            application: None,
            api_key: None,
            service: None,
            operation: None,
            dialect: None,
            model: None,
            provider: None,
            deployment: None,
            batch: None,
            method,
            path,
            source,
            trace: Some(trace.id()),
            token: None,
            dropped: None,
            tools: None,
            usage: None,
            cost: None,
            upstream_status: None,
            bytes_in: 0,
            bytes_out: 0,
            attempts: 0,
            tried: Vec::new(),
            timing: Timing::default(),
            capture: None,
        };
        let mut ink = Ink::new();
        let header = ink.id(id.0);
        // In a box, since it is handed on half a dozen times on its way and is most of what a call carries.
        Box::new(Self {
            record,
            id: header,
            ink: Some(ink),
            trace,
            started: Instant::now(),
            keeper,
            connection,
            meters: None,
            known: None,
            batch: None,
            shares: Vec::new(),
            slot: None,
            busy: None,
            open: true,
        })
    }

    /// The call is for this service.
    pub(crate) fn routed(
        &mut self,
        service: Arc<str>,
        tenant: Option<portcullis_model::TenantId>,
        meters: &Arc<Meters>,
    ) {
        self.record.service = Some(service);
        self.record.tenant = tenant;
        meters.under_way.increment(1.0);
        self.meters = Some(meters.clone());
    }

    /// In monitor mode: what would have been refused.
    pub(crate) fn would_refuse(&mut self, fault: &Fault) {
        self.record.would_refuse = Some(Cow::Borrowed(fault.code().name()));
        self.record.detail = fault.private_context();
    }

    /// Microseconds since accept.
    pub(crate) fn elapsed(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_micros()).unwrap_or(u32::MAX)
    }

    /// The time, by the clock that the call was accepted with.
    pub(crate) fn now(&self) -> Timestamp {
        self.record.at.plus(self.started.elapsed())
    }

    /// What an attempt beside this one writes into: of the same call, and never closed by itself.
    pub(crate) fn aside(&self) -> Self {
        let mut record = self.record.clone();
        record.attempts = 0;
        Self {
            record,
            id: self.id.clone(),
            ink: None,
            trace: self.trace,
            started: self.started,
            keeper: self.keeper.clone(),
            connection: self.connection.clone(),
            meters: None,
            known: None,
            batch: None,
            shares: Vec::new(),
            slot: None,
            busy: None,
            open: false,
        }
    }

    /// The attempt that wrote into `aside` is the one that is answered.
    pub(crate) fn take_over(&mut self, mut aside: Self) {
        let (record, other) = (&mut self.record, &mut aside.record);
        record.provider = other.provider.take();
        record.deployment = other.deployment.take();
        record.dropped = other.dropped.take();
        record.usage = other.usage.take();
        record.upstream_status = other.upstream_status;
        record.timing.first_byte = other.timing.first_byte;
        record.attempts = record.attempts.saturating_add(other.attempts);
        self.known = aside.known.take();
        self.busy = aside.busy.take();
    }

    /// What this batch used is in this record, with what its calls cost. To be said again by whoever hears of it as well: one
    /// record keeps it in the end.
    pub(crate) fn billed(&mut self, batch: String, known: Option<Arc<catalog::Model>>, bill: Bill) {
        self.known = known;
        self.batch = Some(bill.calls);
        self.record.batch = Some(batch);
        self.record.usage = Some(bill.usage);
    }

    /// What a session used that several models may have had a share in: each costs what it costs.
    pub(crate) fn shared(&mut self, shares: Vec<Share>) {
        for Share { usage, .. } in &shares {
            let sum = self.record.usage.get_or_insert(Usage { source: usage.source, ..Usage::default() });
            sum.add(usage);
        }
        self.shares = shares;
    }

    /// There is nothing to record after all.
    pub(crate) fn forget(&mut self) {
        self.open = false;
    }

    /// Whether it is still open.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Closes the record. It is on its way to the spool when this returns, and there when what is returned is ready.
    pub(crate) fn close(&mut self, ending: Ending) -> Option<Appended> {
        if !std::mem::replace(&mut self.open, false) {
            return None;
        }
        let now = self.now();
        let failed = match &ending {
            Ending::UpstreamCut(_, why) => Some((Class::Outage, why)),
            Ending::SaidNothing(_, why) => Some((Class::SaidNothing, why)),
            _ => None,
        };
        if let (Some(mut busy), Some((class, why))) = (self.busy.take(), failed) {
            busy.failed(class, true, why, now);
        }
        let record = &mut self.record;
        let (outcome, code, detail) = match ending {
            Ending::Completed => (Outcome::Completed, None, None),
            Ending::Refused(code, detail) => (Outcome::Refused, Some(code), detail),
            Ending::UpstreamCut(code, detail) | Ending::SaidNothing(code, detail) => {
                (Outcome::UpstreamCut, Some(code), Some(detail))
            }
            Ending::Cut(code, detail) => (Outcome::Cut, Some(code), detail),
            // What was still under way when a drain's time was over: it was us who went away.
            Ending::ClientClosed if self.connection.draining().is_cancelled() => {
                (Outcome::Cut, Some(codes::SHUTTING_DOWN), None)
            }
            Ending::ClientClosed => (Outcome::ClientClosed, None, None),
        };
        record.outcome = outcome;
        record.code = code.map(|code| Cow::Borrowed(code.name()));
        record.detail = detail.or(record.detail.take());
        if record.status == 0 {
            // Gone before there was an answer; nginx's number for it.
            record.status = 499;
        }
        record.cost = match &self.shares[..] {
            [] => record.usage.as_ref().and_then(|usage| cost(self.known.as_deref()?, usage, self.batch)),
            shares => cost_of_shares(shares, self.known.as_deref()),
        };
        record.timing.total = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Some(meters) = &self.meters {
            meters.under_way.decrement(1.0);
        }
        // First of all what must not be lost.
        let appended = self.keeper.spool.append(record);
        self.meters.as_ref().unwrap_or(&self.keeper.unrouted).count(record);
        self.slot = None;
        if let Some(spans) = &self.keeper.spans {
            self.trace.export(spans, record);
        }
        Some(appended)
    }
}

/// What a call costs; `None` where that is not known.
fn cost(model: &catalog::Model, usage: &Usage, batch: Option<u64>) -> Option<Cost> {
    let used = Amounts::from(usage);
    let cost = match batch {
        Some(calls) => model.cost_of_batch(&used, calls),
        None => model.cost(&used, false),
    };
    let cost = cost.ok()?;
    let currency = model.tariff.as_ref()?.currency.to_string();
    Some(Cost { nanos: u64::try_from(cost.nanos()).ok()?, currency })
}

/// What all of them cost together; `None` where that of one is not known, or is in another currency. `own`: the session's model.
fn cost_of_shares(shares: &[Share], own: Option<&catalog::Model>) -> Option<Cost> {
    let mut sum: Option<Cost> = None;
    for Share { listener, usage } in shares {
        let known = match listener {
            None => own,
            Some(known) => known.as_deref(),
        };
        let more = cost(known?, usage, None)?;
        sum = Some(match sum {
            None => more,
            Some(sum) if sum.currency == more.currency => {
                Cost { nanos: sum.nanos.checked_add(more.nanos)?, currency: sum.currency }
            }
            Some(_) => return None,
        });
    }
    sum
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let ending = match Defect::unwinding() {
            None => Ending::ClientClosed,
            // Dropped by what panicked, not by a caller who left.
            Some(defect) => {
                let why = Some(defect.to_string());
                if self.record.status == 0 {
                    self.record.status = codes::INTERNAL.status();
                    Ending::Refused(codes::INTERNAL, why)
                } else {
                    Ending::Cut(codes::INTERNAL, why)
                }
            }
        };
        // Nobody is there to wait for it. The spool has taken the record by the time this returns. A second panic, while the
        // thread unwinds from a first, would end the process.
        let _ = defect::catch(|| drop(self.close(ending)));
    }
}

/// Facts, as identity finds them; also of calls that are refused in the end.
impl Observer for Recording {
    fn note(&mut self, fact: Fact<'_>) {
        let record = &mut self.record;
        match fact {
            Fact::Token(facts) => record.token = Some(facts.clone()),
            Fact::ApiKey(id) => record.api_key = Some(id),
            Fact::Tenant(tenant) => record.tenant = Some(tenant.id),
            Fact::User(user) => record.user = Some(user.id),
            Fact::GroupsOverage { shown_by } => {
                if let Some(token) = &mut record.token {
                    Arc::make_mut(token).groups_overage = Some(Cow::Borrowed(shown_by));
                }
            }
            Fact::Application(application) => record.application = Some(application.id),
            _ => {}
        }
    }
}
