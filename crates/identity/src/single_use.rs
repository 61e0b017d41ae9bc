//! Tokens that are for one call (`single_use` of an issuer). That one was used is told after every other check of it, so only
//! to whoever has it; it is used up with the permit, by the call that it lets in. What is refused before that (nobody's
//! subject, a store that is down) did not use it, and may be tried again with it.
//!
//! Every use is in the database, by the digest of its `jti` (RFC 7519 §4.1.7), and nowhere else: every node sees every other's,
//! and a restart forgets none. Where the database cannot say, nobody is let in.
//!
//! Not here: whether the token is any good otherwise (`authenticate::jwt`).

use crate::authenticate::TokenCaller;
use crate::breaker::{Admission, Breaker};
use crate::issuer::MOST_LEEWAY;
use crate::metric;
use crate::observe::Effects;
use portcullis_config::Resolution;
use portcullis_fault::{Fault, codes};
use portcullis_jose::{Text, sha256};
use portcullis_model::{Clock, RequestId, TenantId, Timestamp};
use portcullis_store::entity::used_tokens::{self, UsedToken};
use portcullis_store::{Error, Store};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;

/// How long is waited before a use that let nobody in is tried to be taken back again.
const TAKE_BACK: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Where uses of tokens are written down.
pub(crate) struct Uses {
    store: Store,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    /// Of its own: a database that can be read and not be written to is no reason to leave the directory alone.
    breaker: Arc<Breaker>,
    queue: Arc<Semaphore>,
    timeout: Duration,
    counts: metric::Uses,
}

impl Uses {
    /// Asks the database as look-ups of users do: for so long, so many at once, and not at all for a while after failures.
    /// `tasks` are waited for at the end.
    pub fn new(store: Store, clock: Arc<dyn Clock>, resolution: &Resolution, tasks: TaskTracker) -> Self {
        let portcullis_config::Breaker { failures, open } = resolution.breaker;
        Self {
            store,
            clock,
            tasks,
            breaker: Arc::new(Breaker::new("used tokens", failures, open.0)),
            queue: Arc::new(Semaphore::new(resolution.queue as usize)),
            timeout: resolution.timeout.0,
            counts: metric::Uses::new(),
        }
    }

    /// Whether the token has not let a call in yet.
    ///
    /// # Errors
    /// It has; its `jti` names no token; or that cannot be known at the moment (503).
    pub async fn check(&self, token: &TokenCaller, effects: Effects) -> Result<(), Fault> {
        let (issuer, jti) = (token.issuer().clone(), digest_of_jti(token)?);
        let store = self.store.clone();
        let looking = async move { used_tokens::find(&store, &issuer, &jti).await };
        let used = if effects.live() {
            self.ask(looking, |_| std::future::ready(())).await?
        } else {
            match tokio::time::timeout(self.timeout, looking).await {
                Ok(answer) => answer.map_err(|error| unknown(&error.to_string()))?,
                Err(_) => return Err(unknown(&too_slow(self.timeout))),
            }
        };
        match used {
            None => Ok(()),
            Some(used) => {
                if effects.live() {
                    self.counts.replayed.increment(1);
                }
                Err(replayed(token, Some(used.at)))
            }
        }
    }

    /// Writes down that the token lets this call in. Of any number of calls at once, on whatever nodes, it lets in one.
    ///
    /// # Errors
    /// Another call was first; or that cannot be known at the moment (503), and then the token is as good as before.
    pub async fn use_up(
        &self,
        token: &TokenCaller,
        tenant: TenantId,
        request: RequestId,
    ) -> Result<(), Fault> {
        // A token without `exp` is refused long before this; should that ever change, its use is kept for good.
        let expires_at = token.expires_at().unwrap_or(Timestamp::from_micros(i64::MAX));
        let used = UsedToken {
            issuer: token.issuer().clone(),
            jti: digest_of_jti(token)?,
            digest: token.digest().to_owned(),
            tenant,
            request,
            at: token.now(),
            // By the most that may ever be configured, and not by what is now: what was forgotten could be used again under
            // a greater leeway, or on a node whose clock is behind.
            expires_at: expires_at.plus(MOST_LEEWAY),
        };
        let (store, wanted) = (self.store.clone(), used.clone());
        let writing = async move { used_tokens::insert(&store, &wanted).await };
        let store = self.store.clone();
        // Nobody was let in by it: whoever got a 503, or went away, may come again with the token.
        let undo = move |first: bool| async move {
            let mut pauses = TAKE_BACK.into_iter();
            while first && let Err(error) = used_tokens::take_back(&store, &used).await {
                let Some(pause) = pauses.next() else {
                    tracing::warn!(%error, issuer = %used.issuer, "a token stays used that let no call in");
                    break;
                };
                tokio::time::sleep(pause).await;
            }
        };
        if self.ask(writing, undo).await? {
            self.counts.used.increment(1);
            return Ok(());
        }
        self.counts.replayed.increment(1);
        Err(replayed(token, None))
    }

    /// Asks the database. What was asked runs to its end even if nobody waits for it any more, since a statement that is
    /// given up costs its connection; an answer that comes too late is `unheard`.
    async fn ask<T, F>(
        &self,
        question: impl Future<Output = Result<T, Error>> + Send + 'static,
        unheard: impl FnOnce(T) -> F + Send + 'static,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Ok(place) = self.queue.clone().try_acquire_owned() else {
            self.counts.unavailable.increment(1);
            return Err(Fault::new(codes::RESOLUTION_OVERLOADED)
                .context("too many calls wait to know whether their token was used before")
                .retry_after(Duration::from_secs(1)));
        };
        let probe = match self.breaker.admit(self.clock.now()) {
            Admission::Closed => None,
            Admission::Probe => Some(Probe(self.breaker.clone())),
            Admission::Open { reason, retry_after } => {
                self.counts.unavailable.increment(1);
                return Err(unknown(&reason).retry_after(retry_after));
            }
        };
        let (sender, receiver) = oneshot::channel();
        let (clock, breaker, timeout) = (self.clock.clone(), self.breaker.clone(), self.timeout);
        self.tasks.spawn(async move {
            let _held = (place, probe);
            let failed = |reason: &str| unknown(reason).retry_after(breaker.failed(clock.now(), reason));
            let mut question = pin!(question);
            let answer = match tokio::time::timeout(timeout, &mut question).await {
                Ok(answer) => answer.map_err(|error| failed(&error.to_string())),
                Err(_) => {
                    let _ = sender.send(Err(failed(&too_slow(timeout))));
                    if let Ok(late) = question.await {
                        unheard(late).await;
                    }
                    return;
                }
            };
            if answer.is_ok() {
                breaker.succeeded();
            }
            if let Err(Ok(late)) = sender.send(answer) {
                unheard(late).await;
            }
        });
        // The task is dropped only when the process is going down, or if it panicked.
        let answer = receiver.await.unwrap_or_else(|_| Err(unknown("the question was abandoned")));
        answer.inspect_err(|_| self.counts.unavailable.increment(1))
    }
}

/// The deciding call of a breaker. Gives its place back however it ends.
struct Probe(Arc<Breaker>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probe_ended();
    }
}

fn digest_of_jti(token: &TokenCaller) -> Result<[u8; 32], Fault> {
    let wrong = |what: &str| {
        Err(Fault::new(codes::CLAIM_INVALID).detail(format!("`jti` is {what}")).context(format!(
            "tokens of issuer `{}` are for one call, and are told apart by their `jti`",
            token.issuer()
        )))
    };
    match token.claims().jti() {
        Text::Is(jti) if !jti.is_empty() => Ok(sha256(jti.as_bytes())),
        Text::Is(_) => wrong("empty"),
        Text::Other(kind) => wrong(&format!("{kind} instead of a string")),
        // The issuer's rules require it.
        Text::Missing => Err(Fault::new(codes::CLAIM_MISSING).detail("required claim is missing: `jti`")),
    }
}

fn replayed(token: &TokenCaller, at: Option<Timestamp>) -> Fault {
    let first = at.map_or("at the same moment".to_owned(), Timestamp::rfc3339);
    Fault::new(codes::TOKEN_REPLAYED)
        .detail("each token of this issuer is for one call: get a new one for every call, also for one that is tried again")
        .context(format!("issuer `{}`: the token, or another with the same `jti`, let a call in: {first}", token.issuer()))
}

fn unknown(reason: &str) -> Fault {
    Fault::new(codes::RESOLUTION_UNAVAILABLE)
        .context(format!("whether the token was used before cannot be known: {reason}"))
        .retry_after(Duration::from_secs(1))
}

fn too_slow(timeout: Duration) -> String {
    format!("the database did not answer within {} ms", timeout.as_millis())
}
