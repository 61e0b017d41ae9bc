//! From a credential to a principal of the directory.
//!
//! Outcomes stay distinct all the way: active, pending, suspended, deleted, unknown, ambiguous, unavailable. An outage
//! is never "there is no such user". A hit is synchronous and allocates nothing.

use crate::authenticate::{ApiKeyCaller, TokenCaller};
use crate::lookup::{Ask, Found, Freshness, Limits, Lookups, Shared, Slot, Unasked};
use crate::observe::{Effects, Fact, Observer};
use crate::rules::{Newcomer, Rule};
use crate::sources::{Creation, Source};
use portcullis_fault::{Fault, codes};
use portcullis_model::issuer::UnknownUser;
use portcullis_model::{
    ApiKey, ApiKeyId, Application, ApplicationId, Name, Principal, TenantId, Timestamp, User, UserId,
    UserStatus,
};
use portcullis_store::entity::users::Lookup;
use quick_cache::Equivalent;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Merges are followed this far.
const MERGES: usize = 8;

/// What the directory knows of a subject.
#[derive(Clone, Debug)]
pub(crate) enum UserAnswer {
    Active(Arc<ActiveUser>),
    Pending(Arc<User>),
    Suspended(Arc<User>),
    Deleted(Arc<User>),
    Unknown,
    Ambiguous,
    /// The rule would have made a user, and could not of this.
    Unfit(Arc<str>),
}

/// A user who may call, with what a principal needs, ready.
#[derive(Debug)]
pub(crate) struct ActiveUser {
    pub user: Arc<User>,
    pub roles: Arc<[String]>,
}

impl UserAnswer {
    /// As records and metrics say it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active(_) => "active",
            Self::Pending(_) => "pending",
            Self::Suspended(_) => "suspended",
            Self::Deleted(_) => "deleted",
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Unfit(_) => "unfit",
        }
    }

    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::Active(active) => Some(&active.user),
            Self::Pending(user) | Self::Suspended(user) | Self::Deleted(user) => Some(user),
            Self::Unknown | Self::Ambiguous | Self::Unfit(_) => None,
        }
    }

    /// The active user, or why there is none. `what` says what was looked up, for the record.
    fn active(&self, what: impl FnOnce() -> String) -> Result<&Arc<ActiveUser>, Fault> {
        let status = |user: &User| {
            let reason =
                user.status_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!(
                "user {} is {} since {} by {}{reason}",
                user.id, user.status, user.status_changed_at, user.status_changed_by
            )
        };
        Err(match self {
            Self::Active(active) => return Ok(active),
            Self::Pending(user) => Fault::new(codes::USER_PENDING).context(status(user)),
            Self::Suspended(user) => Fault::new(codes::USER_SUSPENDED).context(status(user)),
            Self::Deleted(user) => Fault::new(codes::USER_DELETED).context(status(user)),
            Self::Unknown => Fault::new(codes::USER_UNKNOWN).context(format!("{} is nobody's", what())),
            Self::Ambiguous => {
                Fault::new(codes::SUBJECT_AMBIGUOUS).context(format!("{} is more than one user's", what()))
            }
            Self::Unfit(reason) => Fault::new(codes::SUBJECT_INVALID)
                .context(format!("{} cannot become a user: {reason}", what())),
        })
    }
}

/// What the directory knows of an API key.
#[derive(Debug)]
pub(crate) struct KeyRecord {
    pub key: Arc<ApiKey>,
    pub application: Arc<Application>,
    pub roles: Arc<[String]>,
    /// The user that the key is pinned to.
    pub user: Option<UserAnswer>,
}

/// An application, ready.
#[derive(Debug)]
pub(crate) struct ReadyApplication {
    pub application: Arc<Application>,
    pub roles: Arc<[String]>,
}

/// A subject in the cache: the rule, the tenant, and the claim as it stands in the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubjectKey {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRef<'a> {
    pub rule: u64,
    pub tenant: TenantId,
    pub raw: &'a str,
}

impl Hash for SubjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        SubjectRef { rule: self.rule, tenant: self.tenant, raw: &self.raw }.hash(state);
    }
}

impl Hash for SubjectRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.rule);
        state.write_u128(self.tenant.0.as_u128());
        state.write(self.raw.as_bytes());
    }
}

impl Equivalent<SubjectKey> for SubjectRef<'_> {
    fn equivalent(&self, key: &SubjectKey) -> bool {
        self.rule == key.rule && self.tenant == key.tenant && *self.raw == *key.raw
    }
}

/// A machine's client in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    pub tenant: TenantId,
    pub issuer: Name,
    pub client: Box<str>,
}

/// Everything that is asked of the directory on the path of a call.
pub(crate) struct Resolver {
    source: Arc<dyn Source>,
    pub subjects: Arc<Lookups<SubjectKey, UserAnswer>>,
    pub users: Arc<Lookups<UserId, UserAnswer>>,
    pub keys: Arc<Lookups<ApiKeyId, Option<KeyRecord>>>,
    pub clients: Arc<Lookups<ClientKey, Option<ReadyApplication>>>,
}

/// What a token is resolved by: compiled with its issuer.
pub(crate) struct SubjectPlan<'a> {
    pub issuer: &'a Name,
    pub rule: &'a Arc<Rule>,
    /// Another number for another rule of another issuer.
    pub number: u64,
    pub tenant: TenantId,
}

impl Resolver {
    pub fn new(source: Arc<dyn Source>, limits: Limits, shared: &Shared) -> Self {
        Self {
            source,
            subjects: Lookups::new("subject", limits, shared.clone()),
            users: Lookups::new("user", limits, shared.clone()),
            keys: Lookups::new("api_key", limits, shared.clone()),
            clients: Lookups::new("client", limits, shared.clone()),
        }
    }

    /// The user of a token's subject.
    pub async fn subject<O: Observer>(
        &self,
        plan: &SubjectPlan<'_>,
        token: &TokenCaller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Arc<ActiveUser>, Fault> {
        let raw = plan.rule.raw(token.claims())?;
        let key = SubjectRef { rule: plan.number, tenant: plan.tenant, raw };
        if let Some(slot) = self.subjects.cached(&key, token.now()) {
            return settle(&slot.answer, Freshness::Cached, observer, || described(plan, raw)).cloned();
        }
        // Cold: kept out of the hot path's stack frame.
        Box::pin(self.subject_asked(plan, raw, token, effects, observer)).await
    }

    async fn subject_asked<O: Observer>(
        &self,
        plan: &SubjectPlan<'_>,
        raw: &str,
        token: &TokenCaller,
        effects: Effects,
        observer: &mut O,
    ) -> Result<Arc<ActiveUser>, Fault> {
        let value = plan.rule.value(raw)?;
        observer.note(Fact::Subject { attribute: &plan.rule.attribute(), value: &value });
        let Some(lookup) = plan.rule.lookup(plan.issuer, &value) else {
            observer.note(Fact::Resolved { outcome: "unknown", freshness: Freshness::Asked });
            let context = format!("`{}` is no id of a user here", cut(&value));
            return Err(Fault::new(codes::USER_UNKNOWN).context(context));
        };
        let newcomer = match plan.rule.unknown {
            UnknownUser::Reject => None,
            policy => {
                Some((plan.rule.newcomer(plan.issuer, &value, token.claims()), policy == UnknownUser::Create))
            }
        };
        let what = || described(plan, raw);
        if effects.live() {
            let key = SubjectKey { rule: plan.number, tenant: plan.tenant, raw: raw.into() };
            let ask = self.ask_subject(plan.tenant, lookup, newcomer);
            let asked = self.subjects.ask(key, ask).await;
            let (slot, freshness) = asked.map_err(|unasked| unresolved(unasked, observer))?;
            return settle(&slot.answer, freshness, observer, what).cloned();
        }
        let answer = self.subjects.ask_dry(self.ask_subject(plan.tenant, lookup, None)).await;
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

    fn ask_subject(
        &self,
        tenant: TenantId,
        lookup: Lookup,
        newcomer: Option<(Newcomer, bool)>,
    ) -> Ask<UserAnswer> {
        let source = self.source.clone();
        let question = Arc::new((lookup, newcomer));
        Box::new(move || {
            let (source, question) = (source.clone(), question.clone());
            Box::pin(async move {
                let (lookup, newcomer) = &*question;
                let found = find_user(&*source, tenant, lookup).await?;
                let (UserAnswer::Unknown, Some((newcomer, active))) = (&found.answer, newcomer) else {
                    return Ok(found);
                };
                match source.create(tenant, newcomer, *active).await? {
                    Creation::Made(user) => Ok(found_user(*user, Vec::new())),
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
                        let barred = matches!(
                            linked.answer,
                            UserAnswer::Deleted(_) | UserAnswer::Suspended(_) | UserAnswer::Pending(_)
                        );
                        if barred {
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
    ) -> Result<(Arc<Application>, Arc<[String]>), Fault> {
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
            Ok((ready.application.clone(), ready.roles.clone()))
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

    /// The principal of a checked API key.
    pub fn key_principal<O: Observer>(
        &self,
        caller: &ApiKeyCaller,
        tenant: &Arc<portcullis_model::Tenant>,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        let record = caller.record().ok_or_else(|| Fault::new(codes::API_KEY_UNKNOWN))?;
        observer.note(Fact::Application(&record.application));
        if record.application.disabled {
            return Err(Fault::new(codes::APPLICATION_DISABLED)
                .context(format!("application `{}`", record.application.name)));
        }
        let (user, roles) = match &record.user {
            None => (None, record.roles.clone()),
            Some(answer) => {
                let active = settle(answer, Freshness::Cached, observer, || {
                    "the user that the key is pinned to".to_owned()
                })?;
                (Some(active.user.clone()), active.roles.clone())
            }
        };
        Ok(Principal {
            tenant: tenant.clone(),
            user,
            application: Some(record.application.clone()),
            api_key: Some(record.key.clone()),
            issuer: None,
            scopes: no_strings(),
            roles,
            expires_at: record.key.expires_at,
        })
    }
}

fn no_strings() -> Arc<[String]> {
    // One for the whole process: an empty list is not worth an allocation per call.
    static NONE: std::sync::LazyLock<Arc<[String]>> = std::sync::LazyLock::new(|| Arc::from(Vec::new()));
    NONE.clone()
}

/// Notes an answer and lets active users through.
fn settle<'a, O: Observer>(
    answer: &'a UserAnswer,
    freshness: Freshness,
    observer: &mut O,
    what: impl FnOnce() -> String,
) -> Result<&'a Arc<ActiveUser>, Fault> {
    observer.note(Fact::Resolved { outcome: answer.as_str(), freshness });
    if let Some(user) = answer.user() {
        observer.note(Fact::User(user));
    }
    answer.active(what)
}

/// The subject as the record tells of it.
fn described(plan: &SubjectPlan<'_>, raw: &str) -> String {
    format!("{} of issuer `{}`, looked up as `{}`", cut(raw), plan.issuer, plan.rule.attribute())
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

/// Sorted, without duplicates.
pub(crate) fn roles(roles: &[String]) -> Arc<[String]> {
    if roles.is_empty() {
        return no_strings();
    }
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    roles.into()
}

/// The roles of the directory and of the token together.
pub(crate) fn merged_roles(directory: &Arc<[String]>, token: &Arc<[String]>) -> Arc<[String]> {
    match (directory.is_empty(), token.is_empty()) {
        (_, true) => directory.clone(),
        (true, false) => token.clone(),
        (false, false) => roles(&[&**directory, &**token].concat()),
    }
}

async fn find_user(
    source: &dyn Source,
    tenant: TenantId,
    lookup: &Lookup,
) -> Result<Found<UserAnswer>, String> {
    let mut users = source.users(tenant, lookup).await?;
    match users.len() {
        0 => Ok(nobody()),
        1 => follow(source, users.remove(0)).await,
        _ => Ok(Found {
            answer: UserAnswer::Ambiguous,
            positive: false,
            tags: users.iter().map(|user| user.id.0).collect(),
        }),
    }
}

fn nobody() -> Found<UserAnswer> {
    Found { answer: UserAnswer::Unknown, positive: false, tags: Vec::new() }
}

/// Follows merges to whoever the user is now.
async fn follow(source: &dyn Source, mut user: User) -> Result<Found<UserAnswer>, String> {
    let tenant = user.tenant;
    let mut passed: Vec<Uuid> = Vec::new();
    while user.status == UserStatus::Merged {
        let next = user.merged_into.ok_or_else(|| format!("user {} is merged into nobody", user.id))?;
        passed.push(user.id.0);
        if passed.len() > MERGES {
            return Err(format!("user {} is merged in a circle or too often", user.id));
        }
        user = source
            .user(next)
            .await?
            .ok_or_else(|| format!("user {next}, into whom another is merged, is not there"))?;
        if user.tenant != tenant {
            return Err(format!("user {} is merged into another tenant's", user.id));
        }
    }
    Ok(found_user(user, passed))
}

fn found_user(user: User, mut tags: Vec<Uuid>) -> Found<UserAnswer> {
    tags.push(user.id.0);
    let status = user.status;
    let user = Arc::new(user);
    let answer = match status {
        UserStatus::Active => UserAnswer::Active(Arc::new(ActiveUser { roles: roles(&user.roles), user })),
        UserStatus::Pending => UserAnswer::Pending(user),
        UserStatus::Suspended => UserAnswer::Suspended(user),
        // A merged user that was just made cannot be; were it, it may not call.
        UserStatus::Deleted | UserStatus::Merged => UserAnswer::Deleted(user),
    };
    Found { positive: matches!(answer, UserAnswer::Active(_)), answer, tags }
}

async fn find_key(source: &dyn Source, id: ApiKeyId) -> Result<Found<Option<KeyRecord>>, String> {
    let Some(key) = source.api_key(id).await? else {
        return Ok(Found { answer: None, positive: false, tags: vec![id.0] });
    };
    let application = source.application(key.application).await?;
    let application = application.ok_or_else(|| format!("the application of API key {id} is not there"))?;
    let mut tags = vec![id.0, application.id.0];
    let user = match key.user {
        None => None,
        Some(user) => {
            let found = match source.user(user).await? {
                Some(user) => follow(source, user).await?,
                None => nobody(),
            };
            tags.extend(&found.tags);
            tags.push(user.0);
            Some(found.answer)
        }
    };
    let positive =
        !application.disabled && user.as_ref().is_none_or(|answer| matches!(answer, UserAnswer::Active(_)));
    let record = KeyRecord {
        roles: roles(&application.roles),
        application: Arc::new(application),
        key: Arc::new(key),
        user,
    };
    Ok(Found { answer: Some(record), positive, tags })
}

async fn find_client(
    source: &dyn Source,
    key: &ClientKey,
    local: bool,
) -> Result<Found<Option<ReadyApplication>>, String> {
    let application = if local {
        // Our own tokens name the application itself.
        match key.client.parse::<ApplicationId>() {
            Ok(id) => source.application(id).await?.filter(|application| application.tenant == key.tenant),
            Err(_) => None,
        }
    } else {
        source.client(key.tenant, &key.issuer, &key.client).await?
    };
    Ok(match application {
        None => Found { answer: None, positive: false, tags: Vec::new() },
        Some(application) => Found {
            positive: !application.disabled,
            tags: vec![application.id.0],
            answer: Some(ReadyApplication {
                roles: roles(&application.roles),
                application: Arc::new(application),
            }),
        },
    })
}

/// The principal of a token, once its user or application is known.
pub(crate) fn token_principal(
    token: &TokenCaller,
    tenant: Arc<portcullis_model::Tenant>,
    who: Result<Arc<ActiveUser>, (Arc<Application>, Arc<[String]>)>,
) -> Principal {
    let (user, application, own) = match who {
        Ok(active) => (Some(active.user.clone()), None, active.roles.clone()),
        Err((application, roles)) => (None, Some(application), roles),
    };
    Principal {
        tenant,
        user,
        application,
        api_key: None,
        issuer: Some(token.issuer().clone()),
        scopes: token.scopes().clone(),
        roles: merged_roles(&own, token.roles()),
        expires_at: token.expires_at(),
    }
}
