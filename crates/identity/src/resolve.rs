//! From a credential to a principal of the directory.
//!
//! Outcomes stay distinct all the way: active, pending, suspended, deleted, unknown, ambiguous, unavailable. An outage
//! is never "there is no such user". A hit is synchronous and allocates nothing.

mod answer;
mod key;
mod principal;
mod teams;

pub(crate) use answer::{
    ActiveUser, Folding, KeyRecord, ReadyApplication, UserAnswer, barred_by_source, follow, found_user,
    nobody,
};
pub(crate) use key::{ClientKey, SubjectKey, SubjectRef};
pub use principal::supposed;
pub(crate) use principal::{Who, merged, no_strings, roles, token_principal};
pub(crate) use teams::{TeamTree, no_teams, tree_tag};

use crate::authenticate::TokenCaller;
use crate::lookup::{Ask, Found, Freshness, Limits, Lookups, Shared, Slot, Unasked};
use crate::observe::{Effects, Fact, Observer};
use crate::rules::{Fallback, Fallbacks, Newcomer, Rule};
use crate::sources::foreign::Wanted;
use crate::sources::{Creation, Outside, Source};
use answer::{barred, find_client, find_key, find_subject, find_user};
use portcullis_fault::{Fault, codes};
use portcullis_model::issuer::UnknownUser;
use portcullis_model::{ApiKeyId, Name, TenantId, Timestamp, UserId};
use portcullis_store::entity::users::Lookup;
use std::sync::Arc;
use std::time::Duration;

/// How many tenants' teams are kept.
const MOST_TREES: usize = 1_024;

/// Everything that is asked of the directory on the path of a call.
pub(crate) struct Resolver {
    source: Arc<dyn Source>,
    pub subjects: Arc<Lookups<SubjectKey, UserAnswer>>,
    pub users: Arc<Lookups<UserId, UserAnswer>>,
    pub keys: Arc<Lookups<ApiKeyId, Option<KeyRecord>>>,
    pub clients: Arc<Lookups<ClientKey, Option<ReadyApplication>>>,
    pub trees: Arc<Lookups<TenantId, TeamTree>>,
}

/// What a token is resolved by: compiled with its issuer.
pub(crate) struct SubjectPlan<'a> {
    pub issuer: &'a Name,
    pub rule: &'a Arc<Rule>,
    /// Another number for another rule of another issuer.
    pub number: u64,
    pub tenant: TenantId,
    /// Where it is looked up, when not in our own directory.
    pub source: Option<&'a Arc<Outside>>,
}

impl SubjectPlan<'_> {
    fn key<'k>(&self, raw: &'k str, fallbacks: &'k [&'k str]) -> SubjectRef<'k> {
        SubjectRef { rule: self.number, tenant: self.tenant, raw, fallbacks }
    }

    fn wanted(&self, source: &Outside, value: &str) -> Wanted {
        Wanted { subject: value.to_owned(), issuer: self.issuer.clone(), tenant: source.tenant.clone() }
    }
}

impl Resolver {
    pub fn new(source: Arc<dyn Source>, limits: Limits, shared: &Shared) -> Self {
        Self {
            source,
            subjects: Lookups::new("subject", limits, shared.clone()),
            users: Lookups::new("user", limits, shared.clone()),
            keys: Lookups::new("api_key", limits, shared.clone()),
            clients: Lookups::new("client", limits, shared.clone()),
            // Trees may be large, and few tenants' tokens name teams.
            trees: Lookups::new(
                "teams",
                Limits { capacity: limits.capacity.min(MOST_TREES), ..limits },
                shared.clone(),
            ),
        }
    }

    /// The user of a token's subject.
    pub async fn subject<O: Observer>(
        &self,
        plan: &SubjectPlan<'_>,
        token: &TokenCaller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<ActiveUser, Fault> {
        let raw = plan.rule.raw(token.claims())?;
        let mut place = Fallbacks::default();
        let key = plan.key(raw, plan.rule.fallbacks(token.claims(), &mut place));
        let lookups = plan.source.map_or(&self.subjects, |source| &source.lookups);
        if let Some(slot) = lookups.cached(&key, token.now()) {
            return settle(&slot.answer, Freshness::Cached, observer, || described(plan, key)).cloned();
        }
        // Cold: kept out of the hot path's stack frame.
        Box::pin(self.subject_asked(plan, key, token, effects, observer)).await
    }

    async fn subject_asked<O: Observer>(
        &self,
        plan: &SubjectPlan<'_>,
        key: SubjectRef<'_>,
        token: &TokenCaller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<ActiveUser, Fault> {
        let value = plan.rule.value(key.raw)?;
        observer.note(Fact::Subject { attribute: &plan.rule.attribute(), value: &value });
        plan.rule.fits(&value)?;
        if let Some(source) = plan.source {
            let wanted = plan.wanted(source, &value);
            return self.subject_outside(plan, source, wanted, key, effects, observer).await;
        }
        let fallbacks = plan.rule.fallback_lookups(plan.issuer, key.fallbacks);
        let lookup = plan.rule.lookup(plan.issuer, &value);
        if lookup.is_none() && fallbacks.is_empty() {
            observer.note(Fact::Resolved { outcome: "unknown", freshness: Freshness::Asked });
            let context = format!("`{}` is no id of a user here", cut(&value));
            return Err(Fault::new(codes::USER_UNKNOWN).context(context));
        }
        let newcomer = match plan.rule.unknown {
            UnknownUser::Reject => None,
            policy => {
                Some((plan.rule.newcomer(plan.issuer, &value, token.claims()), policy == UnknownUser::Create))
            }
        };
        let what = || described(plan, key);
        let mut question =
            Question { lookup, folding: folding(plan.rule, &value), fallbacks, newcomer: None };
        if effects.live() {
            question.newcomer = newcomer;
            let asked = self.subjects.ask(key.to_key(), self.ask_subject(plan.tenant, question)).await;
            let (slot, freshness) = asked.map_err(|unasked| unresolved(unasked, observer))?;
            return settle(&slot.answer, freshness, observer, what).cloned();
        }
        let answer = self.subjects.ask_dry(self.ask_subject(plan.tenant, question)).await;
        let answer = answer.map_err(|unasked| unresolved(unasked, observer))?;
        match (&answer, newcomer) {
            (UserAnswer::Unknown, Some((_, active))) => {
                observer.note(Fact::Resolved { outcome: "unknown", freshness: Freshness::Asked });
                let status = if active { "an active" } else { "a pending" };
                let context = format!("{} is nobody's; a real call would make {status} user", what());
                Err(Fault::new(codes::USER_UNKNOWN).context(context))
            }
            _ => settle(&answer, Freshness::Asked, observer, what).cloned(),
        }
    }

    async fn subject_outside<O: Observer>(
        &self,
        plan: &SubjectPlan<'_>,
        source: &Arc<Outside>,
        wanted: Wanted,
        key: SubjectRef<'_>,
        effects: Effects,
        observer: &mut O,
    ) -> Result<ActiveUser, Fault> {
        let what = || described(plan, key);
        if !effects.live() {
            let answer = source.lookups.ask_dry(source.dry_question(plan.tenant, wanted)).await;
            let answer = answer.map_err(|unasked| unresolved(unasked, observer))?;
            return settle(&answer, Freshness::Asked, observer, what).cloned();
        }
        let asked = source.lookups.ask(key.to_key(), source.question(plan.tenant, wanted)).await;
        let (slot, freshness) = asked.map_err(|unasked| unresolved(unasked, observer))?;
        settle(&slot.answer, freshness, observer, what).cloned()
    }

    fn ask_subject(&self, tenant: TenantId, question: Question) -> Ask<UserAnswer> {
        let source = self.source.clone();
        let question = Arc::new(question);
        Box::new(move || {
            let (source, question) = (source.clone(), question.clone());
            Box::pin(async move {
                let found = find_subject(&*source, tenant, &question).await?;
                let (UserAnswer::Unknown, Some(lookup), Some((newcomer, active))) =
                    (&found.answer, &question.lookup, &question.newcomer)
                else {
                    return Ok(found);
                };
                match source.create(tenant, newcomer, *active).await? {
                    Creation::Made(user) => Ok(found_user(*user, Vec::new(), Vec::new())),
                    Creation::Barred(user) => Ok(barred(*user)),
                    // Another node was faster, or the identity is linked to somebody whom this look-up does not find.
                    Creation::Taken => {
                        let again = find_user(&*source, tenant, lookup).await?;
                        if !matches!(again.answer, UserAnswer::Unknown) {
                            return Ok(again);
                        }
                        let (issuer, subject) = newcomer.identity.clone();
                        let linked =
                            find_user(&*source, tenant, &Lookup::Identity { issuer, subject }).await?;
                        // A tombstone, or a merged user: never made again. Somebody active is not who was asked for.
                        let gone = matches!(
                            linked.answer,
                            UserAnswer::Deleted(_) | UserAnswer::Suspended(_) | UserAnswer::Pending(_)
                        );
                        if gone {
                            return Ok(linked);
                        }
                        let reason = "the user name, external id or identity that the token gives is taken by another user";
                        Ok(Found {
                            answer: UserAnswer::Unfit(reason.into()),
                            positive: false,
                            tags: linked.tags,
                        })
                    }
                    Creation::Refused(reason) => Ok(Found {
                        answer: UserAnswer::Unfit(reason.into()),
                        positive: false,
                        tags: Vec::new(),
                    }),
                }
            })
        })
    }

    /// An API key with its application and user.
    pub async fn api_key(
        &self,
        id: ApiKeyId,
        now: Timestamp,
        effects: Effects,
    ) -> Result<Arc<Slot<Option<KeyRecord>>>, Unasked> {
        if let Some(slot) = self.keys.cached(&id, now) {
            return Ok(slot);
        }
        let source = self.source.clone();
        let ask: Ask<Option<KeyRecord>> = Box::new(move || {
            let source = source.clone();
            Box::pin(async move { find_key(&*source, id).await })
        });
        if effects.live() {
            return self.keys.ask(id, ask).await.map(|(slot, _)| slot);
        }
        self.keys.ask_dry(ask).await.map(|answer| Slot::loose(answer, now))
    }

    /// The application of a machine token.
    pub async fn client<O: Observer>(
        &self,
        key: ClientKey,
        local: bool,
        now: Timestamp,
        effects: Effects,
        observer: &mut O,
    ) -> Result<ReadyApplication, Fault> {
        let ready = |answer: &Option<ReadyApplication>, observer: &mut O| {
            let Some(ready) = answer else {
                let context = format!(
                    "issuer `{}` has no client `{}` that is an application of the tenant",
                    key.issuer,
                    cut(&key.client)
                );
                return Err(Fault::new(codes::APPLICATION_UNKNOWN).context(context));
            };
            observer.note(Fact::Application(&ready.application));
            if ready.application.disabled {
                return Err(Fault::new(codes::APPLICATION_DISABLED)
                    .context(format!("application `{}`", ready.application.name)));
            }
            Ok(ready.clone())
        };
        if let Some(slot) = self.clients.cached(&key, now) {
            return ready(&slot.answer, observer);
        }
        let (source, question) = (self.source.clone(), Arc::new(key.clone()));
        let ask: Ask<Option<ReadyApplication>> = Box::new(move || {
            let (source, question) = (source.clone(), question.clone());
            Box::pin(async move { find_client(&*source, &question, local).await })
        });
        if effects.live() {
            let asked = self.clients.ask(key.clone(), ask).await;
            let (slot, _) = asked.map_err(|unasked| unresolved(unasked, observer))?;
            return ready(&slot.answer, observer);
        }
        let answer = self.clients.ask_dry(ask).await.map_err(|unasked| unresolved(unasked, observer))?;
        ready(&answer, observer)
    }

    /// What the directory says under a rule, whatever is in memory. Fills nothing.
    ///
    /// # Errors
    /// It cannot be asked; why.
    pub async fn look(&self, tenant: TenantId, question: Question) -> Result<UserAnswer, String> {
        self.subjects.ask_dry(self.ask_subject(tenant, question)).await.map_err(|unasked| unasked.to_string())
    }

    /// A user by id, as it is now.
    pub async fn user(&self, id: UserId, now: Timestamp) -> Result<Arc<Slot<UserAnswer>>, Unasked> {
        if let Some(slot) = self.users.cached(&id, now) {
            return Ok(slot);
        }
        let source = self.source.clone();
        let ask: Ask<UserAnswer> = Box::new(move || {
            let source = source.clone();
            Box::pin(async move {
                Ok(match source.user(id).await? {
                    Some(user) => follow(&*source, user).await?,
                    None => nobody(),
                })
            })
        });
        self.users.ask(id, ask).await.map(|(slot, _)| slot)
    }
}

/// What is asked of our own directory about a subject.
pub(crate) struct Question {
    /// `None`: the value cannot be anybody's; what is fallen back to may be.
    pub lookup: Option<Lookup>,
    pub folding: Option<Folding>,
    pub fallbacks: Vec<Fallback>,
    /// Whom to make when nobody is found, and whether active.
    pub newcomer: Option<(Newcomer, bool)>,
}

/// What is looked up under a rule that folds.
pub(crate) fn folding(rule: &Arc<Rule>, value: &str) -> Option<Folding> {
    rule.folds().then(|| Folding { rule: rule.clone(), value: value.to_owned() })
}

/// An answer as it is told: its name, and the user, whatever its status.
pub(crate) fn outcome_of(answer: &UserAnswer) -> (&'static str, Option<Arc<portcullis_model::User>>) {
    (answer.as_str(), answer.user().cloned())
}

/// Notes an answer and lets active users through.
fn settle<'a, O: Observer>(
    answer: &'a UserAnswer,
    freshness: Freshness,
    observer: &mut O,
    what: impl FnOnce() -> String,
) -> Result<&'a ActiveUser, Fault> {
    observer.note(Fact::Resolved { outcome: answer.as_str(), freshness });
    if let Some(user) = answer.user() {
        observer.note(Fact::User(user));
    }
    answer.active(what)
}

/// The subject as the record tells of it.
fn described(plan: &SubjectPlan<'_>, key: SubjectRef<'_>) -> String {
    let (raw, attribute) = (as_written(key.raw), plan.rule.attribute());
    let mut text = format!("`{raw}` of issuer `{}`, looked up as `{attribute}`", plan.issuer);
    let fallbacks = key.fallbacks.iter().filter(|json| !json.is_empty());
    for (claim, json) in plan.rule.fallback_claims(key.fallbacks).into_iter().zip(fallbacks) {
        text.push_str(&format!(", then by its claim `{claim}`, `{}` as `identity`,", as_written(json)));
    }
    text
}

/// A claim's value as the token has it, cut: JSON, whose quotes tell a text from a number. What nobody can see is escaped.
fn as_written(raw: &str) -> String {
    let mut text = String::new();
    for c in raw.chars().take(256) {
        match c {
            '"' | '\'' | '\\' => text.push(c),
            _ => text.extend(c.escape_debug()),
        }
    }
    text
}

fn cut(text: &str) -> String {
    text.chars().take(256).collect::<String>().escape_debug().to_string()
}

pub(crate) fn unresolved<O: Observer>(unasked: Unasked, observer: &mut O) -> Fault {
    observer.note(Fact::Resolved { outcome: "unavailable", freshness: Freshness::Asked });
    match unasked {
        Unasked::Overloaded => Fault::new(codes::RESOLUTION_OVERLOADED).retry_after(Duration::from_secs(1)),
        Unasked::Unavailable { reason, retry_after } => {
            Fault::new(codes::RESOLUTION_UNAVAILABLE).context(reason.to_string()).retry_after(retry_after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_shown_as_it_is_written() {
        assert_eq!(as_written(r#""ADA""#), r#""ADA""#);
        assert_eq!(as_written("42"), "42");
        assert_eq!(as_written("\"a\u{202e}b\n\""), "\"a\\u{202e}b\\n\"");
        assert_eq!(as_written(&"x".repeat(300)).len(), 256);
    }
}
