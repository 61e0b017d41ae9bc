//! Whether a call that was let in would still be: for streams and WebSockets that outlive the decision. Its principal may be
//! gone or barred by now, or be in other teams and have other roles than those that it was let in by.
//!
//! Cheap to hold by the thousand: a change of the directory wakes everybody, and who is not concerned looks at a few ids
//! and goes back to sleep. Only who may be concerned asks the directory.

use crate::authenticate::{Caller, TokenCaller};
use crate::lookup::Seen;
use crate::resolve::{ActiveUser, UserAnswer, merged, no_strings, no_teams, roles};
use crate::runtime::Runtime;
use portcullis_fault::{Fault, codes};
use portcullis_model::{Principal, Timestamp, User, UserStatus};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Watches over one principal for as long as its stream runs.
pub struct Standing {
    runtime: Arc<Runtime>,
    principal: Arc<Principal>,
    token: Option<TokenCaller>,
    again: Option<Again>,
    tags: Vec<Uuid>,
    /// The state of the world in which the principal was last known to stand.
    seen: Option<Seen>,
    /// The revocation list that the token was last compared with.
    revocations: Option<u64>,
    /// Since when it cannot be known whether the principal stands.
    unsure: Option<Timestamp>,
    changes: watch::Receiver<u64>,
}

/// Decides again about a call that was let in, as its principal is by now. What else there is to the call is as it was.
pub type Again = Box<dyn Fn(Arc<Principal>) -> Result<(), Fault> + Send + Sync>;

/// How soon the directory is asked again when it could not say.
const AGAIN: Duration = Duration::from_secs(1);
/// And how soon when it could, while nobody tells this node what changes.
const AGAIN_WHILE_DEAF: Duration = Duration::from_secs(10);
/// For how long a stream goes on while nobody can say whether its principal still stands: longer than a database takes to
/// start again or to hand over to its replica. A node that is cut off from it hears of no suspension at all meanwhile.
const UNSURE: Duration = Duration::from_secs(120);

impl Standing {
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        principal: Arc<Principal>,
        caller: Option<&Caller>,
        again: Option<Again>,
    ) -> Self {
        let changes = runtime.changes();
        let (token, seen) = match caller {
            Some(Caller::Token(token)) => (Some(token.clone()), Some(token.seen())),
            Some(Caller::ApiKey(key)) => (None, Some(key.seen())),
            None => (None, None),
        };
        Self {
            tags: tags(&principal),
            runtime,
            principal,
            token,
            again,
            seen,
            revocations: None,
            unsure: None,
            changes,
        }
    }

    /// Waits until the principal may no longer call, and says why. Does not look at `exp`: whether that ends a stream is
    /// the stream's business. While the directory cannot be asked, nobody's stream is cut for two minutes, and every one
    /// after that, with the fault of status 503 that says so. May be cancelled and called again.
    pub async fn lost(&mut self) -> Fault {
        loop {
            self.changes.mark_unchanged();
            let pause = match self.check().await {
                Ok(()) => {
                    self.unsure = None;
                    self.runtime.invalidation().state().deaf.then_some(AGAIN_WHILE_DEAF)
                }
                Err(fault) if fault.code().status() == 503 => {
                    let now = self.runtime.clock().now();
                    if now.since(*self.unsure.get_or_insert(now)) >= UNSURE {
                        return fault;
                    }
                    Some(AGAIN)
                }
                Err(fault) => return fault,
            };
            let changed = self.changes.changed();
            match pause {
                // Told or not, a while later it may be known.
                Some(pause) => drop(tokio::time::timeout(pause, changed).await),
                None => {
                    if changed.await.is_err() {
                        // The process is going down, and others end the stream.
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// Whether the principal may still call.
    ///
    /// # Errors
    /// Why not; with status 503 when that cannot be known at the moment.
    pub async fn check(&mut self) -> Result<(), Fault> {
        let list = self.runtime.revocation_count();
        if self.revocations != Some(list) {
            // In boxes, both: a stream that is watched keeps this future for as long as it lasts, and rarely needs them.
            Box::pin(self.check_token()).await?;
            self.revocations = Some(list);
        }
        let invalidation = self.runtime.invalidation();
        // What was seen holds only while changes are heard of.
        let heard = !invalidation.state().deaf;
        if heard && self.seen.is_some_and(|seen| !invalidation.touched_since(&self.tags, &seen)) {
            return Ok(());
        }
        let seen = invalidation.look();
        let present = Box::pin(present(&self.runtime, &self.principal, self.token.as_ref())).await?;
        if let Some(again) = &self.again {
            let present = Arc::new(present);
            again(present.clone())?;
            // Its teams are what the next change is compared with.
            self.tags = tags(&present);
            self.principal = present;
        }
        self.seen = Some(seen);
        Ok(())
    }

    async fn check_token(&self) -> Result<(), Fault> {
        let Some(token) = &self.token else { return Ok(()) };
        let revocations = self.runtime.revocations().await?;
        if revocations.key(token.issuer(), token.kid()) {
            return Err(Fault::new(codes::KEY_DISTRUSTED).context(format!("issuer `{}`", token.issuer())));
        }
        let user = self.principal.user.as_ref();
        let of_user = || user.and_then(|user| revocations.user(user.id, token.claims()));
        match revocations.token(token.issuer(), token.claims(), token.digest()).or_else(of_user) {
            Some(why) => Err(Fault::new(codes::TOKEN_REVOKED).context(why)),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("tags", &self.tags).finish_non_exhaustive()
    }
}

/// Everything whose change may end the principal's standing.
fn tags(principal: &Principal) -> Vec<Uuid> {
    let mut tags = vec![principal.tenant.id.0];
    tags.extend(principal.user.as_ref().map(|user| user.id.0));
    tags.extend(principal.application.as_ref().map(|application| application.id.0));
    tags.extend(principal.api_key.as_ref().map(|key| key.id.0));
    tags.extend(principal.teams.iter().map(|team| team.id.0));
    tags
}

/// A principal as it is now, if it may still call: tenant, application, key and user, with their roles and teams and those
/// that the token names.
pub(crate) async fn present(
    runtime: &Runtime,
    principal: &Principal,
    token: Option<&TokenCaller>,
) -> Result<Principal, Fault> {
    let mut present = Principal { teams: no_teams(), ..principal.clone() };
    let mut own = no_strings();
    let now: Timestamp = runtime.clock().now();
    let unavailable =
        |error: portcullis_store::Error| Fault::new(codes::RESOLUTION_UNAVAILABLE).source(error);
    let tenant = runtime.tenant(principal.tenant.id).await.map_err(unavailable)?;
    if tenant.is_none_or(|tenant| tenant.disabled) {
        return Err(Fault::new(codes::TENANT_DISABLED).context(format!("tenant `{}`", principal.tenant.name)));
    }
    if let Some(key) = &principal.api_key {
        let slot = runtime
            .resolver()
            .api_key(key.id, now, crate::Effects::Live)
            .await
            .map_err(|unasked| crate::resolve::unresolved(unasked, &mut ()))?;
        let record = slot.answer.as_ref().ok_or_else(|| Fault::new(codes::API_KEY_UNKNOWN))?;
        if record.key.revoked_at.is_some() {
            return Err(Fault::new(codes::API_KEY_REVOKED).context(format!("API key {}", key.id)));
        }
        if record.application.disabled {
            return Err(Fault::new(codes::APPLICATION_DISABLED)
                .context(format!("application `{}`", record.application.name)));
        }
        own = record.roles.clone();
        present.application = Some(record.application.clone());
    } else if let Some(application) = &principal.application {
        let current = runtime
            .application(application.id)
            .await
            .map_err(|reason| Fault::new(codes::RESOLUTION_UNAVAILABLE).context(reason))?;
        let Some(current) = current.filter(|current| !current.disabled) else {
            return Err(Fault::new(codes::APPLICATION_DISABLED)
                .context(format!("application `{}`", application.name)));
        };
        own = roles(&current.roles);
        present.application = Some(Arc::new(current));
    }
    if let Some(user) = &principal.user {
        let active = present_user(runtime, user, now).await?;
        (own, present.teams) = (active.roles, active.teams);
        present.user = Some(active.user);
    }
    present.roles = own;
    if let Some(token) = token {
        present.roles = merged(&present.roles, token.roles());
        if !token.teams().is_empty() {
            let (tenant, own) = (principal.tenant.id, &present.teams);
            let at = (now, crate::Effects::Live);
            let resolver = runtime.resolver();
            present.teams = resolver.with_token_teams(tenant, own, token.teams(), at, &mut ()).await?;
        }
    }
    Ok(present)
}

async fn present_user(runtime: &Runtime, user: &User, now: Timestamp) -> Result<ActiveUser, Fault> {
    let slot = runtime
        .resolver()
        .user(user.id, now)
        .await
        .map_err(|unasked| crate::resolve::unresolved(unasked, &mut ()))?;
    let answer = &slot.answer;
    if let UserAnswer::Active(active) = answer {
        return Ok(active.clone());
    }
    let code = match answer.user().map(|user| user.status) {
        Some(UserStatus::Suspended) => codes::USER_SUSPENDED,
        Some(UserStatus::Pending) => codes::USER_PENDING,
        Some(UserStatus::Deleted | UserStatus::Merged) => codes::USER_DELETED,
        Some(UserStatus::Active) | None => codes::USER_UNKNOWN,
    };
    let reason = answer
        .user()
        .and_then(|user| user.status_reason.clone())
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    Err(Fault::new(code).context(format!("user {}{reason}", user.id)))
}
