//! The way of a call through a model's deployments, their keys, and the models that stand by: until one answers, or nobody
//! is left, or the time is over. Before the answer has begun, and never after.

mod hedge;

use super::held::{Account, Held};
use super::route::{Class, Draw, Facts, Target, Turn, facts, pick};
use super::{
    AiCall, Attempt, Deployment, Plan, Refusal, Refused, Way, count, disguised, plan, reach, refused,
};
use crate::meter::Answer;
use crate::record::Recording;
use crate::upstream::Cut;
use http::{HeaderName, HeaderValue};
use portcullis_fault::{Fault, codes};
use portcullis_identity::{Identity, ModelPermit};
use portcullis_llm::dialect::Operation;
use portcullis_llm::dialect::chat::ReadStream;
use portcullis_llm::{canon, catalog};
use portcullis_model::record::Tried;
use portcullis_model::usage::UsageSource;
use portcullis_model::{Name, Principal, Usage};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a call was sent to a provider, where that was more than once.
static ATTEMPTS: HeaderName = HeaderName::from_static("x-portcullis-attempts");
/// What the caller calls its conversation.
static CONVERSATION: HeaderName = HeaderName::from_static("x-portcullis-conversation");
/// What the caller says of its call.
pub(super) static TAGS: HeaderName = HeaderName::from_static("x-portcullis-tags");

/// Attempts at one call, however many deployments, keys and models there are.
const MOST: u8 = 16;
/// How long a key rests whose provider does not say.
pub(super) const RATE_LIMITED: Duration = Duration::from_secs(5);
pub(super) const KEY_REFUSED: Duration = Duration::from_secs(60);
/// The pause before the first retry; each is twice the one before it.
const PAUSE: Duration = Duration::from_millis(250);
/// Nobody waits for longer than this, whatever a provider asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The models, and who says which of them a caller may use.
pub(crate) struct Models<'a> {
    pub(crate) held: &'a Arc<Held>,
    pub(crate) targets: &'a HashMap<Name, Target>,
    pub(crate) identity: &'a Identity,
}

/// Sends a call to the first that takes it.
pub(crate) async fn call(
    permit: &ModelPermit,
    models: &Models<'_>,
    call: AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, Fault> {
    let mut target = models.targets.get(permit.model()).ok_or(codes::MODEL_NOT_FOUND)?;
    // In a box, since it is rare.
    if call.served.operation == Operation::CountTokens
        && let Some(answer) = Box::pin(count::estimated(target, &call)).await?
    {
        return Ok(answer);
    }
    recording.record.timing.dispatched = recording.elapsed();
    let principal = permit.permit().principal().map(Arc::as_ref);
    recording.record.tools = reach::told(call.reach);
    let account = reach::admit(models, permit, target, &call, recording.now()).await?;
    let span = target.deadline.or(call.timeout);
    let mut journey = Journey {
        call: &call,
        held: models.held,
        account,
        facts: known(target, &call, principal),
        end: span.map(|span| Instant::now() + span),
        draw: Draw::new(call.seed),
        conversation: None,
        sent: 0,
        tried: Vec::new(),
        worst: None,
        spent: false,
        hedged: false,
        at_work: None,
        answered_by: None,
    };
    let mut granted: Option<ModelPermit> = None;
    let mut asked: Vec<&Name> = Vec::new();
    let mut standing_by: VecDeque<&Name> = VecDeque::new();
    loop {
        if target.looks_inside && journey.conversation.is_none() {
            // What cannot be read is refused by whoever would have to be told. In a box, since it is rare.
            let read = match call.format() {
                Some(chat) => match Box::pin(call.asked(chat, "")).await {
                    Ok(asked) => Some(asked),
                    // That is ours, and says nothing of the call.
                    Err(fault) if fault.code().status() >= 500 => return Err(fault),
                    Err(_) => None,
                },
                None => None,
            };
            let read = read.as_ref().map(|asked| &*asked.request);
            look_inside(&call, read, &mut journey.facts, &mut journey.conversation);
        }
        let more = !standing_by.is_empty();
        let class = match journey.through(granted.as_ref().unwrap_or(permit), target, more, recording).await {
            Ok(answer) => return Ok(journey.arrive(answer, recording)),
            Err(class) => class,
        };
        asked.push(&target.name);
        for name in target.fallback(class).iter().rev() {
            standing_by.push_front(name);
        }
        let mut next = None;
        while let (None, Some(name)) = (&next, standing_by.pop_front()) {
            let Some(target) = models.targets.get(name).filter(|_| !asked.contains(&name)) else { continue };
            // What a caller may not ask for by name it does not get by a detour, either: neither the model nor what the call
            // reaches for there.
            let Ok(permit) = models.identity.authorize_model(permit.permit(), name.as_str()) else {
                continue;
            };
            let admitted = reach::admit(models, &permit, target, &call, recording.now()).await;
            next = admitted.ok().map(|account| (target, permit, account));
        }
        match next {
            Some((next, permit, account)) if !journey.is_over() => {
                target = next;
                granted = Some(permit);
                journey.account = account;
            }
            _ => return journey.give_up(recording),
        }
    }
}

/// What can be said of a call without looking into it.
pub(super) fn known<'a>(target: &Target, call: &AiCall<'a>, principal: Option<&'a Principal>) -> Facts<'a> {
    let header = |name: &HeaderName| call.headers.get(name).and_then(|value| value.to_str().ok());
    Facts {
        principal,
        tags: header(&TAGS).filter(|_| target.tags).map(Facts::split).unwrap_or_default(),
        bytes: call.request.body().len() as u64,
        text: call.request.text_bytes(),
        max_tokens: call.request.max_tokens(),
        needs: Vec::new(),
        acts: None,
    }
}

/// What a call needs and which conversation it belongs to, where that decides anything; `read`: what it asks, where that is
/// a chat that can be read.
pub(super) fn look_inside(
    call: &AiCall<'_>,
    read: Option<&canon::Request>,
    facts: &mut Facts<'_>,
    conversation: &mut Option<u64>,
) {
    let principal = facts.principal;
    let named = call.headers.get(&CONVERSATION).map(|value| facts::named(value.as_bytes(), principal));
    if let Some(request) = read {
        facts.needs = facts::needs(request);
        facts.acts = Some(facts::acts(request));
        facts.max_tokens = facts.max_tokens.or(request.max_tokens);
    }
    *conversation = named.or_else(|| read.map(|request| facts::conversation(request, principal)));
}

/// A call on its way.
struct Journey<'a> {
    call: &'a AiCall<'a>,
    held: &'a Arc<Held>,
    /// Where it has to go, for what it refers to.
    account: Option<Account>,
    facts: Facts<'a>,
    end: Option<Instant>,
    draw: Draw,
    conversation: Option<u64>,
    /// Attempts so far.
    sent: u8,
    tried: Vec<Tried>,
    /// The most telling failure so far.
    worst: Option<Failed>,
    /// An attempt may have run, and made again it would be paid for again.
    spent: bool,
    /// Whether two deployments were asked beside each other.
    hedged: bool,
    /// The key of the attempt that is under way.
    at_work: Option<Option<usize>>,
    /// The key of the attempt that was answered.
    answered_by: Option<usize>,
}

/// A failure, and what the record says of it.
struct Failed {
    refused: Refused,
    provider: Option<Arc<str>>,
    deployment: Option<Arc<str>>,
    status: Option<u16>,
    usage: Option<Usage>,
    known: Option<Arc<catalog::Model>>,
}

impl Journey<'_> {
    /// Whether there is no more to be tried.
    fn is_over(&self) -> bool {
        self.spent || self.sent >= MOST || self.end.is_some_and(|end| end <= Instant::now())
    }

    /// Through the deployments of one model; the last failure's class when none answers. `more`: whether other models stand by,
    /// beside this one's own.
    async fn through(
        &mut self,
        permit: &ModelPermit,
        target: &Target,
        more: bool,
        recording: &mut Recording,
    ) -> Result<Answer, Class> {
        let mut last = Class::Outage;
        for round in 0..=target.retries {
            let mut turn = Turn { draw: self.draw, conversation: self.conversation };
            let call = self.call;
            let account = self.account.as_ref();
            let serves = |deployment: &Deployment| match account {
                Some(account) => reach::serves(deployment, account, call),
                None => Plan::of(deployment, call).is_some(),
            };
            let choice = target.choose(&self.facts, serves, recording.now(), &mut turn);
            self.draw = turn.draw;
            if choice.order.is_empty() {
                let (class, fault) =
                    plan::nobody(target, &choice.out, call.dialect, call.served, recording.now());
                self.keep(refused(class, fault), recording);
                return Err(class);
            }
            let mut wait = None;
            let mut i = 0;
            while let Some(at) = choice.order.get(i) {
                let others =
                    more || i + 1 < choice.order.len() || round < target.retries || target.has_fallbacks();
                let outcome = match self.beside(target, &choice.order, i) {
                    Some(pair) => {
                        let race = Box::pin(self.race(permit, target, pair, recording)).await;
                        i += usize::from(race.both);
                        race.outcome
                    }
                    None => self.deployment(permit, target, *at, others, recording).await,
                };
                i += 1;
                match outcome {
                    Ok(answer) => return Ok(answer),
                    Err(stop) => {
                        last = stop.class;
                        if !last.may_work_elsewhere() || self.is_over() {
                            return Err(last);
                        }
                        if last.passes() {
                            let asked = stop.rest.unwrap_or_default();
                            wait = Some(wait.map_or(asked, |wait: Duration| wait.min(asked)));
                        }
                    }
                }
            }
            let Some(wait) = wait.filter(|_| round < target.retries) else { break };
            let pause =
                PAUSE.saturating_mul(1 << round.min(5)).mul_f64(0.5 + self.draw.unit() / 2.0).max(wait);
            if pause > LONGEST_PAUSE || self.end.is_some_and(|end| end <= Instant::now() + pause) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(last)
    }

    /// One deployment, with one of its keys after the other.
    async fn deployment(
        &mut self,
        permit: &ModelPermit,
        target: &Target,
        at: usize,
        others: bool,
        recording: &mut Recording,
    ) -> Result<Answer, Stop> {
        let deployment = &target.deployments[at];
        let keys = match &deployment.way {
            Way::Http(way) => &way.keys[..],
            Way::Echo(_) => &[],
        };
        // What it refers to is in the account of one of them.
        let own = self.account.as_ref().and_then(|account| usize::from(account.key?).checked_sub(1));
        let own = own.filter(|at| *at < keys.len());
        let mut used: Vec<bool> = (0..keys.len()).map(|at| own.is_some_and(|own| own != at)).collect();
        let mut first = true;
        let mut stop = Stop { class: Class::Outage, rest: None };
        loop {
            let now = recording.now();
            let mut key = None;
            if !keys.is_empty() {
                match pick(keys, &used, first, now, &mut self.draw) {
                    Ok(at) => {
                        first = false;
                        used[at] = true;
                        key = Some(at);
                    }
                    Err(Some(until)) if first => {
                        stop = Stop { class: Class::RateLimited, rest: Some(until.since(now)) };
                        let fault = Fault::new(codes::PROVIDER_UNAVAILABLE)
                            .context("the provider's keys have had their calls per minute")
                            .retry_after(until.since(now));
                        self.keep(refused(stop.class, fault), recording);
                        return Err(stop);
                    }
                    Err(_) => return Err(stop),
                }
            }
            let Some(mut busy) = deployment.vitals.begin(target.breaker, now) else {
                // Somebody else's call opened it, or tries it, since the choice was made.
                let fault = Fault::new(codes::PROVIDER_UNAVAILABLE)
                    .context("the deployment keeps failing and is left alone for a while")
                    .retry_after(Duration::from_secs(1));
                self.keep(refused(Class::Outage, fault), recording);
                return Err(stop);
            };
            self.sent += 1;
            self.at_work = Some(key);
            recording.record.provider = Some(deployment.provider.shared());
            recording.record.deployment = Some(deployment.model.shared());
            recording.record.upstream_status = None;
            recording.record.usage = None;
            recording.known.clone_from(&deployment.known);
            let attempt =
                Attempt { permit, deployment, call: self.call, key, end: self.end, held: self.held };
            let plan = Plan::of(deployment, self.call);
            let reader = match &plan {
                Some(plan) if others && self.call.stream => plan.reader(self.call),
                _ => None,
            };
            let answered = match plan {
                Some(Plan::Pass(row)) => attempt.pass(row, recording).await,
                Some(Plan::Translate(plan)) => Box::pin(attempt.translate(plan, recording)).await,
                Some(Plan::Exchange(plan)) => Box::pin(attempt.exchange(plan, recording)).await,
                None => return Err(stop),
            };
            // Where others stand by, an answer that breaks off before it has said anything is no answer yet, nor is one that
            // begins with an error.
            let answered = match answered {
                Ok(answer) if others && !answer.body.is_ended() => begun(answer, reader, self.end).await,
                answered => answered,
            };
            let after = recording.now();
            self.at_work = None;
            match answered {
                Ok(answer) => {
                    self.answered_by = key;
                    busy.answered(after.since(now), after);
                    if !self.tried.is_empty() {
                        self.note(deployment, key, "answered", recording);
                    }
                    recording.busy = Some(busy);
                    return Ok(answer);
                }
                Err(refused) => {
                    // Who says how often a call is tried again has said so of these, too.
                    let by_the_piece = self.call.served.operation.is_by_the_piece() && target.retries == 0;
                    self.spent |= refused.may_have_run && by_the_piece;
                    stop = Stop { class: refused.class, rest: refused.rest };
                    let answered = recording.record.upstream_status.is_some();
                    busy.failed(refused.class, answered, &refused.why(), after);
                    drop(busy);
                    if let Some(key) = key.map(|key| &keys[key]) {
                        match refused.class {
                            Class::RateLimited => key.rest.rest(after, refused.rest.unwrap_or(RATE_LIMITED)),
                            Class::KeyRefused => key.rest.rest(after, KEY_REFUSED),
                            _ => {}
                        }
                    }
                    self.note(deployment, key, refused.class.as_str(), recording);
                    self.keep(refused, recording);
                    let another = used.iter().any(|used| !used);
                    if !(stop.class.is_about_the_key() && another) || self.is_over() {
                        return Err(stop);
                    }
                }
            }
        }
    }

    /// Notes an attempt for the record.
    fn note(
        &mut self,
        deployment: &Deployment,
        key: Option<usize>,
        outcome: &'static str,
        recording: &Recording,
    ) {
        self.tried.push(Tried {
            provider: deployment.provider.to_string(),
            deployment: deployment.model.to_string(),
            key: key.and_then(|key| u16::try_from(key + 1).ok()),
            outcome: Cow::Borrowed(outcome),
            status: recording.record.upstream_status,
            after: recording.elapsed(),
            // The record's own gives way to that of whoever is asked next.
            usage: recording.record.usage.filter(|usage| {
                outcome != "answered" && usage.source == UsageSource::Reported
                    || outcome == Class::SaidNothing.as_str()
            }),
        });
    }

    /// Keeps a failure, if it is as telling as what there was.
    fn keep(&mut self, refused: Refused, recording: &Recording) {
        if self.worst.as_ref().is_none_or(|worst| refused.class >= worst.refused.class) {
            let record = &recording.record;
            self.worst = Some(Failed {
                refused,
                provider: record.provider.clone(),
                deployment: record.deployment.clone(),
                status: record.upstream_status,
                usage: record.usage,
                known: recording.known.clone(),
            });
        }
    }

    /// An answer comes.
    fn arrive(self, mut answer: Answer, recording: &mut Recording) -> Answer {
        self.tell(&mut answer);
        recording.record.tried = self.tried;
        answer
    }

    fn tell(&self, answer: &mut Answer) {
        if self.sent > 1 {
            answer.head.headers.insert(&ATTEMPTS, HeaderValue::from(u16::from(self.sent)));
        }
    }

    /// None comes: the caller hears of the most telling failure.
    fn give_up(mut self, recording: &mut Recording) -> Result<Answer, Fault> {
        let Some(Failed { refused, provider, deployment, status, usage, known }) = self.worst.take() else {
            return Err(Fault::new(codes::PROVIDER_UNAVAILABLE).retry_after(Duration::from_secs(1)));
        };
        let record = &mut recording.record;
        (record.provider, record.deployment, record.upstream_status) = (provider, deployment, status);
        // What it used, at its own price.
        (record.usage, recording.known) = (usage, known);
        if let Ok(mut answer) = refused.said {
            self.tell(&mut answer);
            recording.record.tried = self.tried;
            return Ok(answer);
        }
        recording.record.tried = self.tried;
        refused.said
    }
}

/// Why a deployment did not answer.
struct Stop {
    class: Class,
    /// How long the provider asks to be left alone.
    rest: Option<Duration>,
}

/// Waits until an answer has begun, for no longer than the call may take; `reader`: who can read it, where it is a stream.
async fn begun(
    mut answer: Answer,
    reader: Option<Box<dyn ReadStream>>,
    end: Option<Instant>,
) -> Result<Answer, Refused> {
    let peek = answer.body.peek(1);
    let peeked = match end {
        Some(end) => tokio::time::timeout_at(end, peek).await.unwrap_or_else(|_| {
            let why = "nothing came behind the head of its answer within the time for the call";
            Err(Cut::new(codes::UPSTREAM_TIMEOUT, why))
        }),
        None => peek.await,
    };
    match peeked {
        Ok((seen, body)) => {
            answer.body = body;
            match reader.and_then(|mut reader| disguised::stream(&mut *reader, &seen)) {
                None => Ok(answer),
                // Ours, and not in words that may repeat the key.
                Some(class @ Class::KeyRefused) => {
                    let fault = Fault::new(codes::PROVIDER_CREDENTIAL_REFUSED)
                        .context("the stream began with a refusal of the key");
                    Err(refused(class, fault))
                }
                // When nobody does better, the caller hears it as it came.
                Some(class) => {
                    Err(Box::new(Refusal { class, said: Ok(answer), rest: None, may_have_run: false }))
                }
            }
        }
        Err(cut) => {
            let refused = refused(Class::Outage, Fault::new(cut.code).context(cut.why));
            Err(Box::new(Refusal { may_have_run: true, ..*refused }))
        }
    }
}
